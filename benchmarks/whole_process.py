"""Measure whole processes: a prediction from a cold start, its memory, and its installed size."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from claims import Claim, Part
from packaging.requirements import Requirement
from PIL import Image
from processes import FMNIST, peak_bytes, wall_time
from side_by_side import (
    Times,
    in_turn,
    milliseconds,
    ratio,
    ratio_of_medians,
    report,
)
from trained import ROOT

from fmnist_runtime.data.datasets import Dataset

ROUNDS, LECTURE_ROUNDS = 25, 5
IMPORTS = "import numpy, PIL.Image, typer, ai_edge_litert.interpreter"
IMPORTS_LIMIT, LECTURE_LIMIT = 1.5, 8
"""Maximum time of `fmnist predict` as a multiple of the imports; minimum time of the lecture's script as a
multiple of `fmnist predict`."""
MEMORY_LIMIT_MB = 120
OURS, BARE, LECTURE = "fmnist predict", "the imports alone", "the lecture's script"

# Like the second part of the lecture: load the trained model, and predict one test image. The model ends in
# softmax, so the lecture's extra layer is not needed.
LECTURE_SCRIPT = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from pathlib import Path
import keras
from fmnist_runtime.data.datasets import load_dataset

test = load_dataset("fashion-mnist", "test", Path("data"))
model = keras.saving.load_model(sys.argv[1])
scores = model.predict(test.images[:1].astype("float32"), verbose=0)
print(test.labels[scores[0].argmax()])
"""


def measure(artifact: Path, keras_model: Path, test: Dataset) -> Part:
    """Measure and print.

    Args:
        artifact: The int8 TFLite model.
        keras_model: The original, which the lecture's script runs.
        test: The test images; one of them is predicted.
    """
    with tempfile.TemporaryDirectory() as folder:
        boot = Path(folder) / "boot.png"
        Image.fromarray(test.images[0]).save(boot)
        predict = [FMNIST, "predict", str(artifact), str(boot)]
        sizes = {
            "device, extras tflite and images": _device_bytes(Path(folder) / "device"),
            "tensorflow and what it needs": _installed_bytes("tensorflow"),
        }
        ours, imports = wall_time(predict), wall_time([sys.executable, "-c", IMPORTS])
        beside_imports = in_turn({OURS: ours, BARE: imports}, ROUNDS)
        script = wall_time([sys.executable, "-c", LECTURE_SCRIPT, str(keras_model)])
        beside_lecture = in_turn({OURS: ours, LECTURE: script}, LECTURE_ROUNDS)
        peaks = {
            "fmnist eval": peak_bytes([FMNIST, "eval", str(artifact), "--data-dir", "data"]),
            OURS: peak_bytes(predict),
        }

    slower = _show_ratio("From a cold start", beside_imports, OURS, BARE)
    faster = _show_ratio("Beside the lecture", beside_lecture, LECTURE, OURS)
    megabytes = {**{f"peak memory of {name}": peak for name, peak in peaks.items()}, **sizes}
    report("Space", ["item", "MB"], [[name, f"{value / 1e6:,.1f}"] for name, value in megabytes.items()])
    return Part(
        [
            Claim(f"whole process: {OURS} ÷ {BARE}", slower, "times", IMPORTS_LIMIT),
            Claim(f"whole process: {LECTURE} ÷ {OURS}", faster, "times", LECTURE_LIMIT, at_least=True),
            Claim("peak memory of fmnist eval", peaks["fmnist eval"] / 1e6, "MB", MEMORY_LIMIT_MB),
        ],
        {
            "beside_imports_ms": milliseconds(beside_imports),
            "beside_lecture_ms": milliseconds(beside_lecture),
            "peak_bytes": peaks,
            "installed_bytes": sizes,
        },
    )


def _device_bytes(folder: Path) -> int:
    """Return the size of a device's packages, installed into a folder so that pip itself does not count."""
    pins = str(ROOT / "constraints.txt")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--constraint", pins]
    subprocess.run(
        [*pip, "--build-constraint", pins, f"{ROOT}[tflite,images]"], check=True, capture_output=True
    )
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _installed_bytes(package: str) -> int:
    """Return the size of an installed package with everything it requires."""
    found: dict[str, Distribution] = {}
    wanted = [package]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = distribution(name)
            needed = map(Requirement, found[name].requires or ())
            wanted += [item.name for item in needed if not item.marker or item.marker.evaluate({"extra": ""})]
    paths = {Path(str(file.locate())) for item in found.values() for file in item.files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _show_ratio(title: str, times: dict[str, Times], name: str, base: str) -> float:
    """Print two contenders; return the ratio by round."""
    by_round = ratio(times[name], times[base])
    ratios = {
        name: [f"{ratio_of_medians(times[name], times[base]):.2f}", f"{by_round:.2f}"],
        base: ["1", "1"],
    }
    rows = [[key, f"{times[key].percentile(50) / 1e6:,.0f}", *ratios[key]] for key in (name, base)]
    rounds = len(times[name].rounds)
    report(f"{title} ({rounds} rounds)", ["whole process", "p50 ms", "of medians", "by round"], rows)
    return by_round
