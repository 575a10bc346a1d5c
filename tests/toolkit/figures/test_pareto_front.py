"""Which trade-offs of accuracy, speed and size nothing beats."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.figures.tradeoff import TradeOff, best
from fmnist_runtime.timing.samples import Percentile


def point(accuracy: float, speed: float, size: int, more_is_faster: bool = False) -> TradeOff:
    return TradeOff(
        "", "tflite", accuracy, Percentile(speed, speed, speed), size, more_is_faster=more_is_faster
    )


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0.9, 3, 100)], [True]),
        ([(0.9, 3, 100), (0.9, 3, 100)], [True, True]),  # neither is better in anything
        ([(0.9, 3, 100), (0.9, 3, 101)], [True, False]),
        ([(0.9, 3, 100), (0.9, 4, 100)], [True, False]),
        ([(0.9, 3, 100), (0.8, 3, 100)], [True, False]),
        ([(0.9, 4, 100), (0.8, 3, 100)], [True, True]),
        ([(0.9, 4, 100), (0.8, 5, 99)], [True, True]),  # for its size alone
        ([(0.9, 4, 100), (0.9, 3, 100), (0.9, 3, 99)], [False, False, True]),
    ],
)
def test_constructed_fronts(points, expected):
    assert best([point(*each) for each in points]) == expected


def test_of_images_a_second_more_is_better():
    assert best([point(0.9, 1000, 100, True), point(0.9, 2000, 100, True)]) == [False, True]


def no_worse(one: TradeOff, other: TradeOff) -> bool:
    faster = (
        one.speed.value >= other.speed.value if one.more_is_faster else one.speed.value <= other.speed.value
    )
    return one.accuracy >= other.accuracy and faster and one.size_bytes <= other.size_bytes


@settings(deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(*[st.integers(1, 4)] * 3), min_size=1, max_size=12),
    st.booleans(),
)
def test_nothing_beats_what_is_marked_and_something_all_else(figures, more_is_faster):
    """Few values, so that many are alike in one or in all."""
    points = [point(accuracy / 4, speed, size, more_is_faster) for accuracy, speed, size in figures]
    marked = best(points)
    assert any(marked)
    for one, is_best in zip(points, marked, strict=True):
        beaten = any(no_worse(other, one) and not no_worse(one, other) for other in points)
        assert is_best is not beaten
