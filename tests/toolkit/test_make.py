"""`make`, with Pythons that only say what they are asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ROOT

MAKE = shutil.which("make") or "make"
INTERPRETER = """#!/bin/sh
{body}
echo "$0 ${{OPENBLAS_CORETYPE:-any}} ${{OPENBLAS_NUM_THREADS:-all}} $*" >> {log}
"""
PYTHON = """#!{executable}
import sys
from pathlib import Path
with open({log!r}, "a") as log:
    print(*sys.argv, file=log)
if sys.argv[1] == "-c":
    sys.version_info = {numbers}
    exec(sys.argv[2])
if sys.argv[1:3] == ["-m", "venv"]:
    python = Path(sys.argv[-1], "bin", "python")
    if "--clear" in sys.argv:
        python.unlink(missing_ok=True)
    if not python.exists():
        python.parent.mkdir(parents=True, exist_ok=True)
        python.symlink_to(Path(sys.argv[0]).resolve())
"""
"""As much of a Python as `make` asks for. As the real one, venv leaves a Python that is there."""
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
    """`make` in a folder of its own, with no programs but those of ``path``."""
    (tmp_path / "path").mkdir()
    for name in ("sh", "touch"):
        found = shutil.which(name)
        assert found
        (tmp_path / "path" / name).symlink_to(found)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "OPENBLAS"))
        }
        inherited.pop("PYTHON", None)
        return subprocess.run(
            [MAKE, *arguments],
            cwd=tmp_path,
            env={**inherited, "PATH": str(tmp_path / "path")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


# Which Python an environment is made with


@pytest.fixture
def python(tmp_path: Path, log: Path) -> Callable[[str, str], Path]:
    """Put a Python of a version on the path, under a name."""

    def put(name: str, version: str) -> Path:
        path = tmp_path / "path" / name
        numbers = tuple(map(int, version.split(".")))
        path.write_text(PYTHON.format(executable=sys.executable, log=str(log), numbers=numbers))
        path.chmod(0o755)
        return path

    return put


def environments(log: Path) -> list[str]:
    """The Pythons that environments were made with."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [Path(line.split()[0]).name for line in lines if " -m venv " in line]


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        ({"python3": "3.11.2"}, "python3"),
        ({"python3": "3.13.1", "python3.11": "3.11.2"}, "python3"),
        ({"python3": "3.14.0", "python3.12": "3.12.3"}, "python3.12"),
        ({"python3": "3.14.0", "python3.11": "3.11.2", "python3.13": "3.13.1"}, "python3.13"),
        ({"python3": "3.9.2", "python3.11": "3.11.2"}, "python3.11"),
        ({"python3.12": "3.12.3"}, "python3.12"),
    ],
    ids=str,
)
def test_a_python_that_tensorflow_has_wheels_for_is_found(make, python, log, installed, chosen):
    for name, version in installed.items():
        python(name, version)
    result = make(".venv/.installed")
    assert (result.returncode, result.stderr) == (0, "")
    assert environments(log) == [chosen]
    assert ".venv/bin/python -m pip install" in log.read_text()


@pytest.mark.parametrize(
    ("installed", "found"),
    [({"python3": "3.14.0"}, "python3 is 3.14"), ({"python3": "3.9.2"}, "python3 is 3.9"), ({}, "none")],
)
@pytest.mark.parametrize("target", ["demo", "test", "lint", "test-kernels"])
def test_without_one_a_line_says_what_to_install(make, python, log, target, installed, found):
    for name, version in installed.items():
        python(name, version)
    result = make(target)
    assert result.returncode == 2
    said, end = result.stderr.splitlines()
    assert said == (
        "fmnist: .venv needs Python 3.13, 3.12 or 3.11, for which all of its packages have wheels "
        f"(found: {found}): install one, or name it: make PYTHON=/path/to/python3.13"
    )
    assert end.startswith("make: *** ")
    assert environments(log) == []


def test_a_python_that_is_named_is_taken_and_no_other(make, python, log):
    python("python3", "3.13.1")
    mine = python("mine", "3.12.3")
    assert make(".venv/.installed", f"PYTHON={mine}").returncode == 0
    assert environments(log) == ["mine"]
    newest = python("newest", "3.14.0")
    result = make("--always-make", ".venv/.installed", f"PYTHON={newest}")
    assert f"(found: {newest} is 3.14)" in result.stderr
    assert environments(log) == ["mine"]


def test_a_device_needs_no_tensorflow(make, python, log):
    python("python3", "3.14.0")
    assert make(".venv-device/.installed").returncode == 0
    assert environments(log) == ["python3"]
    python("python3", "3.15.0")
    result = make("--always-make", ".venv-device/.installed")
    assert "fmnist: .venv-device needs Python 3.14, 3.13, 3.12 or 3.11, " in result.stderr


def test_an_environment_of_another_python_is_made_anew(make, python, tmp_path):
    """As where pip failed: `python -m venv` leaves the Python that it finds."""
    mine = python("mine", "3.14.0")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(mine)
    chosen = python("python3.12", "3.12.3")
    assert make(".venv/.installed").returncode == 0
    assert (tmp_path / ".venv" / "bin" / "python").resolve() == chosen


def test_without_venv_a_line_says_what_to_install(make, tmp_path, log):
    program(tmp_path / "path" / "python3", 'case "$1" in -c) echo 3.11;; *) exit 1;; esac', log)
    result = make("demo")
    assert "on Debian, install venv first: apt install python3.11-venv\n" in result.stderr


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
        "OPENBLAS_CORETYPE=SkylakeX: skipped, this processor lacks its instructions (SIGILL)\n"
        in result.stdout
    )
    assert kernels_used(log) == [["Haswell", "all"], ["Prescott", "all"], ["any", "1"]]


def test_a_numpy_that_does_not_load_leaves_nothing_out(make, tmp_path, log):
    installed(tmp_path, 'case "$*" in -c*) echo no numpy >&2; exit 1;; esac', log)
    result = make("test-kernels")
    assert result.returncode == 2
    assert "OPENBLAS_CORETYPE=Haswell: a matrix product fails: no numpy\n" in result.stderr
    assert not log.exists()


def test_tests_that_fail_with_some_kernels_end_it(make, tmp_path, log):
    installed(tmp_path, 'case "$OPENBLAS_CORETYPE $*" in "SkylakeX -m"*) exit 1;; esac', log)
    assert make("test-kernels").returncode == 2
    assert kernels_used(log) == [["Haswell", "all"]]
