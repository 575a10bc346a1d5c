"""A paired comparison of two arrays of scores: an original's and a converted model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_runtime.engines.plan import are_logits
from fmnist_runtime.errors import ResultError
from fmnist_runtime.parity.answers import TopOneAgreement, compare_answers
from fmnist_runtime.parity.calibration import Calibration, compare_calibration
from fmnist_runtime.parity.changes import Changes, find_changes
from fmnist_runtime.parity.gates import Breach, Gate, find_breaches, verdict
from fmnist_runtime.parity.probabilities import Audit, Probabilities, audit_scores, compare_probabilities


@dataclass(frozen=True)
class Parity:
    """A converted model compared with its original on the same images."""

    answers: TopOneAgreement
    """Accuracy and agreement."""
    probabilities: Probabilities
    """Differences of their probabilities."""
    calibration: Calibration
    """Whether their confidence matches their accuracy."""
    audit: Audit
    """Ties, saturation and levels of the converted model's scores."""
    reference_audit: Audit
    """The same of the original's scores."""
    changes: Changes
    """The answers that changed."""
    gate: Gate
    """The limits."""
    breaches: tuple[Breach, ...]
    """The limits that it broke; empty if it passed."""

    @property
    def passed(self) -> bool:
        """Whether the converted model may replace the original."""
        return not self.breaches

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL``, or ``TOO FEW IMAGES`` if no limit is certainly broken."""
        return verdict(breach.certain for breach in self.breaches)


def compare(reference: ArrayLike, candidate: ArrayLike, targets: ArrayLike, gate: Gate) -> Parity:
    """Compare two models' scores for the same images.

    Args:
        reference: float ``[N, classes]``, the original's scores, as an array or a list of lists.
        candidate: float ``[N, classes]``, the converted model's.
        targets: integers ``[N]``, the true classes.
        gate: The limits for the converted model.

    Raises:
        ResultError: The arrays do not describe the same images and classes, or are not probabilities.
    """
    original = _as_array("the original's scores", reference)
    converted = _as_array("the converted model's scores", candidate)
    truth = _as_array("the true classes", targets)
    _require_same_shape(original, converted, truth)
    _require_probabilities("the original's", original)
    _require_probabilities("the converted model's", converted)
    answers = compare_answers(original.argmax(axis=1), converted.argmax(axis=1), truth)
    probabilities = compare_probabilities(original, converted)
    changes = find_changes(original, converted, truth, gate.max_difference or 0.0)
    return Parity(
        answers=answers,
        probabilities=probabilities,
        calibration=compare_calibration(original, converted, truth),
        audit=audit_scores(converted),
        reference_audit=audit_scores(original),
        changes=changes,
        gate=gate,
        breaches=find_breaches(gate, answers, probabilities, changes),
    )


def _as_array(what: str, values: ArrayLike) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:  # such as rows of different lengths
        raise ResultError(f"{what} are not an array ({error})") from error
    if array.dtype.kind not in "fiub":
        raise ResultError(f"{what} are {array.dtype}, not numbers")
    return array


def _require_same_shape(
    reference: NDArray[np.float32], candidate: NDArray[np.float32], targets: NDArray[np.uint8]
) -> None:
    if reference.ndim == candidate.ndim == 1:
        raise ResultError(
            "class numbers alone cannot be compared; give the probabilities of all classes, [images, classes]"
        )
    images, classes = reference.shape if reference.ndim == 2 else (0, 0)
    if images == 0 or classes < 2 or candidate.shape != reference.shape or targets.shape != (images,):
        raise ResultError(
            f"scores of shape {reference.shape} and {candidate.shape} and true classes of shape "
            f"{targets.shape} do not describe the same images by two classes or more"
        )
    if not np.issubdtype(targets.dtype, np.integer):
        raise ResultError(f"true classes are integers, not {targets.dtype}; use .astype(np.uint8)")
    lowest, highest = targets.min(), targets.max()
    if lowest < 0 or highest >= classes:
        raise ResultError(
            f"true classes from {lowest} to {highest} ({targets.dtype}) do not fit scores of "
            f"{classes} classes, which are counted from 0"
        )


def _require_probabilities(whose: str, scores: NDArray[np.float32]) -> None:
    if not np.issubdtype(scores.dtype, np.floating):
        raise ResultError(f"{whose} scores are {scores.dtype}, not floats; turn levels into probabilities")
    if not np.isfinite(scores).all():
        raise ResultError(f"{whose} scores contain NaN or infinity, and cannot be compared")
    if are_logits(scores):
        raise ResultError(
            f"{whose} scores range from {scores.min():.3g} to {scores.max():.3g} and are not probabilities; "
            "add a softmax to the model"
        )
