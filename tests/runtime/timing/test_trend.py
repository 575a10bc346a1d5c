from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fmnist_runtime.timing.trend import kendall_tau, relative_change

SERIES = st.one_of(
    st.lists(st.integers(1, 5).map(float), min_size=2, max_size=40),  # full of ties
    st.lists(st.integers(1, 10**9).map(float), min_size=2, max_size=40),
)


@settings(deadline=None, derandomize=True, database=None)
@given(SERIES)
def test_tau_is_that_of_scipy(values):
    expected = stats.kendalltau(np.arange(len(values)), values).statistic
    # For scipy a constant series has NaN. Else both divide whole numbers by a root: a few roundings.
    assert kendall_tau(values) == pytest.approx(0 if np.isnan(expected) else expected, abs=1e-12)


@settings(deadline=None, derandomize=True, database=None)
@given(SERIES)
def test_the_change_is_along_the_line_of_theil_and_sen(values):
    line = stats.theilslopes(values)
    change = line.slope * (len(values) - 1) / np.median(values)
    assert relative_change(values) == pytest.approx(change, rel=1e-12)  # the same operations


@pytest.mark.parametrize(
    ("values", "tau", "change"),
    [
        ([100, 105, 110, 115, 120], 1, 20 / 110),
        ([120, 115, 110, 105, 100], -1, -20 / 110),
        ([7, 7, 7], 0, 0),
        ([0, 0, 0, 0, 5], 4 / np.sqrt(4 * 10), 0),
        ([3], 0, 0),
        ([], 0, 0),
    ],
)
def test_by_hand(values, tau, change):
    assert kendall_tau(values) == pytest.approx(tau, abs=1e-15)
    assert relative_change(values) == pytest.approx(change, abs=1e-15)


def test_of_very_many_values_some_hundred_are_looked_at():
    """A thousand processes have ten blocks each, and 50 million pairs: gigabytes."""
    rising = np.linspace(90, 110, 10_000)
    tracemalloc.start()
    assert (kendall_tau(rising), kendall_tau(rising[::-1])) == (1, -1)
    # The last that is looked at may be one stride before the end: 17 of 10,000.
    assert relative_change(rising) == pytest.approx(0.2, rel=0.002)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_one_value_far_off_does_not_make_a_trend():
    values = [100.0] * 19 + [900.0]
    assert relative_change(values) == 0
    assert kendall_tau(values) < 0.5  # 19 of 190 pairs rise, the others are equal
