"""Inferences at a steady pace, as a camera asks for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from fmnist_runtime.timing.calls import BLOCKS, Call, Clock, Images, Timing
from fmnist_runtime.timing.samples import Samples


def time_periodic(
    call: Call,
    batches: Iterator[Images],
    seconds: float,
    hz: float,
    clock: Clock = time.perf_counter_ns,
    sleep: Callable[[float], object] = time.sleep,
) -> Timing:
    """Time calls that are due at equal intervals, each from when it was due.

    One that begins late, as the call before it took too long or the machine was slow to wake up, counts
    from when it should have begun. A clock that starts with the call would leave the waiting out, and with
    it most of what a stall does (Tene, How NOT to Measure Latency: "coordinated omission"). Nothing is
    dropped: a model that is slower than the pace falls further and further behind.

    Args:
        call: What is timed.
        batches: What it is called with, in turn; endless.
        seconds: How long to go on; one call is made at least.
        hz: Calls a second.
        clock: Tells the time in ns.
        sleep: Waits for so many seconds.

    Returns:
        The times from due to done, and how many of them exceed the interval: the next was due by then.
    """
    interval = 1e9 / hz
    count = max(1, round(seconds * hz))
    times = np.empty(count, np.int64)
    begin = clock() + interval
    for number in range(count):
        batch, due = next(batches), begin + number * interval
        wait = due - clock()
        if wait > 0:
            sleep(wait / 1e9)
        call(batch)
        times[number] = clock() - due
    blocks = np.array_split(times, min(BLOCKS, count))
    return Timing(
        Samples.of(times),
        np.array([np.median(block) for block in blocks]),
        misses=int(np.count_nonzero(times > interval)),
    )
