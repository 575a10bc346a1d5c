"""How often which times came up, in bins that are equally wide on a logarithmic axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS = 300
"""Across the whole axis."""
_LEAST_BIN = 1.005
"""A bin's end by its start, at least: in 3 µs a clock that ticks every 10 ns is not to be seen."""


@dataclass(frozen=True)
class Histogram:
    """Counts in bins without a gap."""

    counts: NDArray[np.float64]
    """``[bins]``, how many times fell into each; of the first and the last one at least."""
    edges: NDArray[np.float64]
    """``[bins + 1]``, in the unit of the times, ascending."""


def bin_step(low: float, high: float) -> float:
    """Width of a bin, as the natural logarithm of its end by its start, for times from one to another."""
    return max(math.log(high / low) / _BINS, math.log(_LEAST_BIN))


def log_histogram(times: NDArray[Any], counts: NDArray[Any], step: float) -> Histogram:
    """Put times into bins that lie at the same places for all that share a step.

    Args:
        times: ``[N]``, distinct times above 0, ascending; one at least.
        counts: ``[N]``, how often each came up.
        step: Width of a bin, of `bin_step`.
    """
    bins = np.floor(np.log(times) / step).astype(np.int64)
    first = int(bins[0])
    found = np.bincount(bins - first, weights=counts).astype(np.float64)
    return Histogram(found, np.exp(step * np.arange(first, first + len(found) + 1)))
