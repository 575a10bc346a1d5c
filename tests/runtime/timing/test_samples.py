from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fmnist_runtime.timing import Samples, pooled_percentile
from fmnist_runtime.timing.samples import Percentile, interval_ranks, least_samples, percentile_rank

TIMES = st.lists(st.integers(0, 50), min_size=1, max_size=200).map(np.array)
EXACTLY = settings(deadline=None, derandomize=True, database=None)


@EXACTLY
@given(TIMES)
def test_nothing_is_left_out(times):
    samples = Samples.of(times)
    assert len(samples) == len(times)
    assert np.repeat(samples.times_ns, samples.counts).tolist() == sorted(times)


@EXACTLY
@given(st.lists(TIMES, min_size=1, max_size=5))
def test_several_merged_are_all_of_them(parts):
    merged, together = Samples.merged([Samples.of(part) for part in parts]), Samples.of(np.concatenate(parts))
    assert merged.times_ns.tolist() == together.times_ns.tolist()
    assert merged.counts.tolist() == together.counts.tolist()


@EXACTLY
@given(TIMES, st.sampled_from((50, 90, 99)))
def test_value_and_interval_are_those_of_the_ordered_times(times, percent):
    found, ranks = Samples.of(times).percentile(percent), interval_ranks(len(times), percent)
    if ranks is None:
        assert found is None
        return
    ordered = sorted(times)
    low, high = (ordered[rank - 1] for rank in ranks)
    assert found == Percentile(np.percentile(times, percent, method="inverted_cdf"), low, high)


@pytest.mark.parametrize(("percent", "least"), [(50, 6), (90, 36), (99, 368), (99.9, 3688)])
def test_a_percentile_is_withheld_until_there_are_samples_enough(percent, least):
    """The largest of n samples is above the true percentile p with 1 - pⁿ, which must be 97.5%."""
    assert 1 - (percent / 100) ** (least - 1) < 0.975 <= 1 - (percent / 100) ** least
    times = np.arange(least)
    assert Samples.of(times[:-1]).percentile(percent) is None
    found = Samples.of(times).percentile(percent)
    assert found is not None
    assert found.high == least - 1


def test_the_interval_of_several_processes_spans_what_each_found():
    """A process that is slower as a whole is no sample among many, however many it took."""
    fast, slow = (Samples.of(np.full(1000, value)) for value in (100, 130))
    assert pooled_percentile([fast, fast, slow], 50) == Percentile(100, 100, 130)
    assert pooled_percentile([slow, slow, fast], 50) == Percentile(130, 100, 130)
    assert pooled_percentile([fast], 50) == Percentile(100, 100, 100)


def test_more_processes_tell_more():
    """Of twelve, the third and the tenth are the 95% interval of the median (tables of the sign test)."""
    parts = [Samples.of(np.full(1000, 100 + number)) for number in range(12)]
    found = pooled_percentile(parts, 50)
    assert found is not None
    assert (found.low, found.high) == (102, 109)


def test_processes_with_few_samples_tell_nothing_of_their_own():
    """Of 100 samples each, six processes have 600: enough for a p99 of all, but none for one of its own."""
    parts = [Samples.of(np.arange(100) + 100 * number) for number in range(6)]
    assert pooled_percentile(parts, 99) == Samples.of(np.arange(600)).percentile(99)
    assert pooled_percentile(parts[:3], 99) is None


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
