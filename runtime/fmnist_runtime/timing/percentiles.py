"""Percentiles of measured times, each with how sure it is, whatever way the times are distributed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Probability with which an interval has the true percentile in it, or more: ranks are whole numbers."""
_DEVIATIONS = 12
"""Standard deviations of a count to either side, beyond which nothing ever lies."""


@dataclass(frozen=True)
class Percentile:
    """A percentile of samples, with an interval for the percentile of all that could have been drawn."""

    value: float
    """The smallest sample that so many percent do not exceed."""
    low: float
    """Lower end of the interval: of 95% for a percentile, the slowest process for throughput."""
    high: float
    """Upper end of the same: for throughput, the fastest process."""

    def __post_init__(self) -> None:
        """Check that the value lies in its interval."""
        if not 0 <= self.low <= self.value <= self.high:
            raise ValueError("the value is negative, or outside its interval")


def percentile_rank(count: int, percent: float) -> int:
    """Rank, from 1, of the smallest of so many samples that so many percent do not exceed."""
    return max(math.ceil(round(count * percent / 100, 9)), 1)


@lru_cache(maxsize=64)
def interval_ranks(count: int, percent: float) -> tuple[int, int] | None:
    """Ranks, from 1, of the samples that a percentile's interval lies between.

    With B samples below the true percentile, the interval from rank l to rank u has it in it if
    ``l <= B < u``; either side is missed with 2.5% at most.

    Args:
        count: How many samples there are.
        percent: Between 0 and 100, both excluded.

    Returns:
        The ranks, or None where no sample is far enough on one side.
    """
    share, missed = percent / 100, (1 - CONFIDENCE) / 2
    first, below = _counts(count, share)
    low = first + int(np.searchsorted(below, missed, side="right"))  # the largest l with P(B < l) <= missed
    high = first + int(np.searchsorted(below, 1 - missed, side="left")) + 1  # P(B < u) >= 1 - missed
    return (low, high) if low >= 1 and high <= count else None


def _counts(count: int, share: float) -> tuple[int, NDArray[np.float64]]:
    """A binomial distribution around its mean: the first count, and P(B <= k) from there on."""
    mean, deviation = count * share, math.sqrt(count * share * (1 - share))
    first = max(0, math.floor(mean - _DEVIATIONS * deviation - _DEVIATIONS))
    last = min(count, math.ceil(mean + _DEVIATIONS * deviation + _DEVIATIONS))
    steps = np.arange(first + 1, last + 1, dtype=np.float64)
    ratios = np.log((count + 1 - steps) / steps) + math.log(share / (1 - share))
    logs = np.concatenate([[0.0], np.cumsum(ratios)])
    weights = np.exp(logs - logs.max())
    return first, np.cumsum(weights) / weights.sum()


def least_samples(percent: float) -> int:
    """The fewest samples that tell a percentile: 6 for the median, 368 for p99.

    All may lie on the same side of it. An interval between samples is missed then, which has a probability of
    the larger of its two shares to the power of their number.
    """
    share = percent / 100
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(max(share, 1 - share)))
