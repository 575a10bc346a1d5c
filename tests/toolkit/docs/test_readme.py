"""The README's examples work, and its tables are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from support import DATA, ROOT, TINY
from typer.main import get_command

from fmnist.cli.main import app
from fmnist_exporters.recipes import RECIPES

README = (ROOT / "README.md").read_text(encoding="utf-8")
PARITY_TEST, SESSION = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_python_example_runs(tmp_path):
    """On the tiny run, with the README's name for it."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "fashion-mnist").symlink_to(TINY)
    result = subprocess.run(
        [sys.executable, "-c", SESSION],
        cwd=tmp_path,
        env={**os.environ, "FMNIST_DATA": str(DATA)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    label, accuracy = result.stdout.rsplit(maxsplit=1)
    assert label == "Ankle boot"
    assert 0.8 < float(accuracy) < 0.9


def test_the_parity_test_passes(tmp_path):
    """On the tiny run, as a user's own test."""
    (tmp_path / "model-int8.tflite").symlink_to(TINY / "export" / "model-int8.tflite")
    (tmp_path / "reference.npz").symlink_to(TINY / "reference.npz")
    (tmp_path / "test_mine.py").write_text(PARITY_TEST)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_mine.py"],
        cwd=tmp_path,
        env={**os.environ, "FMNIST_DATA": str(DATA)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in result.stdout


def test_every_verb_is_in_its_table():
    assert set(re.findall(r"^\| `fmnist (\w+)` \|", README, re.MULTILINE)) == set(get_command(app).commands)


def test_every_recipe_is_in_its_table_with_its_gate():
    rows = re.findall(r"^\| (tflite|onnx|npz|c) \| (\S+) \| [^|]* \| ([\d.]+) points", README, re.MULTILINE)
    expected = [(r.format, r.scheme, f"{100 * r.gate.max_drop:.1f}") for r in RECIPES]
    assert rows == expected
