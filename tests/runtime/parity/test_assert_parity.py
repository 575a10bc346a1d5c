"""A user's own accuracy-parity test of three lines, run by pytest as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import DATA, ROOT, TINY

from fmnist_runtime.parity import Gate, Parity, assert_parity, compare_model

INT8, REFERENCE = TINY / "export" / "model-int8.tflite", TINY / "reference.npz"
LINES = """\
from fmnist_runtime.parity import Gate, assert_parity

def test_the_int8_model_may_replace_the_original():
    assert_parity({model!r}, {reference!r}{gate})
"""


@pytest.fixture
def users_pytest(tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a test file of the user's, in a folder and with a configuration of their own."""

    def run(gate: str = "", reference: Path = REFERENCE) -> subprocess.CompletedProcess[str]:
        content = LINES.format(model=str(INT8), reference=str(reference), gate=gate)
        (tmp_path / "test_parity.py").write_text(content)
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "--color=no", "-p", "no:cacheprovider"],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "runtime"),
                "FMNIST_DATA": str(DATA),
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_one_that_passes(users_pytest):
    result = users_pytest()
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


def test_one_that_fails_says_why_at_the_users_own_line(users_pytest):
    gate = Gate(max_drop=0.0, min_agreement=1.0)
    breaches = compare_model(INT8, REFERENCE, gate=gate, data_dir=DATA).breaches
    assert [breach.gate for breach in breaches] == ["max-drop", "min-agreement"]
    result = users_pytest(", gate=Gate(max_drop=0.0, min_agreement=1.0)")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert f"E       AssertionError: {INT8} may not replace its original" in lines
    for breach in breaches:
        assert f"E       {breach}" in lines
    assert "test_parity.py:4: AssertionError" in lines
    assert any(line.startswith(">       assert_parity(") for line in lines)
    assert "models.py" not in result.stdout  # the user's line is where to look, not ours


def test_what_cannot_be_judged_is_no_failed_parity(users_pytest, tmp_path):
    result = users_pytest(reference=tmp_path / "absent.npz")
    assert result.returncode == 1
    assert "absent.npz: no such file; give the path of a reference.npz" in result.stdout
    assert "AssertionError" not in result.stdout


def test_it_gives_the_comparison_for_further_assertions(monkeypatch):
    monkeypatch.setenv("FMNIST_DATA", str(DATA))
    result = assert_parity(INT8, REFERENCE)
    assert isinstance(result, Parity)
    assert result == compare_model(str(INT8), str(REFERENCE))
    assert result.changes.confident == ()


def test_a_gate_of_ones_own():
    gate = Gate(max_drop=1.0, max_confident_flips=0)
    assert assert_parity(INT8, REFERENCE, gate=gate, data_dir=DATA).gate == gate
    with pytest.raises(
        AssertionError, match=r"^.*model-int8\.tflite may not replace its original\nmin-agreement: "
    ):
        assert_parity(INT8, REFERENCE, gate=Gate(max_drop=1.0, min_agreement=1.0), data_dir=DATA)
