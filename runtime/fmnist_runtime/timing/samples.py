"""Measured times, none of which is left out, and percentiles of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.timing.percentiles import Percentile, interval_ranks, percentile_rank


@dataclass(frozen=True)
class Samples:
    """Every measured time: the values that were seen, and how often each was.

    So a million times of a few microseconds take as little room as a thousand.
    """

    times_ns: NDArray[np.int64]
    """The distinct values in ns, ascending."""
    counts: NDArray[np.int64]
    """How often each was measured."""

    @classmethod
    def of(cls, times_ns: NDArray[np.int64]) -> Self:
        """Those of times in any order."""
        return cls(*np.unique(times_ns, return_counts=True))

    @classmethod
    def merged(cls, parts: Sequence[Samples]) -> Self:
        """All of several."""
        times, places = np.unique(np.concatenate([part.times_ns for part in parts]), return_inverse=True)
        counts = np.zeros(len(times), np.int64)
        np.add.at(counts, places, np.concatenate([part.counts for part in parts]))
        return cls(times, counts)

    def __len__(self) -> int:
        """How many were measured."""
        return int(self.counts.sum())

    def percentile(self, percent: float) -> Percentile | None:
        """A percentile in ns with its interval, as of independent samples; None where they are too few.

        The interval is between two samples in order of size: as many samples lie below the true percentile
        as a binomial distribution says, whatever theirs is (David and Nagaraja, Order Statistics, 2003,
        section 7.1).

        Args:
            percent: Between 0 and 100, both excluded.
        """
        ranks = interval_ranks(len(self), percent)
        if ranks is None:
            return None
        wanted = [percentile_rank(len(self), percent), *ranks]
        value, low, high = self.times_ns[np.searchsorted(np.cumsum(self.counts), wanted)]
        return Percentile(float(value), float(low), float(high))


def pooled_percentile(processes: Sequence[Samples], percent: float) -> Percentile | None:
    """A percentile of all that several processes measured, in ns; None where there are too few samples.

    Processes differ by more than their samples let one expect: in where memory came to lie, and in what
    else the machine did meanwhile. So the interval spans that of all samples, and that of the median process:
    between the least and the greatest of six processes' own percentiles, the third and the tenth of twelve.
    Of fewer than six it is that, too, but less than 95% sure.

    In simulations of six processes that differ by 1 to 10% it covers the true p50 in 96 to 97% of the
    cases; samples taken for independent, in 5 to 21%. A p99 it covers in 95, 83 and 37% where processes
    differ by 1, 3 and 10%: it lies with the slow processes, of which there may be none among six
    (benchmarks/percentile_coverage.py). Such are not called STABLE.
    """
    pooled = Samples.merged(processes).percentile(percent)
    if pooled is None:
        return None
    own = sorted(found.value for found in (samples.percentile(percent) for samples in processes) if found)
    if not own:
        return pooled
    first, last = interval_ranks(len(own), 50) or (1, len(own))
    return Percentile(pooled.value, min(pooled.low, own[first - 1]), max(pooled.high, own[last - 1]))
