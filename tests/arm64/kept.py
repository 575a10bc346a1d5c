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


def keep(folder: Path, recipe: str, make: Callable[[Path], None]) -> None:
    """Make a folder, unless it is there and was made whole by the same recipe.

    Processes that want the same one wait for each other.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_kept(folder, recipe):
            return
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        (unfinished / ".recipe").write_text(recipe)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)


def is_kept(folder: Path, recipe: str) -> bool:
    """Whether a folder is there whole, made by this recipe."""
    stamp = folder / ".recipe"
    return stamp.exists() and stamp.read_text() == recipe
