"""Which classes a model takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmnist.runs.results import ModelResults
from fmnist_runtime.evaluate import Evaluation

MOST_CLASSES = 40
"""Above that a matrix has too many cells for a page, and the most frequent confusions are listed alone."""
_LISTED = 12
_LISTED_ALONE = 50


@dataclass(frozen=True)
class Confused:
    """The images of one class that were taken for another."""

    true: int
    """Their class."""
    answer: int
    """The class that was answered."""
    images: int
    """How many there are."""
    share: float
    """Share of the images of their class."""


def most_confused(evaluation: Evaluation) -> tuple[Confused, ...]:
    """The most frequent confusions, the most frequent first; of equal ones the lower class."""
    matrix = evaluation.confusion
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    listed = _LISTED if len(matrix) <= MOST_CLASSES else _LISTED_ALONE
    order = np.argsort(-wrong, axis=None, kind="stable")[:listed]
    places = (divmod(int(place), len(matrix)) for place in order)
    return tuple(
        Confused(true, answer, int(wrong[true, answer]), float(wrong[true, answer] / matrix[true].sum()))
        for true, answer in places
        if wrong[true, answer]
    )


def confusion_data(models: Sequence[ModelResults]) -> list[dict[str, Any] | None]:
    """What the script shows of each model: the matrix where it is small enough, and the list."""
    return [_model_data(model.evaluation) if model.evaluation else None for model in models]


def _model_data(evaluation: Evaluation) -> dict[str, Any]:
    matrix = evaluation.confusion
    return {
        "matrix": matrix.tolist() if len(matrix) <= MOST_CLASSES else None,
        "most": [[item.true, item.answer, item.images, item.share] for item in most_confused(evaluation)],
    }
