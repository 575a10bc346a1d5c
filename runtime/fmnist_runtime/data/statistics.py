"""Statistics of training images, by which pictures unlike them are found.

A model answers any picture, and noise with as much confidence as a garment. What it has learned is of images
such as those it was trained on, so that an artifact carries the limits within which those lie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIGURES = ("brightness", "contrast", "border", "extent", "sharpness", "darkest", "brightest")
"""Figures of an image, of pixels 0–255 and the mean of its channels: mean; standard deviation; mean of the
outermost pixels; share of the rows or columns, whichever is larger, in which a pixel differs clearly from
that; mean difference of neighbours as a share of the contrast; 2nd and 98th percentile."""
_PROBABILITY, _WHOLE = "probability", "the whole"
"""Names of what else has a limit: the largest probability, and the distance of all figures together."""
_MARKED = 0.005
"""Share of the training images that lie outside of the limits."""
_LEVEL = np.array([1, 1, 1, 1 / 255, 1 / 255, 1, 1])
"""The least that limits are wider than what was seen, for figures of which all images have the same: a level
of pixels, or a 255th."""
_CLEARLY = 8
"""A difference in levels that is no noise of a JPEG file."""
_BLOCK_BYTES = 2**22


@dataclass(frozen=True)
class ImageStatistics:
    """Limits of the figures of training images. Each has as many numbers as `FIGURES`."""

    images: int
    """Number of training images they are of."""
    low: tuple[float, ...]
    """Lower limit of each figure."""
    high: tuple[float, ...]
    """Upper limit of each figure."""
    mean: tuple[float, ...]
    """Mean of each figure."""
    precision: tuple[tuple[float, ...], ...]
    """Inverse of the covariance of the figures."""
    distance: float
    """Upper limit of the squared Mahalanobis distance from the mean."""
    probability: float
    """Lower limit of the largest probability."""

    def unlike(self, images: NDArray[np.uint8], scores: NDArray[np.float32]) -> list[tuple[str, ...]]:
        """Return in what each image is unlike the training images; an empty tuple if in nothing.

        Args:
            images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``.
            scores: float32 ``[N, classes]``, the model's probabilities for them.
        """
        figures = measure(images)
        largest = scores.max(axis=1)
        found = []
        for row, distance, top in zip(figures, self._distances(figures), largest, strict=True):
            reasons = [
                text
                for name, value, low, high in zip(FIGURES, row, self.low, self.high, strict=True)
                if (text := _outside(name, float(value), low, high))
            ]
            if top < self.probability:
                reasons.append(_outside(_PROBABILITY, float(top), self.probability, math.inf))
            if distance > self.distance and not reasons:
                reasons.append(_outside(_WHOLE, float(distance), -math.inf, self.distance))
            found.append(tuple(reasons))
        return found

    def _distances(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        return _distances(figures, np.array(self.mean), np.array(self.precision))


def image_statistics(images: NDArray[np.uint8], scores: NDArray[np.float32]) -> ImageStatistics:
    """Return the statistics of training images.

    All limits are at the same quantile, at which `_MARKED` of the images lie outside of one or another. They
    are wider for few images, as those show less of what there is.

    Args:
        images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``.
        scores: float32 ``[N, classes]``, the model's probabilities for them.
    """
    figures, count = measure(images), len(images)
    mean = figures.mean(axis=0)
    precision = np.zeros((len(FIGURES), len(FIGURES)))
    if count > 1:
        precision = np.asarray(np.linalg.pinv(np.cov(figures.T)), np.float64)
    distances, largest = _distances(figures, mean, precision), scores.max(axis=1)
    tails = [*figures.T, *-figures.T, -distances, largest]
    ranks = np.stack([np.argsort(np.argsort(tail, kind="stable"), kind="stable") for tail in tails])
    tail = float(np.quantile(ranks.min(axis=0), _MARKED)) / count
    low, high = np.quantile(figures, [tail, 1 - tail], axis=0)
    wider = 2 / math.sqrt(count)
    room = np.maximum(wider * (high - low), _LEVEL)
    return ImageStatistics(
        images=count,
        low=_rounded(low - room),
        high=_rounded(high + room),
        mean=_rounded(mean),
        precision=tuple(_rounded(row) for row in precision),
        distance=_rounded([np.quantile(distances, 1 - tail) * (1 + wider)])[0],
        probability=_rounded([np.quantile(largest, tail) * (1 - wider)])[0],
    )


def parse_statistics(record: Any) -> ImageStatistics:
    """Parse the statistics of a file that is not trusted.

    Raises:
        ValueError: They are none. So are KeyError and TypeError.
    """
    rows = [record["low"], record["high"], record["mean"], *record["precision"]]
    low, high, mean, *precision = (tuple(float(value) for value in row) for row in rows)
    distance, probability = float(record["distance"]), float(record["probability"])
    numbers = np.array([low, high, mean, *precision])
    if numbers.shape != (3 + len(FIGURES), len(FIGURES)):
        raise ValueError("statistics of other figures")
    if not (np.isfinite(numbers).all() and math.isfinite(distance) and math.isfinite(probability)):
        raise ValueError("statistics that are not finite")
    images = int(record["images"])
    return ImageStatistics(images, low, high, mean, tuple(precision), distance, probability)


def measure(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the figures of images, ``[N, H, W]`` or ``[N, H, W, C]``: float64 ``[N, len(FIGURES)]``."""
    block = max(1, _BLOCK_BYTES // images[0].size)
    return np.concatenate([_figures(images[at : at + block]) for at in range(0, len(images), block)])


def _figures(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = images.astype(np.float32)
    if grey.ndim == 4:
        grey = grey.mean(axis=-1)
    flat = grey.reshape(len(grey), -1)
    edges = np.concatenate([grey[:, 0], grey[:, -1], grey[:, 1:-1, 0], grey[:, 1:-1, -1]], axis=1)
    border, contrast = edges.mean(axis=1), flat.std(axis=1)
    differs = np.abs(grey - border[:, None, None]) > _CLEARLY
    extent = np.maximum(differs.any(axis=1).mean(axis=1), differs.any(axis=2).mean(axis=1))
    steps = [np.abs(np.diff(grey, axis=axis)).reshape(len(grey), -1) for axis in (1, 2)]
    sharpness = np.concatenate(steps, axis=1).mean(axis=1) if flat.shape[1] > 1 else 0 * contrast
    darkest, brightest = np.percentile(flat, (2, 98), axis=1)
    sharpness = sharpness / np.maximum(contrast, 1)
    figures = (flat.mean(axis=1), contrast, border, extent, sharpness, darkest, brightest)
    return np.stack(figures, axis=1).astype(np.float64)


def _distances(
    figures: NDArray[np.float64], mean: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return squared Mahalanobis distances, float64 ``[N]``."""
    away = figures - mean
    return np.asarray(np.einsum("ij,jk,ik->i", away, precision, away))


def _outside(name: str, value: float, low: float, high: float) -> str:
    """Return a text such as ``border 255 > 61``; empty within the limits."""
    if value < low:
        return f"{name} {value:.3g} < {low:.3g}"
    return f"{name} {value:.3g} > {high:.3g}" if value > high else ""


def _rounded(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, ...]:
    """Return numbers in six digits, which are enough for a limit."""
    return tuple(float(f"{value:.6g}") for value in values)
