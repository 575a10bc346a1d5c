"""Differences of a model's probabilities from its original's, and effects of quantisation on its output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FLOAT_STEP = 2.0**-24
"""Distance of neighbouring float32 just below 1, and relative rounding of one float32 operation."""
_INTEGER_LEVELS = (2**8, 2**15)
"""Levels of a softmax in 8 and in 16 bits (https://ai.google.dev/edge/litert/models/quantization_spec)."""
_BLOCK = 1000
"""Images of a block: its numbers, 80 kB for ten classes, stay in a processor's cache."""


@dataclass(frozen=True)
class Probabilities:
    """Differences of probabilities, over all images and classes."""

    max_difference: float
    """Largest absolute difference of any probability."""
    mean_difference: float
    """Mean absolute difference."""
    kl_divergence_nats: float
    """Kullback-Leibler divergence D(original ‖ converted model), in nats, mean over the images. A
    probability below half a step of its model's output, such as zero, is replaced by that half, and each
    distribution is then divided by its sum."""
    js_divergence_nats: float
    """Jensen-Shannon divergence of the same distributions, in nats, mean over the images; at most log 2."""
    confidence_drift: float
    """Mean of the highest probability minus the original's; positive if the model is more confident."""
    reference_step: float
    """Step of the original's output; see `output_step`."""
    candidate_step: float
    """Step of the converted model's output."""


def compare_probabilities(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> Probabilities:
    """Measure the differences of scores, in float64.

    Args:
        reference: float32 ``[N, classes]``, the original's scores.
        candidate: float32 ``[N, classes]``, the converted model's.
    """
    images = len(reference)
    steps = output_step(reference), output_step(candidate)
    blocks = [slice(start, start + _BLOCK) for start in range(0, images, _BLOCK)]
    differences = [np.abs(candidate[rows].astype(np.float64) - reference[rows]) for rows in blocks]
    before = (_distribution(reference[rows], steps[0]) for rows in blocks)
    after = (_distribution(candidate[rows], steps[1]) for rows in blocks)
    divergences = map(_divergences, before, after)
    kl, js = (max(0.0, sum(part) / images) for part in zip(*divergences, strict=True))
    return Probabilities(
        max_difference=float(max(difference.max() for difference in differences)),
        mean_difference=float(sum(difference.sum() for difference in differences) / reference.size),
        kl_divergence_nats=kl,
        js_divergence_nats=js,
        confidence_drift=float((highest(candidate) - highest(reference)).mean()),
        reference_step=steps[0],
        candidate_step=steps[1],
    )


def highest(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the confidence, the highest score of each image, ``[N]``."""
    # Along contiguous classes, NumPy takes ten times as long.
    return np.asarray(np.ascontiguousarray(scores.T).max(axis=0), np.float64)


def output_step(scores: NDArray[np.float32]) -> float:
    """Return the step of scores: 1/256 or 1/32768 of an integer softmax, or else float32's own."""
    for levels in _INTEGER_LEVELS:
        counts = scores * np.float32(levels)  # exact: the levels are a power of two
        if (counts == np.rint(counts)).all():
            return 1 / levels
    return FLOAT_STEP


def _distribution(scores: NDArray[np.float32], step: float) -> NDArray[np.float64]:
    floored = np.maximum(scores.astype(np.float64), step / 2)
    return np.asarray(floored / floored.sum(axis=1, keepdims=True))


def _divergences(p: NDArray[np.float64], q: NDArray[np.float64]) -> tuple[float, float]:
    """Return the KL and JS divergence, summed over the images. For equal ones it may round below 0."""
    middle = (p + q) / 2
    log_p, log_q, log_middle = np.log(p), np.log(q), np.log(middle)
    kl = (p * (log_p - log_q)).sum()
    js = (p * (log_p - log_middle) + q * (log_q - log_middle)).sum() / 2
    return float(kl), float(js)


@dataclass(frozen=True)
class Audit:
    """Properties of scores as numbers: ties, saturation, sums other than 1, and levels in use."""

    ties: int
    """Images whose two best scores are equal; the lowest index is the answer."""
    tie_share: float
    """ties / images."""
    zero_share: float
    """Share of all probabilities that are exactly 0."""
    one_share: float
    """Share of all probabilities at the highest level: 1, or a step below it for integers."""
    off_sum: int
    """Images whose probabilities do not sum to 1, within the rounding of float32."""
    max_sum_error: float
    """Largest distance of a sum from 1."""
    levels: int
    """Distinct probabilities; 8 bits have 256."""


def audit_scores(scores: NDArray[np.float32]) -> Audit:
    """Audit scores, float32 ``[N, classes]``."""
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
        # A softmax divides by a sum of all classes: each addition rounds once, and so does the division.
        off_sum=int((errors > classes * FLOAT_STEP).sum()),
        max_sum_error=float(errors.max()),
        levels=len(np.unique(scores)),
    )
