"""The changed answers of a converted model: by image, class, and the original's margin."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

CONFIDENT_MARGIN = 0.5
"""An answer with such a margin does not change by rounding. If it changes, something is broken."""
_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, CONFIDENT_MARGIN, 1.0)


@dataclass(frozen=True)
class Flips:
    """The images whose answer changed, with one entry in each field."""

    images: tuple[int, ...]
    """Indices of the images, from 0, ascending."""
    true: tuple[int, ...]
    """True class."""
    reference: tuple[int, ...]
    """The original's answer."""
    candidate: tuple[int, ...]
    """The converted model's answer."""
    reference_margin: tuple[float, ...]
    """The original's best probability minus its second best."""
    candidate_margin: tuple[float, ...]
    """The converted model's margin."""


@dataclass(frozen=True)
class ClassChange:
    """The images of one true class."""

    index: int
    """The class."""
    images: int
    """Number of its images."""
    reference_accuracy: Annotated[float, "NaN"]
    """Share of them that the original has right; NaN if there are none."""
    candidate_accuracy: Annotated[float, "NaN"]
    """Share of them that the converted model has right; NaN if there are none."""
    worse: int
    """Images that the original has right and the converted model wrong."""
    better: int
    """Images that the original has wrong and the converted model right."""


@dataclass(frozen=True)
class PairChange:
    """Images whose answer changed from one class to another."""

    reference: int
    """The original's answer."""
    candidate: int
    """The converted model's answer."""
    images: int
    """Number of images."""


@dataclass(frozen=True)
class MarginBand:
    """The images that the original answered with a margin from ``low`` to below ``high``."""

    low: float
    """Smallest margin. The last band includes 1."""
    high: float
    """Start of the next band."""
    images: int
    """Number of images in the band."""
    flips: int
    """Number of them whose answer changed."""


@dataclass(frozen=True)
class Changes:
    """The answers that a conversion changed."""

    flips: Flips
    """Every image whose answer changed."""
    confident: tuple[int, ...]
    """Indices of changed images that the original answered with a margin of 0.5 or more, largest margin
    first."""
    ties: int
    """Images whose two best scores, in either model, are nearly equal: they differ by less than twice the
    allowed difference, or not at all if none is defined."""
    outside_ties: int
    """Changed images that are not ties."""
    classes: tuple[ClassChange, ...]
    """One for each class."""
    pairs: tuple[PairChange, ...]
    """By pair of classes, the most frequent first."""
    margins: tuple[MarginBand, ...]
    """By the original's margin, ascending."""


def find_changes(
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    targets: NDArray[np.uint8],
    allowed_difference: float = 0.0,
) -> Changes:
    """Find the changed answers.

    Args:
        reference: float32 ``[N, classes]``, the original's scores.
        candidate: float32 ``[N, classes]``, the converted model's.
        targets: uint8 ``[N]``, the true classes.
        allowed_difference: Allowed difference of a probability, which makes near scores tie.
    """
    before, after = reference.argmax(axis=1), candidate.argmax(axis=1)
    margins, new_margins = _margins(reference), _margins(candidate)
    tied = _tied(margins, allowed_difference) | _tied(new_margins, allowed_difference)
    changed = np.flatnonzero(before != after)
    sure = changed[margins[changed] >= CONFIDENT_MARGIN]
    return Changes(
        flips=Flips(
            images=tuple(changed.tolist()),
            true=tuple(targets[changed].tolist()),
            reference=tuple(before[changed].tolist()),
            candidate=tuple(after[changed].tolist()),
            reference_margin=tuple(margins[changed].tolist()),
            candidate_margin=tuple(new_margins[changed].tolist()),
        ),
        confident=tuple(sure[np.argsort(-margins[sure], kind="stable")].tolist()),
        ties=int(tied.sum()),
        outside_ties=int((~tied[changed]).sum()),
        classes=_classes(before, after, targets, reference.shape[1]),
        pairs=_pairs(before[changed], after[changed], reference.shape[1]),
        margins=_bands(margins, changed),
    )


def _margins(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    second, first = np.partition(scores, -2, axis=1)[:, -2:].astype(np.float64).T
    return np.asarray(first - second)


def _tied(margins: NDArray[np.float64], allowed_difference: float) -> NDArray[np.bool_]:
    return np.asarray((margins < 2 * allowed_difference) | (margins == 0))


def _classes(
    before: NDArray[np.intp], after: NDArray[np.intp], targets: NDArray[np.uint8], classes: int
) -> tuple[ClassChange, ...]:
    was_right, is_right = before == targets, after == targets

    def count(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(targets[chosen], minlength=classes)

    images = np.bincount(targets, minlength=classes)
    with np.errstate(invalid="ignore"):
        accuracies = count(was_right) / images, count(is_right) / images
    columns = (images, *accuracies, count(was_right & ~is_right), count(~was_right & is_right))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(ClassChange(index, *row) for index, row in enumerate(rows))


def _pairs(before: NDArray[np.intp], after: NDArray[np.intp], classes: int) -> tuple[PairChange, ...]:
    moves, counts = np.unique(before * classes + after, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(
        PairChange(move // classes, move % classes, count)
        for move, count in zip(moves[order].tolist(), counts[order].tolist(), strict=True)
    )


def _bands(margins: NDArray[np.float64], changed: NDArray[np.intp]) -> tuple[MarginBand, ...]:
    margins = np.minimum(margins, _EDGES[-1])  # rounding may put one above
    images, _ = np.histogram(margins, _EDGES)
    flips, _ = np.histogram(margins[changed], _EDGES)
    rows = zip(pairwise(_EDGES), images.tolist(), flips.tolist(), strict=True)
    return tuple(MarginBand(low, high, count, changed) for (low, high), count, changed in rows)
