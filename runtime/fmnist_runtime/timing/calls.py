"""Inferences back to back, each of which is timed: what is called service time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.timing.samples import Samples
from fmnist_runtime.timing.warm_up import WarmUp

Images = NDArray[np.uint8]
"""uint8 ``[N, H, W]`` or ``[N, H, W, C]``: one batch."""
Call = Callable[[Images], object]
"""What is timed, such as a session's ``scores``."""
Clock = Callable[[], int]
"""Tells the time in ns."""

BLOCKS = 10
"""In how many parts a process divides its time, by whose medians a trend is seen; or in more."""
_MOST_IN_BLOCK = 100_000
"""Calls whose times are held one by one, some 4 MB of them, before those that are alike are put together."""
_LEAST_CALL_NS = 150
"""No call takes less, with the loop around it, whatever is measured of the call itself."""


@dataclass(frozen=True)
class Timing:
    """What one process measured of one model, after its warm-up."""

    samples: Samples
    """The time of every call; empty for throughput, where no single call is timed."""
    block_medians_ns: NDArray[np.float64]
    """Median of each block of calls, in order; for throughput, ns for an image in each."""
    images_per_second: float | None = None
    """Throughput, where that was measured."""
    misses: int | None = None
    """Answers that came after their deadline, where there was one."""


def time_block(call: Call, batches: Iterable[Images], clock: Clock = time.perf_counter_ns) -> list[int]:
    """The time of one call for each batch, in ns, with nothing between two calls but the bookkeeping."""
    times: list[int] = []
    keep = times.append
    for batch in batches:
        start = clock()
        call(batch)
        keep(clock() - start)
    return times


def time_calls(
    call: Call,
    batches: Iterator[Images],
    seconds: float,
    warm: WarmUp,
    clock: Clock = time.perf_counter_ns,
) -> Timing:
    """Time calls back to back.

    Args:
        call: What is timed.
        batches: What it is called with, in turn; endless.
        seconds: How long to go on, at the warm-up's pace; one call is made at least.
        warm: The warm-up, from whose last median the number of calls follows.
        clock: Tells the time in ns.
    """
    blocks, medians = [], []
    for calls in block_sizes(seconds, warm.median_ns):
        times = np.array(time_block(call, islice(batches, calls), clock), np.int64)
        blocks.append(Samples.of(times))
        medians.append(np.median(times))
    return Timing(Samples.merged(blocks), np.array(medians))


def block_sizes(seconds: float, call_ns: float) -> list[int]:
    """Calls in each block: as many in all as fit into the time, in `BLOCKS` blocks if they are enough."""
    calls = max(1, round(seconds * 1e9 / max(call_ns, _LEAST_CALL_NS)))
    blocks = max(min(BLOCKS, calls), -(-calls // _MOST_IN_BLOCK))
    return [calls * (number + 1) // blocks - calls * number // blocks for number in range(blocks)]


def measure_throughput(
    call: Call,
    batches: Iterator[Images],
    seconds: float,
    warm: WarmUp,
    clock: Clock = time.perf_counter_ns,
) -> Timing:
    """Run batch after batch, with a clock around blocks of calls and none in between.

    It is no latency turned around: between two calls there is no clock, and what a call leaves for later
    is in the time of the next.

    Args:
        call: What is run.
        batches: What it is called with, in turn, all of the same size; endless.
        seconds: How long to go on, at the warm-up's pace; one call is made at least.
        warm: The warm-up, from whose last median the number of calls follows.
        clock: Tells the time in ns.
    """
    images, times, per_image = 0, 0, []
    for calls in block_sizes(seconds, warm.median_ns):
        block = list(islice(batches, calls))
        start = clock()
        for batch in block:
            call(batch)
        taken = clock() - start
        count = sum(map(len, block))
        per_image.append(taken / count)
        images, times = images + count, times + taken
    nothing = Samples.of(np.empty(0, np.int64))
    return Timing(nothing, np.array(per_image), images_per_second=images * 1e9 / max(times, 1))


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
