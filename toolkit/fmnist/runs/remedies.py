"""Commands that make what a report lacks, as a shell takes them."""

from __future__ import annotations

import shlex
from pathlib import Path


def export_command(folder: Path) -> str:
    """What exports a run."""
    return shlex.join(["fmnist", "export", str(folder), "--format", "all", "--quantize", "all"])


def result_command(folder: Path, kind: str) -> str:
    """What makes a run's ``eval``, ``parity`` or ``bench``, where a report finds it."""
    return shlex.join(["fmnist", kind, str(folder), "--json", str(folder / f"{kind}.json")])


def pictures_command(folder: Path) -> str:
    """What makes the report with pictures, once FOLDER is where the images are."""
    return shlex.join(["fmnist", "report", str(folder), "--data-dir", "FOLDER"])
