"""The tiny run with all results, which reports are made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import TINY, run_fmnist

_QUICK = ("--duration", 0.3, "--processes", 2)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run with eval.json, parity.json and bench.json; copy it before you change it.

    The artifacts are timed where they are in no run, else Keras would be, too: two thirds of all the time.
    """
    folder = tmp_path_factory.mktemp("report")
    run = Path(shutil.copytree(TINY, folder / "tiny"))
    timed = Path(shutil.copytree(TINY / "export", folder / "timed"))
    for verb, arguments, statuses in (
        ("eval", (run,), {0}),
        ("parity", (run,), {0, 3}),
        ("bench", (*sorted(timed.glob("model-*")), *_QUICK), {0}),
    ):
        result = run_fmnist(folder, verb, *arguments, "--json", run / f"{verb}.json")
        assert result.returncode in statuses, result.stderr
    return run


@pytest.fixture
def run(tiny_run, tmp_path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(tiny_run, tmp_path / "runs" / "tiny"))
