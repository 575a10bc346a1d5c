"""Checkpoints: the state of a training after an epoch, complete or absent.

Each is a folder ``checkpoints/epoch-0003`` with the model and its optimizer, the history up to that epoch,
and the settings. It is written under another name, and renamed when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.results.read import read_json
from fmnist.results.write import plain
from fmnist.runs.history import Epoch, read_history
from fmnist.runs.run import Run
from fmnist.runs.settings import TrainSettings
from fmnist_runtime.errors import OutputError, ResultError

MODEL, HISTORY, STATE = "model.keras", "history.csv", "state.json"
SCHEMA = "fmnist.checkpoint/1"


@dataclass(frozen=True)
class Checkpoint:
    """A state from which a training can be continued."""

    model: Path
    """The ``.keras`` file, with the optimizer's state."""
    epochs: tuple[Epoch, ...]
    """The history so far."""
    settings: TrainSettings | None
    """Settings of the training; None for a model without a record."""
    train_digest: str
    """Digest of the training split; empty if unknown."""
    input_range: str | None = None
    """What pixels become in front of somebody else's model, by the user; else None."""


def latest_checkpoint(run: Run) -> Checkpoint | None:
    """Return the last checkpoint of a run, or None.

    Raises:
        ResultError: It is damaged.
    """
    folders = sorted(run.checkpoints.glob("epoch-[0-9]*"))
    if not folders:
        return None
    folder = folders[-1]
    state = read_json(folder / STATE)
    try:
        if state["schema"] != SCHEMA:
            raise ValueError(f"its schema is {state['schema']}")
        settings = TrainSettings.from_record(state["settings"])
        return Checkpoint(
            model=folder / MODEL,
            epochs=read_history(folder / HISTORY),
            settings=settings,
            train_digest=str(state["train_digest"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{folder}: is damaged ({error}); delete it") from error


def write_checkpoint(run: Run, epoch: int, files: dict[str, bytes]) -> None:
    """Write a checkpoint after so many finished epochs, then remove the earlier ones.

    Files are content by file name.

    Raises:
        OutputError: It cannot be written; the one before is kept.
    """
    folder = run.checkpoints / f"epoch-{epoch:04}"
    unfinished = run.checkpoints / f".{folder.name}"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, content in files.items():
            with (unfinished / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        unfinished.rename(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); free some space") from error
    for older in run.checkpoints.glob("epoch-[0-9]*"):
        if older != folder:
            shutil.rmtree(older, ignore_errors=True)


def remove_checkpoints(run: Run) -> None:
    """Remove the checkpoints of an earlier training."""
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def state_json(settings: TrainSettings, train_digest: str) -> bytes:
    """Return the content of a checkpoint's ``state.json``."""
    state: dict[str, Any] = {"schema": SCHEMA, "settings": plain(settings), "train_digest": train_digest}
    return (json.dumps(state, indent=1) + "\n").encode()
