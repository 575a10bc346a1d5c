"""Copies of the tiny run with all results, which reports are made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def run(tiny_run, tmp_path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(tiny_run, tmp_path / "runs" / "tiny"))
