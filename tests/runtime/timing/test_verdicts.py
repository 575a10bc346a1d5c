"""The whole measurement on engines whose latency is known: figures within 2%, and the right verdict.

Six processes run one after the other on a clock that moves with the engine alone. Each warms up and is timed
for half a second, as `fmnist bench` does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.synthetic import Synthetic, drawn, images

from fmnist_runtime.timing import Timing, pooled_percentile, time_calls, warm_up
from fmnist_runtime.timing.trust import DRIFTING, NOISY, STABLE, judge

PROCESSES, SECONDS = 6, 0.5
WHOLE_NS = PROCESSES * (SECONDS + 0.1) * 1e9
"""All processes with their warm-ups."""
Draw = Callable[[np.random.Generator, int], np.ndarray]


def timings(latency_ns: Callable[[int], Callable[[int], float]]) -> list[Timing]:
    """What six processes measure; given is the latency in ns by the time, of each process by its number."""
    found, now_ns = [], 0
    for number in range(PROCESSES):
        engine = Synthetic(latency_ns(number))
        engine.now_ns = now_ns
        warm = warm_up(engine.call, images(), engine.clock)
        found.append(time_calls(engine.call, images(), SECONDS, warm, engine.clock))
        now_ns = engine.now_ns
    return found


def verdict(found: list[Timing]) -> str:
    return judge([timing.block_medians_ns for timing in found], []).verdict


def constant(random: np.random.Generator, count: int) -> np.ndarray:
    return np.full(count, 20_000.0)


def two_peaks(random: np.random.Generator, count: int) -> np.ndarray:
    """Six in ten at 20 µs, the others at 60."""
    return np.where(random.random(count) < 0.6, 20_000, 60_000) + random.normal(0, 300, count)


def long_tail(random: np.random.Generator, count: int) -> np.ndarray:
    """A hundredth above 29 µs, a thousandth above 64, a hundred-thousandth above 1 ms."""
    return 20_000 * (1 + random.pareto(1.5, count) / 45)


@pytest.mark.parametrize("draw", [constant, two_peaks, long_tail])
def test_a_latency_that_stays_the_same(draw: Draw):
    found = timings(lambda number: drawn(draw, seed=number))
    assert verdict(found) == STABLE
    truth = draw(np.random.default_rng(99), 2_000_000)
    for percent in (50, 99):
        figure = pooled_percentile([timing.samples for timing in found], percent)
        assert figure is not None
        true = np.percentile(truth, percent)
        assert figure.value == pytest.approx(true, rel=0.02)
        assert figure.low <= true * 1.001  # of the constant one, both are the same but for rounding
        assert true * 0.999 <= figure.high


def test_a_latency_that_drifts():
    """From 20 to 26 µs over the whole time, evenly: half-way at 23, the last hundredth above 25.94."""
    found = timings(lambda number: lambda now_ns: 20_000 * (1 + 0.3 * now_ns / WHOLE_NS))
    assert verdict(found) == DRIFTING
    samples = [timing.samples for timing in found]
    median, p99 = (pooled_percentile(samples, percent) for percent in (50, 99))
    assert median is not None
    assert p99 is not None
    assert median.value == pytest.approx(23_000, rel=0.02)
    assert p99.value == pytest.approx(25_940, rel=0.02)


def test_a_latency_that_is_another_in_each_process():
    found = timings(lambda number: lambda now_ns: (20_000, 24_000)[number % 2])
    assert verdict(found) == NOISY
    figure = pooled_percentile([timing.samples for timing in found], 50)
    assert figure is not None
    assert (figure.low, figure.high) == (20_000, 24_000)
