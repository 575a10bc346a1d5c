"""Chooses the training images for calibration, for the proof, and as golden images in the artifact."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.data.images import image_shape, is_image_shape
from fmnist_runtime.data.statistics import ImageStatistics, image_statistics
from fmnist_runtime.errors import DatasetError

SEED = 0
CALIBRATION_IMAGES = 500
"""Measured on the default network, five seeds: of 10,000 held-out training images int8 changes 8.4 with 500
calibration images and 9.2 with 2,000; of the test images, 8.0 and 12.0."""
HELD_OUT_IMAGES = 10_000
"""As many as in the published test splits, for figures of the same certainty."""
GOLDEN_IMAGES = 3
GOLDEN_BYTES = 3072
"""Limit for the pixels of all golden images, unless a single image has more."""
_GOLDEN_SCORE = 0.8
"""Golden images are those whose best score is near this: high enough that rounding does not change the class,
and low enough that drift does not hide behind a probability of 1."""


@dataclass(frozen=True)
class ImageSplit:
    """Indices of training images, disjoint unless there is only one image."""

    calibration: NDArray[np.intp]
    """Images for calibration, ascending."""
    held_out: NDArray[np.intp]
    """Images for the proof, ascending."""


def split_images(training: Dataset) -> ImageSplit:
    """Choose images with balanced classes; the choice is the same for the same data set.

    Raises:
        DatasetError: There are no training images.
    """
    count = len(training.targets)
    if count == 0:
        raise DatasetError(
            f"{training.name}: has no training images, which an export needs for calibration and proof"
        )
    order = _balanced(training.targets)
    calibration = max(1, min(CALIBRATION_IMAGES, count // 2))
    held_out = order[calibration:][:HELD_OUT_IMAGES] if count > 1 else order
    return ImageSplit(np.sort(order[:calibration]), np.sort(held_out))


def _balanced(targets: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return shuffled indices, one of each class in turn until a class has no more."""
    shuffled = np.random.default_rng(SEED).permutation(len(targets))
    turn = np.empty(len(targets), np.intp)
    for target in np.unique(targets):
        members = targets[shuffled] == target
        turn[members] = np.arange(members.sum())
    return shuffled[np.argsort(turn, kind="stable")]


def subset(training: Dataset, numbers: NDArray[np.intp]) -> Dataset:
    """Return the images with these indices, with their classes."""
    return replace(training, images=training.images[numbers], targets=training.targets[numbers])


def choose_golden(images: NDArray[np.uint8], targets: NDArray[Any], scores: NDArray[np.float32]) -> list[int]:
    """Choose golden images, of different classes as far as possible.

    Args:
        images: uint8 ``[N, *input_shape]``.
        targets: uint8 ``[N]``, their true classes.
        scores: float32 ``[N, classes]``, the original's scores of them.

    Returns:
        Positions in the arrays, ascending.
    """
    count = min(GOLDEN_IMAGES, max(1, GOLDEN_BYTES // images[0].size), len(images))
    order = by_fitness(scores)
    _, firsts = np.unique(targets[order], return_index=True)
    best = [*order[np.sort(firsts)], *order]  # one of each class, the best first, then any
    return sorted(int(number) for number in list(dict.fromkeys(best))[:count])


def statistics_of(images: NDArray[np.uint8], scores: NDArray[np.float32]) -> ImageStatistics | None:
    """Return the statistics of images ``[N, *input_shape]`` and scores; None if they are no images."""
    shape = image_shape(images.shape[1:])
    return image_statistics(images.reshape(-1, *shape), scores) if is_image_shape(shape) else None


def by_fitness(scores: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the positions of all images by their scores ``[N, classes]``, the best golden images first."""
    return np.argsort(np.abs(scores.max(axis=1) - _GOLDEN_SCORE), kind="stable")
