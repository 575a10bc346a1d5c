"""Timing of calls: back to back (service time), at a steady pace, and for throughput."""

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
"""The timed function, such as a session's ``scores``."""
Clock = Callable[[], int]
"""Returns the time in ns."""

BLOCKS = 10
"""Least number of blocks of a process, whose medians show a trend."""
_MOST_IN_BLOCK = 100_000
"""Calls whose times are kept individually, some 4 MB, before equal times are counted together."""
_LEAST_CALL_NS = 150
"""Least duration of a call with its loop, whatever the clock measures."""


@dataclass(frozen=True)
class Timing:
    """The measurements of one model in one process, after its warm-up."""

    samples: Samples
    """The time of every call; empty for throughput, where calls are not timed individually."""
    block_medians_ns: NDArray[np.float64]
    """Median of each block of calls, in order; for throughput, ns for an image in each."""
    images_per_second: float | None = None
    """Throughput, if it was measured."""
    misses: int | None = None
    """Answers after their deadline, if there was one."""


def time_block(call: Call, batches: Iterable[Images], clock: Clock = time.perf_counter_ns) -> list[int]:
    """Return the time of one call for each batch, in ns, with only the bookkeeping between calls."""
    times: list[int] = []
    keep = times.append
    for batch in batches:
        start = clock()
        call(batch)
        keep(clock() - start)
    return times


def time_calls(
    call: Call, batches: Iterator[Images], seconds: float, warm: WarmUp, clock: Clock = time.perf_counter_ns
) -> Timing:
    """Time calls back to back.

    Args:
        call: The timed function.
        batches: Its arguments in turn; endless.
        seconds: Duration at the warm-up's pace; at least one call is made.
        warm: The warm-up, whose last median gives the number of calls.
        clock: Returns the time in ns.
    """
    blocks, medians = [], []
    for calls in block_sizes(seconds, warm.median_ns):
        times = np.array(time_block(call, islice(batches, calls), clock), np.int64)
        blocks.append(Samples.of(times))
        medians.append(np.median(times))
    return Timing(Samples.merged(blocks), np.array(medians))


def block_sizes(seconds: float, call_ns: float) -> list[int]:
    """Return the calls of each block: as many in all as fit into the time, in `BLOCKS` blocks or more."""
    calls = max(1, round(seconds * 1e9 / max(call_ns, _LEAST_CALL_NS)))
    blocks = max(min(BLOCKS, calls), -(-calls // _MOST_IN_BLOCK))
    return [calls * (number + 1) // blocks - calls * number // blocks for number in range(blocks)]


def measure_throughput(
    call: Call, batches: Iterator[Images], seconds: float, warm: WarmUp, clock: Clock = time.perf_counter_ns
) -> Timing:
    """Run batch after batch, with a clock around blocks of calls and none between calls.

    It is not the inverse of a latency: there is no clock between two calls, and work that a call defers is
    counted in the next one. The arguments are those of `time_calls`; all batches have the same size.
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
    """Time calls that are due at equal intervals, as for a camera, each from when it was due.

    A call that begins late, because the call before took too long or the machine was slow to wake up, is
    timed from when it was due. A clock that starts with the call would omit the waiting, and with it most of
    the effect of a stall (Tene, How NOT to Measure Latency: "coordinated omission"). No call is dropped: a
    model that is slower than the pace falls further and further behind.

    Args:
        call: The timed function.
        batches: Its arguments in turn; endless.
        seconds: Duration; at least one call is made.
        hz: Calls per second.
        clock: Returns the time in ns.
        sleep: Waits for so many seconds.

    Returns:
        The times from due to done, and how many of them exceed the interval, so that the next call was due.
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
