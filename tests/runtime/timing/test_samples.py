from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_runtime.timing import Samples, pooled_percentile
from fmnist_runtime.timing.percentiles import Percentile, interval_ranks

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
