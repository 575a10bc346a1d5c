"""A model's answers for single images: the first ones, or those where it was wrong and most sure of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.recorded import Reference


@dataclass(frozen=True)
class Answer:
    """What a model said of one test image."""

    image: int
    """Number of the test image, from 0."""
    predicted: str
    """Name of the class it gave."""
    true: str
    """Name of the true class."""
    probability: float
    """Probability it gave to the class it named, from 0 to 1."""
    right: bool
    """Whether the class is the true one."""


def first_answers(reference: Reference, count: int) -> list[Answer]:
    """The answers for the first images of the test split."""
    return _answers(reference, range(min(count, len(reference.targets))))


def confident_mistakes(reference: Reference, count: int) -> list[Answer]:
    """The mistakes that the model was most sure of, most sure first; of equal ones the first image."""
    wrong = np.flatnonzero(reference.scores.argmax(axis=1) != reference.targets)
    order = np.argsort(-reference.scores[wrong].max(axis=1), kind="stable")
    return _answers(reference, _integers(wrong[order[:count]]))


def _integers(array: NDArray[np.int64]) -> list[int]:
    return [int(value) for value in array]


def _answers(reference: Reference, images: Iterable[int]) -> list[Answer]:
    answers = []
    for image in images:
        scores, true = reference.scores[image], int(reference.targets[image])
        predicted = int(scores.argmax())
        answers.append(
            Answer(
                image=image,
                predicted=reference.labels[predicted],
                true=reference.labels[true],
                probability=float(scores[predicted]),
                right=predicted == true,
            )
        )
    return answers
