"""Whether a model is as often right as it says, and what a conversion did to that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.parity.intervals import Interval

BINS = 15
"""As in Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (https://arxiv.org/abs/1706.04599)."""
RESAMPLES = 1000
_BLOCK = 100
"""Resamples at once: weights of 4 MB for 10,000 images."""
_KEPT_BYTES = 2**26
_SEED = 0
"""The same resamples for every model: its interval depends on it alone, and is the same every time."""


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy by bins of confidence, each of width 1/15, its upper edge included."""

    images: NDArray[np.int64]
    """``[15]``: images in each bin."""
    confidence: NDArray[np.float64]
    """``[15]``: mean highest probability of each bin; NaN for an empty one."""
    accuracy: NDArray[np.float64]
    """``[15]``: share of right answers of each bin; NaN for an empty one."""

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of accuracy from confidence, bins weighed by images."""
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float((gaps * self.images).sum() / self.images.sum())


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error of a model and its original, in 15 bins."""

    reference_ece: float
    """The original's."""
    candidate_ece: float
    """The converted model's."""
    ece_difference: float
    """candidate_ece − reference_ece; positive when the conversion made it worse."""
    ece_difference_interval: Interval
    """95 % interval of it, of a paired bootstrap: both models on the same 1,000 resamples of the images,
    from the 2.5th percentile of the differences to the 97.5th."""


def reliability(scores: NDArray[np.float32], targets: NDArray[np.uint8]) -> Reliability:
    """Sort images into bins by the confidence of their answer.

    Args:
        scores: float32 ``[N, classes]``.
        targets: uint8 ``[N]``, the true classes.
    """
    bins, confidence, right = _binned(scores, targets)
    images = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        return Reliability(
            images=images,
            confidence=np.bincount(bins, confidence, BINS) / images,
            accuracy=np.bincount(bins, right, BINS) / images,
        )


def compare_calibration(
    reference: NDArray[np.float32], candidate: NDArray[np.float32], targets: NDArray[np.uint8]
) -> Calibration:
    """Calibration errors of two models on the same images; arguments as of `reliability`."""
    errors = [reliability(scores, targets).ece for scores in (reference, candidate)]
    before, after = _gaps(reference, targets), _gaps(candidate, targets)
    differences = np.concatenate(
        [_errors(weights, after) - _errors(weights, before) for weights in _resamples(len(targets))]
    )
    low, high = np.percentile(differences, [2.5, 97.5])
    return Calibration(errors[0], errors[1], errors[1] - errors[0], Interval(float(low), float(high)))


def _binned(
    scores: NDArray[np.float32], targets: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
    """Of each image its bin, its confidence, and whether the answer is right."""
    confidence = scores.max(axis=1).astype(np.float64)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    return bins, confidence, scores.argmax(axis=1) == targets


def _gaps(scores: NDArray[np.float32], targets: NDArray[np.uint8]) -> NDArray[np.float32]:
    """``[N, 15]``: confidence − right of each image in the column of its bin, 0 in the others."""
    bins, confidence, right = _binned(scores, targets)
    gaps = np.zeros((len(targets), BINS), np.float32)
    gaps[np.arange(len(targets)), bins] = confidence - right
    return gaps


def _errors(weights: NDArray[np.float32], gaps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Calibration error of each resample. A bin's part of it is the sum of its gaps: its size falls out."""
    return np.asarray(np.abs(weights @ gaps).sum(axis=1) / np.float32(len(gaps)))


def _resamples(images: int) -> Iterator[NDArray[np.float32]]:
    """How often each image is drawn, ``[_BLOCK, N]`` at a time; kept for the next model if they are small."""
    blocks = _kept(images) if images * RESAMPLES <= _KEPT_BYTES else _drawn(images)
    return (weights.astype(np.float32) for weights in blocks)


@lru_cache(maxsize=1)
def _kept(images: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(_drawn(images))


def _drawn(images: int) -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(_SEED)
    for _ in range(RESAMPLES // _BLOCK):
        draws = (random.integers(0, images, images, np.uint32) for _ in range(_BLOCK))
        yield np.stack([np.bincount(draw, minlength=images).astype(np.uint8) for draw in draws])
