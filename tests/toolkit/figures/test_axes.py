"""Axes: where values lie, and which are written."""

from __future__ import annotations

import pytest

from fmnist.figures.axes import Axis, nice_step, padded


@pytest.mark.parametrize(
    ("span", "about", "step"),
    [(1, 5, 0.2), (1, 4, 0.5), (0.004, 5, 0.001), (7, 5, 2), (10, 1, 10), (3e6, 5, 1e6), (0.05, 5, 0.01)],
)
def test_steps_are_one_two_or_five(span, about, step):
    assert nice_step(span, about) == pytest.approx(step, rel=1e-12)


def test_values_lie_in_proportion_also_upwards_and_beyond_the_ends():
    axis = Axis(10, 20, 300, 100)
    assert [axis(10), axis(15), axis(20), axis(25)] == [300, 200, 100, 0]
    assert Axis(1, 100, 0, 200, logarithmic=True)(10) == pytest.approx(100, rel=1e-12)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.8721, 0.8764, [0.873, 0.874, 0.875, 0.876]),
        (-0.3, 0.3, [-0.2, 0, 0.2]),
        (1, 10, [2, 4, 6, 8, 10]),
    ],
)
def test_ticks_in_steps_have_no_noise_of_floats(low, high, expected):
    assert Axis(low, high, 0, 1).ticks() == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.5, 60, [2, 5, 10, 20, 50]),
        (0.009, 0.3, [0.01, 0.02, 0.05, 0.1, 0.2]),
        (1, 10, [1, 2, 5, 10]),
        (1.1, 2e4, [10, 100, 1000, 10000]),
    ],
)
def test_logarithmic_ticks_are_one_two_five_and_of_many_decades_one_alone(low, high, expected):
    assert Axis(low, high, 0, 1, logarithmic=True).ticks() == expected


def test_room_is_made_on_both_sides_also_around_one_value():
    assert padded(2, 4, 0.5, 1) == (1, 5)
    assert padded(3, 3, 0, 2) == (2, 4)
    low, high = padded(0.5, 0.5, 0.1, 0.01)
    assert (low, high) == pytest.approx((0.494, 0.506), rel=1e-12)
