"""How far one array of values is from another that it should equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Similarity:
    """What tells an array from the one that it should equal."""

    snr_db: float
    """Signal-to-noise ratio in dB, ``10 · log10(Σ signal² / Σ error²)``; infinite when they are equal, NaN
    or -infinity when a value is."""
    max_difference: float
    """Largest absolute difference of two elements; NaN or infinite when a value is."""
    cosine: float
    """Cosine of the angle between the two as vectors; of zeros 1 when they are equal, else 0. NaN when a
    value is NaN or infinite."""


def compare_values(signal: NDArray[Any], values: NDArray[Any]) -> Similarity:
    """Compare values with what they should be, in float64.

    Args:
        signal: What they should be, of any shape, at least one element.
        values: What they are, of the same shape. NaN or infinity gives NaN or an SNR of -infinity.
    """
    x, y = signal.astype(np.float64).ravel(), values.astype(np.float64).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        error = y - x
        power, noise = x @ x, error @ error
        snr = 10 * np.log10(power / noise) if noise else np.float64(np.inf)
        cosine = (x @ y) / (np.linalg.norm(x) * np.linalg.norm(y)) if x.any() and y.any() else noise == 0
    return Similarity(float(snr), float(np.abs(error).max()), float(cosine))
