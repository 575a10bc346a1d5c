"""Calibration: whether a model's confidence matches its accuracy, and how a conversion changed that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.parity.intervals import Interval
from fmnist_runtime.parity.probabilities import highest

BINS = 15
"""As in Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (https://arxiv.org/abs/1706.04599)."""
RESAMPLES = 1000
_DRAWS = RESAMPLES // 2
"""Number of draws. Each serves twice: for the images in their order, and in reverse order. That is as good
as another draw, and takes half of the time."""
_BLOCK, _CHUNK, _COLUMNS = 20, 400, 16
"""Draws, images and bins (the last one empty) of one matrix product; with both orders, 256,000
multiplications. From 262,144 on, OpenBLAS (interface/gemm.c) uses more threads, which on a busy machine
wait for each other for a hundred times as long as the product takes. For 15 columns it takes half as long
again as for 16."""
_KEPT_BYTES = 2**25
_SEED = 0
"""The same resamples for every model, so that an interval depends on the model alone and is reproducible."""


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy by 15 bins of confidence of equal width, each with its upper edge."""

    images: tuple[int, ...]
    """Images in each of the 15 bins."""
    confidence: tuple[float | None, ...]
    """Mean highest probability of each bin; None for an empty bin."""
    accuracy: tuple[float | None, ...]
    """Share of correct answers of each bin; None for an empty bin."""

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Confidence and accuracy of each bin that is not empty."""
        pairs = zip(self.confidence, self.accuracy, strict=True)
        return tuple((said, was) for said, was in pairs if said is not None and was is not None)

    @property
    def ece(self) -> float:
        """Expected calibration error: mean gap of accuracy and confidence, weighted by images."""
        weights = np.array([count for count in self.images if count])
        gaps = np.array([abs(was - said) for said, was in self.points])
        return float((gaps * weights).sum() / weights.sum())


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error of a model and its original, in 15 bins."""

    reference_ece: float
    """The original's."""
    candidate_ece: float
    """The converted model's."""
    ece_difference: float
    """candidate_ece − reference_ece; positive if the conversion made it worse."""
    ece_difference_interval: Interval
    """95% interval of the difference by a paired bootstrap: both models on the same 1,000 resamples of the
    images, from the 2.5th to the 97.5th percentile of the differences. No gate uses it: for an almost
    calibrated model, the error is overestimated (Roelofs et al., Mitigating Bias in Calibration Error
    Estimation, AISTATS 2022), even more on resamples, so the interval covers the true difference less
    often."""
    reference_bins: Reliability
    """The bins of the original's error."""
    candidate_bins: Reliability
    """The bins of the converted model's error."""


def reliability(scores: NDArray[np.float32], targets: NDArray[np.uint8]) -> Reliability:
    """Sort images into bins by the confidence of their answer.

    Args:
        scores: float32 ``[N, classes]``.
        targets: uint8 ``[N]``, the true classes.
    """
    return _reliability(*_judged(scores, targets))


def compare_calibration(
    reference: NDArray[np.float32], candidate: NDArray[np.float32], targets: NDArray[np.uint8]
) -> Calibration:
    """Compare the calibration errors of two models on the same images; arguments as in `reliability`."""
    before, after = _judged(reference, targets), _judged(candidate, targets)
    bins = _reliability(*before), _reliability(*after)
    errors = bins[0].ece, bins[1].ece
    low, high = np.percentile(_resampled(*after) - _resampled(*before), [2.5, 97.5])
    return Calibration(*errors, errors[1] - errors[0], Interval(float(low), float(high)), *bins)


def _judged(
    scores: NDArray[np.float32], targets: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the confidence of each image, and whether its answer is correct."""
    return highest(scores), scores.argmax(axis=1) == targets


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Reliability:
    bins = _bins(confidence)
    images = np.bincount(bins, minlength=BINS)
    return Reliability(
        images=tuple(images.tolist()),
        confidence=_means(np.bincount(bins, confidence, BINS), images),
        accuracy=_means(np.bincount(bins, right, BINS), images),
    )


def _means(sums: NDArray[Any], counts: NDArray[np.intp]) -> tuple[float | None, ...]:
    return tuple(float(total / count) if count else None for total, count in zip(sums, counts, strict=True))


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each image. In float64, fifteen times a float32 is exact."""
    return np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)


def _resampled(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the calibration error on each resample of the images, ``[RESAMPLES]``."""
    gaps = (confidence - right).astype(np.float32)
    return _errors(_bins(confidence).astype(np.uint8).tobytes(), gaps.tobytes())


@lru_cache(maxsize=2)  # the original's, which is used for every candidate, and the candidate's
def _errors(bins: bytes, gaps: bytes) -> NDArray[np.float64]:
    """As `_resampled`, for uint8 bins and float32 confidence − correct.

    A bin's part of the error is the sum of its images' gaps: its size cancels out.
    """
    images = len(bins)
    table = np.zeros((_padded(images), 2, _COLUMNS), np.float32)
    table[np.arange(images), 0, np.frombuffer(bins, np.uint8)] = np.frombuffer(gaps, np.float32)
    table[:images, 1] = table[:images, 0][::-1]
    chunks = table.reshape(-1, _CHUNK, 2 * _COLUMNS)
    # The draws are kept for the next model if they are small.
    blocks = _kept(images) if images * _DRAWS <= _KEPT_BYTES else _drawn(images)
    # From [_BLOCK, images] to [chunks, _BLOCK, _CHUNK].
    by_chunk = (each.astype(np.float32).reshape(_BLOCK, -1, _CHUNK).swapaxes(0, 1) for each in blocks)
    sums = np.concatenate([(weights @ chunks).sum(axis=0) for weights in by_chunk])
    by_bin = np.abs(sums.reshape(RESAMPLES, _COLUMNS))
    return np.asarray(by_bin.sum(axis=1, dtype=np.float64) / images)


def _padded(images: int) -> int:
    """Return the number of images rounded up to whole chunks. The additional ones are never drawn."""
    return -(-images // _CHUNK) * _CHUNK


@lru_cache(maxsize=1)
def _kept(images: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(_drawn(images))


def _drawn(images: int) -> Iterator[NDArray[np.uint8]]:
    """Yield how often each draw contains each image, ``[_BLOCK, images]`` at a time, padded."""
    random, width = np.random.default_rng(_SEED), _padded(images)
    for _ in range(_DRAWS // _BLOCK):
        block = np.empty((_BLOCK, width), np.uint8)  # an image is drawn once on average, never 256 times
        for weights in block:
            drawn = random.integers(0, images, images).astype(np.intp)  # the same draws on 32 bits
            weights[:] = np.bincount(drawn, minlength=width)
        yield block
