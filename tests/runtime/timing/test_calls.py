from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from support.synthetic import Synthetic, drawn, images

from fmnist_runtime.timing import WarmUp, measure_throughput, time_block, time_calls, time_periodic, warm_up
from fmnist_runtime.timing.calls import BLOCKS, block_sizes


def constant(random, count):
    return np.full(count, 5000.0)


def two_peaks(random, count):
    """Six in ten at 3 µs, the others at 9."""
    return np.where(random.random(count) < 0.6, 3000, 9000) + random.random(count) * 20


def long_tail(random, count):
    return 3000 + random.exponential(300, count) ** 1.5


@pytest.mark.parametrize("draw", [constant, two_peaks, long_tail])
def test_percentiles_of_a_known_distribution(draw):
    """Within 2%, as the standard error of a p99 of 100,000 samples of these is 1% at most."""
    engine = Synthetic(drawn(draw))
    warm = warm_up(engine.call, images(), engine.clock)
    timing = time_calls(engine.call, images(), 0.5, warm, engine.clock)
    truth = draw(np.random.default_rng(1), 2_000_000)
    for percent in (50, 99):
        found = timing.samples.percentile(percent)
        assert found is not None
        assert found.value == pytest.approx(np.percentile(truth, percent), rel=0.02)


def test_it_lasts_as_long_as_was_asked_for_and_takes_little_memory():
    """A million calls of 1 µs; as Python's numbers, all at once, they would take 40 MB."""
    engine = Synthetic(lambda now_ns: 1000)
    tracemalloc.start()
    timing = time_calls(engine.call, images(), 1, WarmUp(10, 0.1, True, 1000), engine.clock)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (timing.samples.times_ns.tolist(), timing.samples.counts.tolist()) == ([1000], [1_000_000])
    assert engine.now_ns == 1_000_000_000
    assert peak < 10e6


def test_every_call_is_timed_and_kept():
    engine = Synthetic(drawn(long_tail))
    warm = warm_up(engine.call, images(), engine.clock)
    assert engine.calls == warm.runs
    timing = time_calls(engine.call, images(), 0.01, warm, engine.clock)
    assert len(timing.samples) == engine.calls - warm.runs
    assert len(timing.block_medians_ns) == BLOCKS
    assert timing.samples.times_ns[-1] > timing.block_medians_ns.max()  # the longest is there, too


def test_blocks_are_in_the_order_of_time():
    """Twice as slow at the end as at the start: 1,000 ns more for each ms."""
    engine = Synthetic(lambda now_ns: 1000 + now_ns / 1000)
    warm = WarmUp(10, 0.1, True, 1000)
    medians = time_calls(engine.call, images(), 0.001, warm, engine.clock).block_medians_ns
    assert (np.diff(medians) > 0).all()


@pytest.mark.parametrize(
    ("seconds", "call_ns", "expected"),
    [
        (1, 1e9, [1]),
        (1, 5e9, [1]),  # a model that takes longer than there is time is called all the same
        (3, 1e9, [1, 1, 1]),
        (0.5, 5_000_000, [10] * BLOCKS),
        (1.05, 1e8, [1] * 10),
        (0.5, 2500, [20_000] * BLOCKS),
        (5, 2500, [100_000] * 20),  # as long as was asked for, but no more at once
        (0.15, 0, [100_000] * 10),  # what takes no time at all comes to an end
    ],
)
def test_calls_by_block(seconds, call_ns, expected):
    assert block_sizes(seconds, call_ns) == expected


def test_a_block_is_one_call_for_each_batch():
    seen = []
    engine = Synthetic(lambda now_ns: 7)

    def call(batch):
        seen.append(batch.tolist())
        engine.call(batch)

    batches = [np.full((1, 1, 1), value, np.uint8) for value in (3, 1, 2)]
    assert time_block(call, batches, engine.clock) == [7, 7, 7]
    assert seen == [[[[3]]], [[[1]]], [[[2]]]]


def test_images_a_second():
    """Batches of 32 in 8 ms: 4,000 images a second."""
    engine = Synthetic(lambda now_ns: 8_000_000)
    timing = measure_throughput(engine.call, images(32), 1, WarmUp(3, 0.1, True, 8_000_000), engine.clock)
    assert timing.images_per_second == 4000
    assert engine.calls == 125
    assert timing.block_medians_ns.tolist() == [250_000] * 10
    assert len(timing.samples) == 0


def test_a_stall_counts_though_no_single_call_is_timed():
    """One second in which nothing came, among 100 calls of 10 ms: half the throughput."""
    times = iter([10_000_000] * 50 + [1_010_000_000] + [10_000_000] * 49)
    engine = Synthetic(lambda now_ns: next(times))
    timing = measure_throughput(engine.call, images(10), 1, WarmUp(3, 0.1, True, 10_000_000), engine.clock)
    assert timing.images_per_second == pytest.approx(500)


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
