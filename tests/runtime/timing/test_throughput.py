from __future__ import annotations

import pytest
from support.synthetic import Synthetic, images

from fmnist_runtime.timing import WarmUp, measure_throughput


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
