from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from support.synthetic import Synthetic, drawn, images

from fmnist_runtime.timing import WarmUp, time_block, time_calls, warm_up
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
