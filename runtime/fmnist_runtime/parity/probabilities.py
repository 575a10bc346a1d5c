"""How far a model's probabilities are from its original's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FLOAT_STEP = 2.0**-24
"""Between neighbouring float32 just below 1."""
_INTEGER_STEPS = (2.0**-8, 2.0**-15)
"""What a softmax in 8 and in 16 bits counts in (https://ai.google.dev/edge/litert/models/quantization_spec)."""


@dataclass(frozen=True)
class Probabilities:
    """Differences of probabilities, over all images and classes."""

    max_difference: float
    """Largest absolute difference of any one probability."""
    mean_difference: float
    """Mean absolute difference."""
    kl_divergence: float
    """Kullback-Leibler divergence of the converted model's distribution from the original's, in nats, mean
    over the images. A probability of zero is taken for half a step of its model's output, and each
    distribution then divided by its sum."""
    js_divergence: float
    """Jensen-Shannon divergence of the same two, in nats, mean over the images; at most log 2."""
    confidence_drift: float
    """Mean of the highest probability less the same of the original; positive when surer."""
    reference_step: float
    """Step of the original's output; see `output_step`."""
    candidate_step: float
    """Step of the converted model's output."""


def compare_probabilities(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> Probabilities:
    """Measure how far scores are apart, in float64.

    Args:
        reference: float32 ``[N, classes]``, the original's scores.
        candidate: float32 ``[N, classes]``, the converted model's.
    """
    difference = np.abs(candidate.astype(np.float64) - reference)
    steps = output_step(reference), output_step(candidate)
    p, q = _distribution(reference, steps[0]), _distribution(candidate, steps[1])
    middle = (p + q) / 2
    log_p, log_q, log_middle = np.log(p), np.log(q), np.log(middle)
    kl = (p * (log_p - log_q)).sum(axis=1)
    js = (p * (log_p - log_middle) + q * (log_q - log_middle)).sum(axis=1) / 2
    confidence = candidate.max(axis=1).astype(np.float64) - reference.max(axis=1)
    return Probabilities(
        max_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        kl_divergence=max(0.0, float(kl.mean())),  # of two equal ones, rounding makes less than nothing
        js_divergence=max(0.0, float(js.mean())),
        confidence_drift=float(confidence.mean()),
        reference_step=steps[0],
        candidate_step=steps[1],
    )


def output_step(scores: NDArray[np.float32]) -> float:
    """What scores are counted in: 1/256 or 1/32768 where an integer softmax made them, else float32's own."""
    for step in _INTEGER_STEPS:
        if not np.remainder(scores, np.float32(step)).any():
            return step
    return FLOAT_STEP


def _distribution(scores: NDArray[np.float32], step: float) -> NDArray[np.float64]:
    floored = np.where(scores > 0, scores.astype(np.float64), step / 2)
    return np.asarray(floored / floored.sum(axis=1, keepdims=True))
