"""Check that `fmnist bench` gives the same results again on a quiet machine, and notices a busy one.

The command runs twice in a row on three artifacts, with its defaults; then twice more while another process
computes on one core; then once on six artifacts and their original, to measure its duration. Exits 1 if
medians of the quiet runs differ by more than 5%, a verdict beside the busy process is STABLE, or the last run
takes more than two minutes. Writes results/repeatability.json. Usage: repeatability.py [RUN], a trained and
fully exported run. Without RUN, one is made in a temporary folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from claims import Claim, conclude
from side_by_side import progress, report
from trained import DATA, SIX, artifacts, named_or_trained

TIMED = ("tflite int8", "tflite float32", "onnx float32")
LIMIT_PERCENT, LIMIT_S = 5, 120
BUSY = "while True: pass"
COMMAND = [sys.executable, "-m", "fmnist", "bench", "--data-dir", str(DATA), "--json", "-"]


def bench(paths: list[Path]) -> list[dict[str, Any]]:
    """Return the models' figures from the command."""
    done = subprocess.run([*COMMAND, *map(str, paths)], check=True, capture_output=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["models"]
    return found


def table(title: str, runs: list[list[dict[str, Any]]]) -> None:
    """Print medians and verdicts of two runs side by side."""
    rows = [
        [model["name"], *(f"{item['p50_us']['value']:.2f} {item['verdict']}" for item in (model, again))]
        for model, again in zip(*runs, strict=True)
    ]
    report(title, ["model", "p50 µs", "again"], rows)


def summary(runs: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Return the recorded part of runs."""
    keys = ("name", "p50_us", "p99_us", "process_medians_us", "verdict", "reasons")
    return [[{key: model[key] for key in keys} for model in models] for models in runs]


def main() -> None:
    """Measure and record; exit 1 if a limit is broken."""
    with named_or_trained() as run, tempfile.TemporaryDirectory() as folder:
        files = artifacts(run)
        # Copied out of the run, so that the original is not timed, too.
        copies = [Path(shutil.copy(files[recipe], folder)) for recipe in TIMED]
        progress("quiet, twice")
        quiet = [bench(copies) for _ in range(2)]
        progress("beside a busy process, twice")
        with subprocess.Popen([sys.executable, "-c", BUSY]) as busy:
            disturbed = [bench(copies) for _ in range(2)]
            busy.kill()
        progress("a full sweep")
        start = time.perf_counter()
        bench([files[recipe] for recipe in SIX])
        seconds = time.perf_counter() - start
    table("On a quiet machine", quiet)
    table("Beside a process that computes", disturbed)
    ratios = [
        again["p50_us"]["value"] / model["p50_us"]["value"] for model, again in zip(*quiet, strict=True)
    ]
    trusted = sum(model["verdict"] == "STABLE" for models in disturbed for model in models)
    promised = [
        Claim(
            "largest difference between the medians of two runs",
            max(100 * abs(ratio - 1) for ratio in ratios),
            "%",
            LIMIT_PERCENT,
        ),
        Claim("STABLE verdicts beside a busy process", trusted, "", 0),
        Claim("time to bench six artifacts and the original", seconds, "s", LIMIT_S),
    ]
    figures = {"quiet": summary(quiet), "beside_a_busy_process": summary(disturbed), "sweep_s": seconds}
    conclude("repeatability", promised, figures)


if __name__ == "__main__":
    main()
