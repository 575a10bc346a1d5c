"""The measured models: a named run, a run made for the benchmark, or the tests' tiny run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fmnist.runs.run import Run

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data"
TINY = ROOT / "tests" / "models" / "tiny" / "export" / "model-int8.tflite"
"""An artifact that is always available, for results that do not depend on the network."""
SIX = (
    "tflite float32",
    "tflite float16",
    "tflite dynamic",
    "tflite int8",
    "tflite int8-full",
    "onnx float32",
)
"""Artifacts for verbs that take several."""


@contextmanager
def named_or_trained() -> Iterator[Run]:
    """Yield the run named by the script's first argument, or a new run in a temporary folder."""
    if len(sys.argv) > 1:
        yield Run(Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        yield train(Path(folder) / "run")


def train(folder: Path) -> Run:
    """Make a run with every artifact, with the command's defaults."""
    for verb in (
        ["train", "--out", str(folder)],
        ["export", str(folder), "--format", "all", "--quantize", "all"],
    ):
        command = [sys.executable, "-m", "fmnist", *verb, "--data-dir", str(DATA)]
        subprocess.run(command, check=True, capture_output=True)
    return Run(folder)


def artifacts(run: Run) -> dict[str, Path]:
    """Return the run's files by recipe, such as ``tflite int8``."""
    return {f"{path.suffix[1:]} {path.stem.removeprefix('model-')}": path for path in run.artifacts()}
