"""May a converted model replace its original? A paired comparison of two arrays of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ResultError
from fmnist_runtime.parity.answers import Answers, compare_answers
from fmnist_runtime.parity.audit import Audit, audit_scores
from fmnist_runtime.parity.calibration import Calibration, compare_calibration
from fmnist_runtime.parity.changes import Changes, find_changes
from fmnist_runtime.parity.gates import Breach, Gate, find_breaches
from fmnist_runtime.parity.probabilities import Probabilities, compare_probabilities


@dataclass(frozen=True)
class Parity:
    """A converted model beside its original, on the same images."""

    answers: Answers
    """How often both are right, and how often alike."""
    probabilities: Probabilities
    """How far their probabilities are apart."""
    calibration: Calibration
    """Whether they are as often right as they say."""
    audit: Audit
    """The converted model's scores as numbers."""
    reference_audit: Audit
    """The original's."""
    changes: Changes
    """Where they part."""
    gate: Gate
    """The limits it was held against."""
    breaches: tuple[Breach, ...]
    """The limits that it broke; none when it passed."""

    @property
    def passed(self) -> bool:
        """Whether the converted model may replace the original."""
        return not self.breaches


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
        ResultError: The arrays do not describe the same images and classes, or hold no scores.
    """
    shapes = {reference.shape, candidate.shape, (len(targets), *reference.shape[1:2])}
    if len(shapes) > 1 or reference.ndim != 2 or len(targets) == 0:
        raise ResultError(
            f"scores of shape {reference.shape} and {candidate.shape} and {len(targets):,} true classes "
            "do not describe the same images"
        )
    _require_numbers(reference, candidate, targets)
    answers = compare_answers(reference.argmax(axis=1), candidate.argmax(axis=1), targets)
    probabilities = compare_probabilities(reference, candidate)
    changes = find_changes(reference, candidate, targets, gate.max_difference or 0.0)
    return Parity(
        answers=answers,
        probabilities=probabilities,
        calibration=compare_calibration(reference, candidate, targets),
        audit=audit_scores(candidate),
        reference_audit=audit_scores(reference),
        changes=changes,
        gate=gate,
        breaches=find_breaches(gate, answers, probabilities, changes),
    )


def _require_numbers(reference: NDArray[Any], candidate: NDArray[Any], targets: NDArray[Any]) -> None:
    """Check that scores are finite floats of several classes, and true classes some of those."""
    if not all(np.issubdtype(scores.dtype, np.floating) for scores in (reference, candidate)):
        raise ResultError(
            f"scores are floats, not {reference.dtype} and {candidate.dtype}: turn levels into probabilities"
        )
    if not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        raise ResultError("scores hold NaN or infinity, and nothing can be said of them")
    classes = reference.shape[1]
    if classes < 2:
        raise ResultError("scores of 1 class leave nothing to compare")
    whole = targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer)
    if not whole or targets.min() < 0 or targets.max() >= classes:
        raise ResultError(f"true classes are whole numbers from 0 to {classes - 1}, one for each image")
