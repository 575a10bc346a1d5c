from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fmnist_runtime.percentiles import Percentile, interval_ranks, percentile


def plain_ranks(count: int, percent: float) -> tuple[int, int] | None:
    """As one would write it down: the innermost ranks that miss with at most 2.5 % on either side."""
    below = stats.binom(count, percent / 100)
    low = [rank for rank in range(1, count + 1) if below.cdf(rank - 1) <= 0.025]
    high = [rank for rank in range(1, count + 1) if below.cdf(rank - 1) >= 0.975]
    return (max(low), min(high)) if low and high else None


@settings(deadline=None, derandomize=True, database=None)
@given(st.integers(0, 800), st.sampled_from((0.1, 10, 50, 90, 99, 99.9)))
def test_ranks_are_those_of_the_binomial_distribution(count, percent):
    assert interval_ranks(count, percent) == plain_ranks(count, percent)


def test_the_median_of_ten_as_in_the_tables():
    """From the 2nd to the 9th of ten: 97.85 % (David and Nagaraja; any table of the sign test)."""
    assert interval_ranks(10, 50) == (2, 9)


@pytest.mark.parametrize(("percent", "least"), [(50, 6), (90, 36), (99, 368), (99.9, 3688)])
def test_a_percentile_is_withheld_until_there_are_samples_enough(percent, least):
    """The largest of n samples is above the true percentile p with 1 - pⁿ, which must be 97.5 %."""
    assert 1 - (percent / 100) ** (least - 1) < 0.975 <= 1 - (percent / 100) ** least
    samples = np.arange(least)
    assert percentile(samples[:-1], percent) is None
    found = percentile(samples, percent)
    assert found is not None
    assert found.high == least - 1


def test_value_and_interval_are_samples():
    samples = np.random.default_rng(0).permutation(np.arange(1, 1001)) * 10
    low, high = interval_ranks(1000, 99) or (0, 0)
    assert percentile(samples, 99) == Percentile(99, 9900, 10 * low, 10 * high)
    assert (low, high) == plain_ranks(1000, 99)


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 50), min_size=6, max_size=200))
def test_the_value_is_the_one_that_numpy_calls_inverted(samples):
    array = np.array(samples)
    found = percentile(array, 50)
    assert found is not None
    assert found.value == np.percentile(array, 50, method="inverted_cdf")
    assert found.low <= found.value <= found.high
