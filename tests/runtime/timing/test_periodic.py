"""A camera's pace: latency counts from when an answer was due to begin."""

from __future__ import annotations

import itertools

import numpy as np
from support.synthetic import Synthetic, images

from fmnist_runtime.timing import time_periodic


def test_calls_begin_when_they_are_due():
    engine = Synthetic(lambda now_ns: 2_000_000)
    timing = time_periodic(engine.call, images(), 1, 100, engine.clock, engine.sleep)
    assert (timing.samples.times_ns.tolist(), timing.samples.counts.tolist()) == ([2_000_000], [100])
    assert timing.misses == 0
    assert engine.now_ns == 10_000_000 + 99 * 10_000_000 + 2_000_000


def test_a_stall_delays_those_behind_it():
    """One call of 35 ms at 100 Hz: the next three are due while it runs, and answer 26, 17 and 8 ms late.

    A clock that starts with each call would show one slow answer instead of three deadlines that were missed.
    """
    stalls = itertools.chain([1_000_000] * 10, [35_000_000], itertools.repeat(1_000_000))
    engine = Synthetic(lambda now_ns: next(stalls))
    timing = time_periodic(engine.call, images(), 0.3, 100, engine.clock, engine.sleep)
    late = [time for time in timing.samples.times_ns.tolist() if time > 1_000_000]
    assert late == [8_000_000, 17_000_000, 26_000_000, 35_000_000]
    assert timing.misses == 3
    assert len(timing.samples) == 30


def test_a_model_that_is_too_slow_falls_behind():
    """15 ms at 100 Hz: each answer is 5 ms later than the one before."""
    engine = Synthetic(lambda now_ns: 15_000_000)
    timing = time_periodic(engine.call, images(), 0.1, 100, engine.clock, engine.sleep)
    assert timing.samples.times_ns.tolist() == [15_000_000 + 5_000_000 * number for number in range(10)]
    assert timing.misses == 10
    assert (np.diff(timing.block_medians_ns) > 0).all()


def test_waking_up_late_counts():
    engine = Synthetic(lambda now_ns: 1_000_000)

    def sleep(seconds: float) -> None:
        engine.sleep(seconds + 0.0005)

    timing = time_periodic(engine.call, images(), 0.1, 100, engine.clock, sleep)
    assert timing.samples.times_ns.tolist() == [1_500_000]


def test_one_call_at_least():
    engine = Synthetic(lambda now_ns: 1)
    assert len(time_periodic(engine.call, images(), 0.001, 1, engine.clock, engine.sleep).samples) == 1
