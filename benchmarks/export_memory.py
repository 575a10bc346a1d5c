"""Measure the memory of `fmnist export` by every recipe, and of `fmnist eval` against Keras's prediction.

Peaks of the commands with all their processes, on networks with large activations: MobileNetV2 at 96×96 with
4,000 training images, and EfficientNetB0 and a network with hard swish at 32×32 with 16,000. The evaluated
original is the MobileNetV2; `predict` gets the same test images in a process of its own. Exits 1 if a limit
is broken. Writes results/export_memory.json.

Usage: export_memory.py [--work FOLDER]. Networks and images in FOLDER are reused; by default they are made in
a temporary folder.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from architectures import PEAK_LIMIT_GB, artifacts, export_command
from claims import Claim, conclude
from processes import FMNIST
from side_by_side import progress, report
from tree_memory import Usage, measure
from zoo import NETWORKS, data_folder, trained, work_folder

EXPORTED = ("hard-swish", "efficientnetb0", "mobilenetv2-96")
EVALUATED = "mobilenetv2-96"
FILES = 7
"""Every recipe except npz, which only holds dense layers. Checked because an export that ends early uses
little memory."""
ROUNDS = 3
EVAL_LIMIT = 1.2
"""Maximum memory of `fmnist eval` as a multiple of Keras's own prediction."""
OURS, KERAS, KERAS_FLOATS = "fmnist eval", "Keras's predict", "Keras's predict of floats"

# The limit applies to the smaller one: images stay uint8, and Keras converts one batch at a time to floats.
PREDICT_SCRIPT = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
from fmnist_runtime.data.datasets import load_dataset

keras.saving.load_model(sys.argv[1]).predict(load_dataset(sys.argv[2], "test").images, verbose=0)
"""
PREDICT_FLOATS_SCRIPT = PREDICT_SCRIPT.replace(".images", '.images.astype("float32")')


def exports(work: Path, models: dict[str, Path]) -> dict[str, tuple[Usage, int]]:
    """Export each network into a temporary folder; return the usage and the number of files."""
    found = {}
    for name in EXPORTED:
        with tempfile.TemporaryDirectory() as out:
            data = data_folder(work, NETWORKS[name].data)
            usage = measure(export_command(models[name], data, Path(out)))
            found[name] = usage, len(artifacts(models[name], Path(out)))
        progress(f"{name}: exported, {usage.peak_bytes / 1e9:.2f} GB")
    return found


def evaluations(model: Path, data: Path) -> dict[str, list[Usage]]:
    """Run all ways to score the test images in turn."""
    commands = {
        OURS: [FMNIST, "eval", str(model), "--dataset", str(data)],
        KERAS: [sys.executable, "-c", PREDICT_SCRIPT, str(model), str(data)],
        KERAS_FLOATS: [sys.executable, "-c", PREDICT_FLOATS_SCRIPT, str(model), str(data)],
    }
    found: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            found[name].append(measure(command))
    return found


def record(usage: Usage) -> dict[str, Any]:
    """Return the recorded part of a command's usage."""
    return {
        "exit": usage.exit,
        "seconds": round(usage.seconds, 1),
        "peak_bytes": usage.peak_bytes,
        "killed": usage.killed,
    }


def row(name: str, usage: Usage) -> list[str]:
    """Return a command's row of the table."""
    end = "killed for its memory" if usage.killed else f"exit {usage.exit}"
    return [name, f"{usage.peak_bytes / 1e9:.2f}", f"{usage.seconds:.0f}", end]


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path)
    with work_folder(parser.parse_args().work) as work:
        models = trained(work, EXPORTED)
        exported = exports(work, models)
        evaluated = evaluations(models[EVALUATED], data_folder(work, NETWORKS[EVALUATED].data))
    rows = [row(f"export, {name}", usage) for name, (usage, _) in exported.items()]
    rows += [row(f"{name}, {EVALUATED}", usage) for name, usages in evaluated.items() for usage in usages]
    report("Whole commands", ["command", "peak GB", "s", "end"], rows)
    ratio = statistics.median(
        ours.peak_bytes / keras.peak_bytes
        for ours, keras in zip(evaluated[OURS], evaluated[KERAS], strict=True)
    )
    failed = sum(usage.exit != 0 for usages in evaluated.values() for usage in usages)
    claims = [Claim("failed evaluations", failed, "", 0)]
    for name, (usage, files) in exported.items():
        claims.append(Claim(f"export of {name}: peak memory", usage.peak_bytes / 1e9, "GB", PEAK_LIMIT_GB))
        claims.append(Claim(f"export of {name}: files, rejected or not", files, "", FILES, at_least=True))
    claims.append(Claim(f"peak memory: {OURS} ÷ {KERAS}", ratio, "times", EVAL_LIMIT))
    figures = {
        "exports": {name: record(usage) | {"files": files} for name, (usage, files) in exported.items()},
        "evaluations": {name: [record(usage) for usage in usages] for name, usages in evaluated.items()},
    }
    conclude("export_memory", claims, figures)


if __name__ == "__main__":
    main()
