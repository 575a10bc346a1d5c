"""Names beside points: near, inside, and over nothing that is to be seen."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from fmnist.figures.label_placement import Anchor, Box, place_names

INSIDE = Box(np.array([0.0, 0.0]), np.array([400.0, 300.0]))
NAME = np.array([80.0, 16.0])


def anchor(x: float, y: float, radius: float = 5.0) -> Anchor:
    return Anchor(np.array([x, y]), radius, NAME)


def test_a_name_alone_stands_right_of_its_point():
    [place] = place_names([anchor(100, 100)], [], INSIDE)
    assert place.tolist() == [153, 100]  # the radius, half a line, and half of the name


def test_at_the_right_edge_it_stands_left():
    [place] = place_names([anchor(390, 100)], [], INSIDE)
    assert place.tolist() == [337, 100]


def test_an_obstacle_is_passed_by():
    bar = Box(np.array([120.0, 0.0]), np.array([122.0, 300.0]))
    [place] = place_names([anchor(100, 100)], [bar], INSIDE)
    assert not Box.around(place, NAME).overlaps(bar)


def test_a_bar_is_rather_hidden_than_a_name():
    """Bars everywhere, so that any place hides some; none hides the other's name for that."""
    bars = [Box(np.array([x, 0.0]), np.array([x + 1.0, 300.0])) for x in range(0, 400, 20)]
    first, second = place_names([anchor(100, 100), anchor(104, 104)], bars, INSIDE)
    assert not Box.around(first, NAME).overlaps(Box.around(second, NAME))


@pytest.mark.parametrize("count", [2, 8, 20])
def test_names_of_one_point_are_apart_and_inside(count):
    boxes = [Box.around(place, NAME) for place in place_names([anchor(200, 150)] * count, [], INSIDE)]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(INSIDE.holds(box) for box in boxes)


def test_a_line_to_a_name_crosses_no_other_name():
    anchors = [anchor(100 + 12 * number, 150) for number in range(4)]
    places = place_names(anchors, [], INSIDE)
    for index, (each, place) in enumerate(zip(anchors, places, strict=True)):
        line = each.centre + (place - each.centre) * np.linspace(0, 1, 200)[:, None]
        others = [Box.around(other, NAME - 4) for number, other in enumerate(places) if number != index]
        assert not any(other.is_crossed(line) for other in others)
