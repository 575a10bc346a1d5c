"""A run of which everything is known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import TINY, run_fmnist


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run with the results of eval, parity and bench in it; not to be changed."""
    folder = tmp_path_factory.mktemp("report")
    run = Path(shutil.copytree(TINY, folder / "tiny"))
    for verb, *options in (("eval",), ("parity",), ("bench", "--duration", 0.05, "--processes", 1)):
        result = run_fmnist(folder, verb, run, *options, "--json", run / f"{verb}.json")
        assert result.returncode == 0, result.stderr
    return run
