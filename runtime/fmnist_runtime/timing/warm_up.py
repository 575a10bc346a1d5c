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
"""A processor that saves power takes some 10 to 100 ms until it runs at its full frequency."""
_MAX_NS = 1_000_000_000
"""What has not settled by then is measured all the same, and said."""
_WINDOW_NS = 10_000_000
_WINDOW_RUNS = 3
_WINDOWS = 3
_SETTLED = 0.02
"""So little may the medians of the last `_WINDOWS` windows differ."""


@dataclass(frozen=True)
class WarmUp:
    """What it took until a model had settled."""

    runs: int
    """Calls that were made."""
    seconds: float
    """How long they took."""
    settled: bool
    """Whether the medians of the last calls were alike; else the time was up."""
    median_ns: float
    """Median of the last calls."""


def warm_up(
    call: Callable[[NDArray[np.uint8]], object],
    batches: Iterator[NDArray[np.uint8]],
    clock: Callable[[], int] = time.perf_counter_ns,
) -> WarmUp:
    """Run a model: by number, by time, and until the median of its calls has settled.

    Calls are watched in windows of 10 ms or three calls. It takes until 10 calls were made, 0.1 s have
    passed, and the medians of three windows in a row differ by 2% at most; after 1 s it ends anyway.

    Args:
        call: The model.
        batches: What it is called with, in turn; endless.
        clock: Tells the time in ns.
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
