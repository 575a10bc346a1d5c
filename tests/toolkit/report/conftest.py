"""The tiny run with all its results, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import TINY, run_fmnist


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run with ``eval.json``, ``parity.json`` and ``bench.json``; nobody writes to it."""
    folder = tmp_path_factory.mktemp("reported")
    run = Path(shutil.copytree(TINY, folder / "tiny"))
    # Timed outside of the run, where no original lies beside them: Keras alone takes ten seconds to load.
    apart = shutil.copytree(run / "export", folder / "apart", ignore=shutil.ignore_patterns("manifest.json"))
    for verb, *arguments in (
        ("eval", run),
        ("parity", run),
        ("bench", *sorted(Path(apart).iterdir()), "--duration", 0.1, "--processes", 1),
    ):
        result = run_fmnist(folder, verb, *arguments, "--json", run / f"{verb}.json")
        assert result.returncode == 0, result.stderr
    return run
