"""``history.csv``: the metrics of each epoch of a training."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fmnist.results.read import MaybeNaN
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import require_file


@dataclass(frozen=True)
class Epoch:
    """Metrics of one epoch."""

    epoch: int
    """Number of the epoch, from 1."""
    loss: float
    """Mean cross-entropy on the training images, dropout on."""
    accuracy: float
    """Accuracy on the training images, dropout on, from 0 to 1."""
    val_loss: MaybeNaN
    """Mean cross-entropy on the validation images; NaN where there are none."""
    val_accuracy: MaybeNaN
    """Accuracy on the validation images, from 0 to 1; NaN where there are none."""
    seconds: float
    """Duration in seconds."""


def history_csv(epochs: tuple[Epoch, ...]) -> bytes:
    """Return a history as the content of a CSV file."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=[field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in epochs)
    return buffer.getvalue().encode()


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Read a history.

    Raises:
        ResultError: The file is missing, damaged, or has no epochs.
    """
    require_file(path, "a history.csv, which fmnist train writes", ResultError)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        epochs = tuple(
            Epoch(int(row["epoch"]), *(float(row[field.name]) for field in fields(Epoch)[1:])) for row in rows
        )
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ResultError(f"{path}: is damaged ({error!r}); train the run again") from error
    if not epochs:
        raise ResultError(f"{path}: has no epochs; train the run again")
    return epochs
