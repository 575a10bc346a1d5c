"""Where two models part: which images, which classes, and how sure the original had been."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

CONFIDENT_MARGIN = 0.5
"""An answer of a margin like this does not change because of rounding; where it does, something is broken."""
_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, CONFIDENT_MARGIN, 1.0)


@dataclass(frozen=True)
class Flips:
    """The images whose answer changed, one entry of each field for each."""

    images: tuple[int, ...]
    """Numbers of the images, from 0, ascending."""
    true: tuple[int, ...]
    """True class."""
    reference: tuple[int, ...]
    """The original's answer."""
    candidate: tuple[int, ...]
    """The converted model's answer."""
    reference_margin: tuple[float, ...]
    """By how much the original's best probability was above its second best."""
    candidate_margin: tuple[float, ...]
    """The same of the converted model."""


@dataclass(frozen=True)
class ClassChange:
    """The images of one true class."""

    index: int
    """The class."""
    images: int
    """How many there are of it."""
    reference_accuracy: Annotated[float, "NaN"]
    """Share of them that the original has right; NaN where there are none."""
    candidate_accuracy: Annotated[float, "NaN"]
    """The same of the converted model; NaN where there are none."""
    worse: int
    """Images that the original has right and the converted model wrong."""
    better: int
    """Images that the original has wrong and the converted model right."""


@dataclass(frozen=True)
class PairChange:
    """A move of answers from one class to another."""

    reference: int
    """The class that the original gave."""
    candidate: int
    """The class that the converted model gives instead."""
    images: int
    """How many images moved."""


@dataclass(frozen=True)
class MarginBand:
    """The images that the original had answered with a margin from ``low`` to below ``high``."""

    low: float
    """Smallest margin; that of the last band includes 1."""
    high: float
    """Margin at which the next band begins."""
    images: int
    """How many images are in the band."""
    flips: int
    """How many of them changed their answer."""


@dataclass(frozen=True)
class Changes:
    """Where a converted model answers otherwise than its original."""

    flips: Flips
    """Every image whose answer changed."""
    confident: tuple[int, ...]
    """Numbers of those that the original had answered with a margin of 0.5 or more, surest first."""
    ties: int
    """Images whose two best scores, in either model, are as good as equal: they differ by less than
    twice the allowed difference, or not at all where none is defined."""
    outside_ties: int
    """Changed images that are no ties."""
    classes: tuple[ClassChange, ...]
    """One for each class."""
    pairs: tuple[PairChange, ...]
    """Moves from class to class, the most frequent first."""
    margins: tuple[MarginBand, ...]
    """By the original's margin, ascending."""


def find_changes(
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    targets: NDArray[np.uint8],
    allowed_difference: float = 0.0,
) -> Changes:
    """Find what changed.

    Args:
        reference: float32 ``[N, classes]``, the original's scores.
        candidate: float32 ``[N, classes]``, the converted model's.
        targets: uint8 ``[N]``, the true classes.
        allowed_difference: How far a probability may be off, which makes near scores tie.
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
