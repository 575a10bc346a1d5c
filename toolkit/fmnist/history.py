"""The course of a training, read back from ``history.csv``."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import require_file


@dataclass(frozen=True)
class History:
    """Loss and accuracy, one value an epoch."""

    epochs: tuple[int, ...]
    """Numbers of the epochs."""
    loss: tuple[float, ...]
    """Mean cross-entropy on the training images."""
    accuracy: tuple[float, ...]
    """Accuracy on the training images, from 0 to 1."""
    val_loss: tuple[float, ...]
    """Mean cross-entropy on the validation images."""
    val_accuracy: tuple[float, ...]
    """Accuracy on the validation images, from 0 to 1."""


def read_history(path: Path) -> History:
    """Read what training recorded of each epoch.

    Raises:
        ResultError: The file is missing, damaged, or has no epochs.
    """
    require_file(path, "a history.csv, which fmnist train writes", ResultError)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        columns = {
            name: tuple(float(row[name]) for row in rows)
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
        }
        epochs = tuple(int(row["epoch"]) for row in rows)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ResultError(f"{path}: is damaged ({error!r}); train the run again") from error
    if not epochs:
        raise ResultError(f"{path}: has no epochs; train the run again")
    if not any(math.isfinite(value) for column in columns.values() for value in column):
        raise ResultError(f"{path}: has no numbers that could be drawn; train the run again")
    return History(epochs, **columns)
