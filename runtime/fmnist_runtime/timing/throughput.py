"""How many images a second a model answers when there are always more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import numpy as np

from fmnist_runtime.timing.calls import Call, Clock, Images, Timing, block_sizes
from fmnist_runtime.timing.samples import Samples
from fmnist_runtime.timing.warm_up import WarmUp


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
