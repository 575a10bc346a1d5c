"""Does a converted model answer like its original? Paired comparison of two arrays of scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ResultError

ROUNDINGS = 4
"""Two float32 models that sum in different orders are each one rounding from the truth, so at most two from
each other; twice that, as the rounding is measured on some of the images only."""


@dataclass(frozen=True)
class Gate:
    """How far a converted model may be from its original."""

    max_drop: float
    """Largest loss of accuracy, as a fraction (0.005 is half a percentage point)."""
    max_difference: float | None = None
    """Largest difference of any one probability; None where the scheme rounds too coarsely for one."""
    min_agreement: float = 0.0
    """Least share of images that both give the same class. Accuracy alone tells nothing where the original
    itself is mostly wrong, as on images of another data set."""

    def allowing(self, rounding: float) -> Gate:
        """The same gate, but never narrower than what float32 arithmetic itself leaves open.

        Args:
            rounding: Largest difference of a probability that rounding makes in the original.
        """
        if self.max_difference is None:
            return self
        return replace(self, max_difference=max(self.max_difference, ROUNDINGS * rounding))

    def __post_init__(self) -> None:
        """Refuse limits that no figure could break."""
        sane = 0 <= self.min_agreement <= 1 and self.max_drop >= 0
        if not (sane and (self.max_difference is None or self.max_difference >= 0)):
            raise ValueError(f"a gate's limits are numbers of 0 or more, not {self}")


@dataclass(frozen=True)
class Parity:
    """A converted model beside its original, on the same images."""

    images: int
    """How many images both have scored."""
    reference_accuracy: float
    """Accuracy of the original."""
    candidate_accuracy: float
    """Accuracy of the converted model."""
    accuracy_difference: float
    """candidate_accuracy − reference_accuracy; negative when the converted model is worse."""
    agreement: float
    """Share of images that both give the same class (top-1; of equal scores the lowest index)."""
    changed: tuple[int, ...]
    """Numbers of the images that the two give different classes."""
    ties: int
    """Images whose two best scores, in either model, are as good as equal: they differ by less than
    twice the allowed difference, or not at all where none is defined."""
    changed_outside_ties: int
    """Changed images that are no ties."""
    max_difference: float
    """Largest absolute difference of any one probability."""
    mean_difference: float
    """Mean absolute difference over all probabilities."""
    gate: Gate
    """The limits it was held against."""
    failures: tuple[str, ...]
    """One line for each limit that it broke; empty when it passed."""

    @property
    def passed(self) -> bool:
        """Whether the converted model may replace the original."""
        return not self.failures


def compare(
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    targets: NDArray[np.uint8],
    gate: Gate,
) -> Parity:
    """Compare two models' scores for the same images.

    Args:
        reference: float32 ``[N, classes]``, the original's scores.
        candidate: float32 ``[N, classes]``, the converted model's.
        targets: uint8 ``[N]``, the true classes.
        gate: The limits to hold the converted model against.

    Raises:
        ResultError: The arrays do not describe the same images and classes, or hold no numbers.
    """
    if reference.shape != candidate.shape or len(reference) != len(targets) or len(targets) == 0:
        raise ResultError(
            f"scores of shape {reference.shape} and {candidate.shape} and {len(targets):,} true classes "
            "do not describe the same images"
        )
    if not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        raise ResultError("scores hold NaN or infinity, and nothing can be said of them")
    images = len(targets)
    answers, original = candidate.argmax(axis=1), reference.argmax(axis=1)
    correct = int((answers == targets).sum())
    original_correct = int((original == targets).sum())
    changed = np.flatnonzero(answers != original)
    tie_width = 2 * (gate.max_difference or 0.0)
    tied = _tied(reference, tie_width) | _tied(candidate, tie_width)
    difference = np.abs(candidate.astype(np.float64) - reference)
    largest = float(difference.max())
    return Parity(
        images=images,
        reference_accuracy=original_correct / images,
        candidate_accuracy=correct / images,
        accuracy_difference=(correct - original_correct) / images,
        agreement=(images - len(changed)) / images,
        changed=tuple(int(number) for number in changed),
        ties=int(tied.sum()),
        changed_outside_ties=int((~tied[changed]).sum()),
        max_difference=largest,
        mean_difference=float(difference.mean()),
        gate=gate,
        failures=_failures(original_correct - correct, len(changed), images, largest, gate),
    )


def _tied(scores: NDArray[np.float32], width: float) -> NDArray[np.bool_]:
    """Rows whose two best scores are equal, or closer than the width."""
    second, first = np.partition(scores.astype(np.float64), -2, axis=1)[:, -2:].T
    margin = first - second
    return np.asarray((margin < width) | (margin == 0))


def _failures(lost: int, changed: int, images: int, largest: float, gate: Gate) -> tuple[str, ...]:
    failures = []
    # Counted in images, so that a drop of exactly the limit is not a matter of float rounding.
    if lost > round(gate.max_drop * images, 6):
        failures.append(
            f"accuracy is {100 * lost / images:.2f} points lower, {100 * gate.max_drop:g} are allowed"
        )
    if changed > round((1 - gate.min_agreement) * images, 6):
        agreement = 100 * (images - changed) / images
        failures.append(f"agreement is {agreement:.2f} %, {100 * gate.min_agreement:g} % is the least")
    if gate.max_difference is not None and largest > gate.max_difference:
        failures.append(f"a probability differs by {largest:.2g}, {gate.max_difference:g} is allowed")
    return tuple(failures)
