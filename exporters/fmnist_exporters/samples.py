"""Which training images an export uses: some to calibrate on, others to be checked on, a few to carry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import DatasetError

SEED = 0
CALIBRATION_IMAGES = 500
"""Measured on the default network, five seeds: of 10,000 training images that were not calibrated on, int8
changes 8.4 with 500 and 9.2 with 2,000, of the test images 8.0 and 12.0."""
HELD_OUT_IMAGES = 10_000
"""As many as the published test splits have, for figures of the same certainty."""
GOLDEN_IMAGES = 3
GOLDEN_BYTES = 3072
"""Pixels that golden images take at most, unless a single one takes more."""
_GOLDEN_SCORE = 0.8
"""Golden images are those of which the original is about so sure: enough that rounding does not change
its answer, and not so much that a drift would hide behind a probability of 1."""


@dataclass(frozen=True)
class Samples:
    """Numbers of training images, disjoint unless there is but one."""

    calibration: NDArray[np.intp]
    """Those that activations are calibrated on, ascending."""
    held_out: NDArray[np.intp]
    """Those that artifacts are checked on, ascending."""


def choose_samples(training: Dataset) -> Samples:
    """Choose images of all classes alike, the same ones for the same data set.

    Raises:
        DatasetError: There are no training images.
    """
    count = len(training.targets)
    if count == 0:
        raise DatasetError(f"{training.name}: has no training images; calibration and the check take some")
    order = _dealt(training.targets)
    calibration = max(1, min(CALIBRATION_IMAGES, count // 2))
    held_out = order[calibration:][:HELD_OUT_IMAGES] if count > 1 else order
    return Samples(np.sort(order[:calibration]), np.sort(held_out))


def _dealt(targets: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Shuffled numbers, one of each class in turn until a class has no more."""
    shuffled = np.random.default_rng(SEED).permutation(len(targets))
    turn = np.empty(len(targets), np.intp)
    for target in np.unique(targets):
        members = targets[shuffled] == target
        turn[members] = np.arange(members.sum())
    return shuffled[np.argsort(turn, kind="stable")]


def subset(training: Dataset, numbers: NDArray[np.intp]) -> Dataset:
    """The images of these numbers, with their classes."""
    return replace(training, images=training.images[numbers], targets=training.targets[numbers])


def choose_golden(images: NDArray[np.uint8], targets: NDArray[Any], scores: NDArray[np.float32]) -> list[int]:
    """Choose golden images, each of another class as long as there are other classes.

    Args:
        images: uint8 ``[N, *input_shape]``.
        targets: uint8 ``[N]``, their true classes.
        scores: float32 ``[N, classes]``, what the original says of them.

    Returns:
        Positions in the arrays, ascending.
    """
    count = min(GOLDEN_IMAGES, max(1, GOLDEN_BYTES // images[0].size), len(images))
    order = by_fitness(scores)
    _, firsts = np.unique(targets[order], return_index=True)
    best = [*order[np.sort(firsts)], *order]  # one of each class, the best first, then any
    return sorted(int(number) for number in list(dict.fromkeys(best))[:count])


def by_fitness(scores: NDArray[np.float32]) -> NDArray[np.intp]:
    """Positions of all images, the fittest for golden ones first.

    Args:
        scores: float32 ``[N, classes]``, what the original says of them.
    """
    return np.argsort(np.abs(scores.max(axis=1) - _GOLDEN_SCORE), kind="stable")
