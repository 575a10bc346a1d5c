"""Where names stand beside points, so that they hide neither a point nor each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LINES = 15
"""How many lines of text away from its point a name may stand."""
_LEAD = np.linspace(0.1, 1, 25)[:, None]
"""Where a line from a point to its name is looked at; it begins in the point."""

Pixels = NDArray[np.float64]
"""A place or a size: ``[2]``."""


@dataclass(frozen=True)
class Box:
    """A rectangle that stands straight."""

    low: Pixels
    """Its corner of the smallest coordinates."""
    high: Pixels
    """The one opposite."""

    @classmethod
    def around(cls, middle: Pixels, size: float | Pixels) -> Box:
        """One of a size, around a place."""
        return cls(middle - np.asarray(size) / 2, middle + np.asarray(size) / 2)

    def overlaps(self, other: Box) -> bool:
        """Whether they have a place in common."""
        return bool((self.low <= other.high).all() and (other.low <= self.high).all())

    def holds(self, other: Box) -> bool:
        """Whether the other one lies inside."""
        return bool((self.low <= other.low).all() and (other.high <= self.high).all())

    def is_crossed(self, line: Pixels) -> bool:
        """Whether one of a line's places, ``[N, 2]``, lies inside."""
        return bool(((line > self.low) & (line < self.high)).all(axis=1).any())


@dataclass(frozen=True)
class Anchor:
    """A point that wants its name beside it."""

    centre: Pixels
    """Where it is."""
    radius: float
    """Of its marker."""
    size: Pixels
    """Width and height of the name, with what is to be kept free around it."""


def place_names(anchors: Sequence[Anchor], obstacles: Sequence[Box], inside: Box) -> list[Pixels]:
    """The middle of each name, as near to its point as there is room; the first point has the first choice.

    Where no place is free a name takes the one with the least in its way.

    Args:
        anchors: The points.
        obstacles: What is rather not to be hidden, besides points and names.
        inside: Where names may stand.
    """
    taken = _Taken([Box.around(anchor.centre, 2 * anchor.radius) for anchor in anchors], obstacles)
    placed = []
    for anchor in anchors:
        place = taken.best_place(anchor, inside)
        taken.add(anchor, place)
        placed.append(place)
    return placed


def _offsets(radius: float, size: Pixels) -> Iterator[Pixels]:
    """Where a name may stand from its point, the nearest first: beside it, above and below, in between."""
    width, height = size / 2
    for line in range(_LINES):
        away = radius + line * height
        yield from (np.array([side * (away + width), 0.0]) for side in (1, -1))
        for shift in (0.0, 0.3, -0.3, 0.6, -0.6, 1.0, -1.0):
            yield from (np.array([shift * (width + away), side * (away + height)]) for side in (1, -1))


class _Taken:
    """What is in a picture already."""

    def __init__(self, points: Sequence[Box], obstacles: Sequence[Box]) -> None:
        self._points, self._obstacles = points, obstacles
        self._names: list[Box] = []
        self._leads: list[Pixels] = []

    def add(self, anchor: Anchor, place: Pixels) -> None:
        """Remember a name, and the line to it."""
        self._names.append(Box.around(place, anchor.size))
        self._leads.append(_lead(anchor, place))

    def best_place(self, anchor: Anchor, inside: Box) -> Pixels:
        """The nearest of the places where a name does the least harm."""
        found = []
        for offset in _offsets(anchor.radius, anchor.size):
            place = anchor.centre + offset
            found.append((self._harm(anchor, place, inside), place))
            if not any(found[-1][0]):  # then none is better, and the others need not be looked at
                break
        return min(found, key=lambda each: each[0])[1]

    def _harm(self, anchor: Anchor, place: Pixels, inside: Box) -> tuple[int, ...]:
        """How bad a place is: cut off, then what is hidden, then names, then all else with a line across."""
        box, lead = Box.around(place, anchor.size), _lead(anchor, place)
        own = Box(anchor.centre, anchor.centre)
        return (
            int(not inside.holds(box)),
            sum(box.overlaps(other) for other in (*self._points, *self._names)),
            sum(name.is_crossed(lead) for name in self._names)
            + sum(box.is_crossed(old) for old in self._leads),
            sum(box.overlaps(other) for other in self._obstacles),
            sum(
                other.is_crossed(lead) for other in (*self._points, *self._obstacles) if not other.holds(own)
            ),
        )


def _lead(anchor: Anchor, place: Pixels) -> Pixels:
    """Places on the line from a point to its name, up to that."""
    name, line = Box.around(place, anchor.size), anchor.centre + (place - anchor.centre) * _LEAD
    outside = (line < name.low) | (line > name.high)
    return np.asarray(line[outside.any(axis=1)])
