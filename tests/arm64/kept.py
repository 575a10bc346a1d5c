"""Folders that take long to make, kept between runs in the user's cache."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def cache() -> Path:
    """Where they are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fmnist-emulated-pi"


def keep(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder, unless it is there, which it is whole or not at all.

    Processes that want the same one wait for each other. None is ever removed: others may be in it, and would
    lose what they have mounted there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        unfinished.rename(folder)
