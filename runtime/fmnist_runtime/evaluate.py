"""Accuracy of scores against the true classes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.data.labels import is_numbered
from fmnist_runtime.engines.session import Session
from fmnist_runtime.errors import DatasetError, ModelError


@dataclass(frozen=True)
class Evaluation:
    """A model's accuracy, overall and by class."""

    images: int
    """Number of images."""
    correct: int
    """Images that got their true class; among equal scores the lowest index counts."""
    accuracy: float
    """correct / images."""
    class_accuracy: tuple[Annotated[float, "NaN"], ...]
    """Share of each true class that was found (its recall); NaN for a class without images."""
    confusion: NDArray[np.int64]
    """``[classes, classes]``: images of a true class (row) that got a class (column)."""


def score_dataset(session: Session, dataset: Dataset) -> tuple[NDArray[np.float32], float]:
    """Score all images of a data set, and measure the time.

    Returns:
        float32 ``[N, classes]``, and seconds for all images, after a first block that is not timed.

    Raises:
        DatasetError: The model does not know all classes of the data set.
        ShapeError: The images do not fit the model.
        NonFiniteScoresError: The model's scores are NaN or infinite.
    """
    require_classes(session, dataset)
    session.scores(dataset.images[:256])
    start = time.perf_counter_ns()
    scores = session.scores(dataset.images)
    return scores, (time.perf_counter_ns() - start) / 1e9


def require_classes(session: Session, dataset: Dataset) -> None:
    """Check that a model knows all classes of a data set, and none by another index.

    Raises:
        DatasetError: It does not.
    """
    path, labels = session.info.path, [label.casefold() for label in session.info.labels]
    if int(dataset.targets.max()) >= len(labels):
        raise DatasetError(f"{path}: has {len(labels)} classes, but {dataset.name} has {len(dataset.labels)}")
    if is_numbered(session.info.labels) or is_numbered(dataset.labels):
        return
    for index, name in enumerate(dataset.labels):
        if name.casefold() in labels and labels[index : index + 1] != [name.casefold()]:
            place = labels.index(name.casefold())
            raise DatasetError(
                f"{path}: its class {place} is called {name!r}, which is class {index} of {dataset.name}; "
                f"give the names of {dataset.name}, in the order of the model's scores, with --labels FILE"
            )


def evaluate(scores: NDArray[np.float32], targets: NDArray[np.uint8]) -> Evaluation:
    """Compare scores with the true classes.

    Args:
        scores: float32 ``[N, classes]``.
        targets: uint8 ``[N]``, each less than the number of classes.

    Raises:
        ModelError: The numbers of scores and targets differ.
    """
    if len(scores) != len(targets):
        raise ModelError(f"{len(scores):,} rows of scores do not fit {len(targets):,} true classes")
    classes = scores.shape[1]
    answers = scores.argmax(axis=1)
    cells = np.bincount(targets.astype(np.intp) * classes + answers, minlength=classes * classes)
    confusion = cells.reshape(classes, classes)
    totals = confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):
        recall = np.diagonal(confusion) / totals
    correct = int(np.trace(confusion))
    return Evaluation(
        images=len(targets),
        correct=correct,
        accuracy=correct / len(targets),
        class_accuracy=tuple(float(share) for share in recall),
        confusion=confusion,
    )
