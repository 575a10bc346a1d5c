from __future__ import annotations

import itertools

import pytest
from support.synthetic import Synthetic, images

from fmnist_runtime.timing import warm_up


def test_a_latency_that_falls_is_waited_for():
    """By a tenth with each 10 ms until 0.4 s have passed."""
    engine = Synthetic(lambda now_ns: max(10_000 * 0.9 ** (now_ns / 10_000_000), 150))
    warm = warm_up(engine.call, images(), engine.clock)
    assert warm.settled
    assert warm.median_ns == 150
    assert 0.4 <= warm.seconds < 0.5


def test_what_never_settles_is_measured_all_the_same_and_said():
    levels = itertools.cycle([10_000_000, 30_000_000])  # a window holds three calls, of which two are alike
    engine = Synthetic(lambda now_ns: next(levels))
    warm = warm_up(engine.call, images(), engine.clock)
    assert not warm.settled
    assert 1 <= warm.seconds < 1.1


@pytest.mark.parametrize(
    ("call_ns", "runs", "settled"),
    [(20_000_000, 12, True), (100_000_000, 12, True), (2_000_000_000, 3, False)],
)
def test_a_slow_model_is_run_a_few_times(call_ns, runs, settled):
    """Ten times at least, in windows of three, unless a second has passed: by then three tell nothing."""
    engine = Synthetic(lambda now_ns: call_ns)
    warm = warm_up(engine.call, images(), engine.clock)
    assert (warm.runs, warm.settled) == (runs, settled)


def test_it_lasts_a_tenth_of_a_second_at_least():
    engine = Synthetic(lambda now_ns: 5_000)
    assert warm_up(engine.call, images(), engine.clock).seconds == pytest.approx(0.1, rel=0.01)
