"""Paths, and the command as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data"
TINY = Path(__file__).parent / "models" / "tiny"
"""A small trained run (784-16-10) with artifacts; tests/models/generate.py made it."""


def run_fmnist(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``fmnist`` in a process of its own, as a user does who has the data in $FMNIST_DATA."""
    environment = {**os.environ, "FMNIST_DATA": str(DATA), "PYTHONUTF8": "1"}
    environment.pop("FMNIST_DEBUG", None)
    return subprocess.run(
        [sys.executable, "-m", "fmnist", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
