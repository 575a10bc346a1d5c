"""Running a model until its latency has settled."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MIN_RUNS = 10
_MIN_NS = 100_000_000
"""A processor in power saving mode takes 10 to 100 ms to reach its full frequency."""
_MAX_NS = 1_000_000_000
"""After this time a model is measured even if it has not settled, which is reported."""
_WINDOW_NS = 10_000_000
_WINDOW_RUNS = 3
_WINDOWS = 3
_SETTLED = 0.02
"""Largest relative difference of the medians of the last `_WINDOWS` windows."""


@dataclass(frozen=True)
class WarmUp:
    """The course of a warm-up."""

    runs: int
    """Number of calls."""
    seconds: float
    """Duration."""
    settled: bool
    """Whether the medians of the last calls were alike; else the time was up."""
    median_ns: float
    """Median of the last calls."""


def warm_up(
    call: Callable[[NDArray[np.uint8]], object],
    batches: Iterator[NDArray[np.uint8]],
    clock: Callable[[], int] = time.perf_counter_ns,
) -> WarmUp:
    """Run a model until its latency has settled.

    Calls are grouped in windows of 10 ms or three calls. The warm-up ends after at least 10 calls and 0.1 s,
    when the medians of three consecutive windows differ by at most 2%, or else after 1 s.

    Args:
        call: The model.
        batches: Its arguments in turn; endless.
        clock: Returns the time in ns.
    """
    begin, runs, medians = clock(), 0, []
    while True:
        times: list[int] = []
        end = clock() + _WINDOW_NS
        while len(times) < _WINDOW_RUNS or clock() < end:
            batch = next(batches)
            start = clock()
            call(batch)
            times.append(clock() - start)
        runs += len(times)
        medians.append(statistics.median(times))
        passed, last = clock() - begin, medians[-_WINDOWS:]
        settled = len(last) == _WINDOWS and max(last) - min(last) <= _SETTLED * min(last)
        if passed >= _MAX_NS or (settled and runs >= _MIN_RUNS and passed >= _MIN_NS):
            return WarmUp(runs, passed / 1e9, settled, last[-1])
