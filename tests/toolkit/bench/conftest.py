"""A real benchmark, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import TINY, run_fmnist


@pytest.fixture(scope="package")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ``model-int8.tflite``, outside of its run, and ``bench.json`` of it, of two processes."""
    folder = tmp_path_factory.mktemp("timed")
    shutil.copy(TINY / "export" / "model-int8.tflite", folder)
    result = run_fmnist(
        folder, "bench", "model-int8.tflite", "--duration", 0.1, "--processes", 2, "--json", "bench.json"
    )
    assert result.returncode == 0, result.stderr
    return folder
