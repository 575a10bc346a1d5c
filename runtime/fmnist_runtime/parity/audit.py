"""What quantisation did to a model's output: ties, saturation, sums off 1, levels in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.parity.probabilities import FLOAT_STEP, output_step

_ROUNDING = 2.0**-24
"""Of one operation in float32, relative. A softmax divides by a sum of as many terms as there are classes:
each addition rounds once, and the division once more."""


@dataclass(frozen=True)
class Audit:
    """Scores as numbers, whatever they are of."""

    ties: int
    """Images whose two best scores are equal; the lowest index is the answer."""
    tie_share: float
    """ties / images."""
    zero_share: float
    """Share of all probabilities that are exactly 0."""
    one_share: float
    """Share of all probabilities at the highest level there is: 1, or a step below it in integers."""
    off_sum: int
    """Images whose probabilities do not add up to 1, to the rounding of float32."""
    max_sum_error: float
    """Furthest that any sum is from 1."""
    levels: int
    """Distinct probabilities in use; 8 bits have 256."""


def audit_scores(scores: NDArray[np.float32]) -> Audit:
    """Look at scores, float32 ``[N, classes]``."""
    images, classes = scores.shape
    second, first = np.partition(scores, -2, axis=1)[:, -2:].T
    ties = int((first == second).sum())
    step = output_step(scores)
    highest = 1.0 if step == FLOAT_STEP else 1.0 - step
    errors = np.abs(scores.sum(axis=1, dtype=np.float64) - 1)
    return Audit(
        ties=ties,
        tie_share=ties / images,
        zero_share=float((scores == 0).mean()),
        one_share=float((scores >= highest).mean()),
        off_sum=int((errors > classes * _ROUNDING).sum()),
        max_sum_error=float(errors.max()),
        levels=len(np.unique(scores)),
    )
