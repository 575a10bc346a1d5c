"""`make`, with Pythons that only say what they are asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ROOT

INTERPRETER = """#!/bin/sh
{body}
echo "$0 ${{OPENBLAS_CORETYPE:-any}} ${{OPENBLAS_NUM_THREADS:-all}} $*" >> {log}
"""
Make = Callable[..., subprocess.CompletedProcess[str]]


def program(path: Path, body: str, log: Path) -> None:
    """A program that does what is said, and notes how it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(INTERPRETER.format(body=body, log=log))
    path.chmod(0o755)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make` in a folder of its own, where the programs of ``path`` come first."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "OPENBLAS"))
        }
        inherited.pop("PYTHON", None)
        return subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={**inherited, "PATH": f"{tmp_path / 'path'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


# The kernels of NumPy's BLAS


def installed(folder: Path, body: str, log: Path) -> None:
    program(folder / ".venv" / "bin" / "python", body, log)
    (folder / ".venv" / ".installed").touch()


def kernels_used(log: Path) -> list[list[str]]:
    """Core type and threads of each call of pytest."""
    return [line.split()[1:3] for line in log.read_text().splitlines() if " -m pytest " in line]


def test_kernels_take_turns(make, tmp_path, log):
    installed(tmp_path, 'case "$*" in -c*) echo Core: $OPENBLAS_CORETYPE >&2;; esac', log)
    result = make("test-kernels")
    assert (result.returncode, result.stderr) == (0, "")
    assert "OPENBLAS_CORETYPE=Prescott: Core: Prescott\n" in result.stdout
    assert kernels_used(log) == [["Haswell", "all"], ["SkylakeX", "all"], ["Prescott", "all"], ["any", "1"]]


def test_kernels_that_the_processor_cannot_run_are_left_out_and_named(make, tmp_path, log):
    installed(tmp_path, 'case "$OPENBLAS_CORETYPE" in SkylakeX) kill -ILL $$;; esac', log)
    result = make("test-kernels")
    assert result.returncode == 0
    assert (
        "OPENBLAS_CORETYPE=SkylakeX: left out, as this processor lacks its instructions (SIGILL)\n"
        in result.stdout
    )
    assert kernels_used(log) == [["Haswell", "all"], ["Prescott", "all"], ["any", "1"]]


def test_a_numpy_that_does_not_load_leaves_nothing_out(make, tmp_path, log):
    installed(tmp_path, 'case "$*" in -c*) echo no numpy >&2; exit 1;; esac', log)
    result = make("test-kernels")
    assert result.returncode == 2
    assert "OPENBLAS_CORETYPE=Haswell: a product of matrices fails: no numpy\n" in result.stderr
    assert not log.exists()


def test_tests_that_fail_with_some_kernels_end_it(make, tmp_path, log):
    installed(tmp_path, 'case "$OPENBLAS_CORETYPE $*" in "SkylakeX -m"*) exit 1;; esac', log)
    assert make("test-kernels").returncode == 2
    assert kernels_used(log) == [["Haswell", "all"]]
