"""No file may crash, hang or exhaust memory: mutants by the thousand, and each kind of attack by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support import ROOT

FUZZING = ROOT / "tests" / "support" / "fuzzing.py"
BATCH = 100
MUTANTS = {
    **{"tflite": 900, "onnx": 700, "npz": 400, "tflite on numpy": 200, "onnx on numpy": 200},
    **{"idx": 500, "image": 500, "labels": 300, "reference": 100},
    **{"tflite metadata": 300, "onnx metadata": 200},
}


def try_mutants(kind: str, first: int, last: int, folder: Path) -> Counter[str]:
    """Try them in a child.

    Raises:
        AssertionError: One of them was not taken as it should be; the text says which.
    """
    paths = [str(ROOT / name) for name in ("runtime", "exporters", "toolkit", "tests")]
    child = subprocess.run(
        [sys.executable, str(FUZZING), kind, str(first), str(last), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = child.stdout.splitlines()
    culprit = lines[-1] if lines else first
    assert child.returncode == 0, f"{kind} mutant {culprit}: exit {child.returncode}, {child.stderr[-2000:]}"
    return Counter(json.loads(lines[-1]))


@pytest.mark.parametrize("kind", MUTANTS)
def test_a_mutant_is_refused_or_used(kind, tmp_path):
    count = MUTANTS[kind]
    seen: Counter[str] = Counter()
    for first in range(0, count, BATCH):
        seen += try_mutants(kind, first, min(first + BATCH, count), tmp_path)
    assert seen.total() == count
    # Mutants that nothing refuses, or everything, would try only half of what is to be tried. Of a TFLite
    # model that says something damaged of itself that alone is not used.
    assert seen["refused"] > count / 20 or kind == "tflite metadata"
    assert seen["used"] >= count / 100
