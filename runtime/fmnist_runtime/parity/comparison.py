"""May a converted model replace its original? A paired comparison of two arrays of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ResultError
from fmnist_runtime.parity.answers import Answers, compare_answers
from fmnist_runtime.parity.audit import Audit, audit_scores
from fmnist_runtime.parity.calibration import Calibration, compare_calibration
from fmnist_runtime.parity.changes import Changes, find_changes
from fmnist_runtime.parity.gates import Breach, Gate, find_breaches
from fmnist_runtime.parity.probabilities import Probabilities, compare_probabilities
from fmnist_runtime.sessions.plan import are_logits


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
        ResultError: The arrays do not describe the same images and classes, or hold no probabilities.
    """
    _require_same_shape(reference, candidate, targets)
    _require_probabilities("the original's", reference)
    _require_probabilities("the converted model's", candidate)
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


def _require_same_shape(
    reference: NDArray[np.float32], candidate: NDArray[np.float32], targets: NDArray[np.uint8]
) -> None:
    images, classes = reference.shape if reference.ndim == 2 else (0, 0)
    if images == 0 or classes < 2 or candidate.shape != reference.shape or targets.shape != (images,):
        raise ResultError(
            f"scores of shape {reference.shape} and {candidate.shape} and true classes of shape "
            f"{targets.shape} do not describe the same images by two classes or more"
        )
    lowest, highest = targets.min(), targets.max()
    if not np.issubdtype(targets.dtype, np.integer) or lowest < 0 or highest >= classes:
        raise ResultError(
            f"true classes from {lowest} to {highest} ({targets.dtype}) are none of {classes}, counted "
            "from 0 as scores are"
        )


def _require_probabilities(whose: str, scores: NDArray[np.float32]) -> None:
    if not np.issubdtype(scores.dtype, np.floating):
        raise ResultError(f"{whose} scores are {scores.dtype}, not floats; turn levels into probabilities")
    if not np.isfinite(scores).all():
        raise ResultError(f"{whose} scores hold NaN or infinity, and nothing can be said of them")
    if are_logits(scores):
        raise ResultError(
            f"{whose} scores reach from {scores.min():.3g} to {scores.max():.3g} and are no probabilities; "
            "put a softmax behind them"
        )
