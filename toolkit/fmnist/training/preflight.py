"""What is checked before a training, so that none fails after its epochs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from fmnist.runs.run import Run
from fmnist.runs.settings import TrainSettings
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.errors import DatasetError, OutputError

_BYTES_PER_WEIGHT = 50
"""Free space to ask for: model, checkpoint and the one before it, each with two moments of Adam in
float32, and the weights before training make 40."""


def load_test_split(training: Dataset, data_dir: Path | None) -> Dataset:
    """The test split, with the training split's classes.

    Raises:
        DatasetError: It has other classes or images of another shape.
    """
    test = load_dataset(training.name, "test", data_dir)
    if test.images.shape[1:] != training.images.shape[1:]:
        raise DatasetError(
            f"{training.name}: training images have shape {training.images.shape[1:]}, "
            f"test images {test.images.shape[1:]}"
        )
    if int(test.targets.max()) >= len(training.labels):
        raise DatasetError(
            f"{training.name}: test label {test.targets.max()} is none of the "
            f"{len(training.labels)} classes of the training images"
        )
    return replace(test, labels=training.labels)


def require_enough(training: Dataset, settings: TrainSettings) -> None:
    """Check that there is something to learn and something to validate on.

    Raises:
        DatasetError: There is not.
    """
    if len(training.labels) < 2:
        raise DatasetError(f"{training.name}: has one class; telling classes apart takes two")
    if int(training.targets.max()) + 1 < len(training.labels):
        raise DatasetError(
            f"{training.name}: labels.txt names {len(training.labels)} classes, but the training images "
            f"are of the first {training.targets.max() + 1}"
        )
    split = settings.validation_split
    kept = int(len(training.images) * (1 - split))  # as Keras splits
    if kept == 0 or (split and kept == len(training.images)):
        raise DatasetError(
            f"{training.name}: {len(training.images)} training images cannot be split into training and "
            f"validation by {split:g}"
        )


def require_space(run: Run, parameters: int) -> None:
    """Check that the disk has room for the run.

    Raises:
        OutputError: It has not.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    needed = space_needed(parameters)
    free = shutil.disk_usage(run.folder).free
    if free < needed:
        raise OutputError(f"{run.folder}: {free / 1e6:.1f} MB are free, training needs {needed / 1e6:.1f} MB")


def space_needed(parameters: int) -> int:
    """Bytes that a run of so many weights takes at most while it trains."""
    return _BYTES_PER_WEIGHT * parameters + 2_000_000  # and scores, history, records
