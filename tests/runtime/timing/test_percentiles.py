from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fmnist_runtime.timing.percentiles import interval_ranks, least_samples, percentile_rank


def plain_ranks(count: int, percent: float) -> tuple[int, int] | None:
    """As one would write it down: the innermost ranks that miss with at most 2.5% on either side."""
    below = stats.binom(count, percent / 100)
    low = [rank for rank in range(1, count + 1) if below.cdf(rank - 1) <= 0.025]
    high = [rank for rank in range(1, count + 1) if below.cdf(rank - 1) >= 0.975]
    return (max(low), min(high)) if low and high else None


@settings(deadline=None, derandomize=True, database=None)
@given(st.integers(0, 800), st.sampled_from((0.1, 10, 50, 90, 99, 99.9)))
def test_ranks_are_those_of_the_binomial_distribution(count, percent):
    assert interval_ranks(count, percent) == plain_ranks(count, percent)


def test_the_median_of_ten_as_in_the_tables():
    """From the 2nd to the 9th of ten: 97.85% (David and Nagaraja; any table of the sign test)."""
    assert interval_ranks(10, 50) == (2, 9)


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.sampled_from((50, 90, 99, 99.9)))
def test_the_rank_is_the_one_that_numpy_calls_inverted(samples, percent):
    value = sorted(samples)[percentile_rank(len(samples), percent) - 1]
    assert value == np.percentile(samples, percent, method="inverted_cdf")


def test_the_fewest_samples_that_tell_a_percentile():
    for percent, fewest in ((50, 6), (90, 36), (99, 368), (99.9, 3688), (10, 36)):
        assert least_samples(percent) == fewest
        assert interval_ranks(fewest, percent) is not None
        assert interval_ranks(fewest - 1, percent) is None
