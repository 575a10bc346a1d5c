"""Places for names beside points, so that no name hides a point or another name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LINES = 15
"""Largest distance of a name from its point, in lines of text."""
_LEAD = np.linspace(0.1, 1, 25)[:, None]
"""Parts of the line from a point to its name that are checked for collisions."""

Pixels = NDArray[np.float64]
"""A place or a size: ``[2]``."""


@dataclass(frozen=True)
class Box:
    """An upright rectangle."""

    low: Pixels
    """Corner of the smallest coordinates."""
    high: Pixels
    """Opposite corner."""

    @classmethod
    def around(cls, middle: Pixels, size: float | Pixels) -> Box:
        """Return a box of a size around a place."""
        return cls(middle - np.asarray(size) / 2, middle + np.asarray(size) / 2)

    def overlaps(self, other: Box) -> bool:
        """Return whether the boxes have a place in common."""
        return bool((self.low <= other.high).all() and (other.low <= self.high).all())

    def holds(self, other: Box) -> bool:
        """Return whether the other box lies inside."""
        return bool((self.low <= other.low).all() and (other.high <= self.high).all())

    def is_crossed(self, line: Pixels) -> bool:
        """Return whether any place of a line, ``[N, 2]``, lies inside."""
        return bool(((line > self.low) & (line < self.high)).all(axis=1).any())


@dataclass(frozen=True)
class Anchor:
    """A point with a name."""

    centre: Pixels
    """Place of the point."""
    radius: float
    """Radius of its marker."""
    size: Pixels
    """Width and height of the name, with the margin around it."""


def place_names(anchors: Sequence[Anchor], obstacles: Sequence[Box], inside: Box) -> list[Pixels]:
    """Return the middle of each name, as near to its point as there is room; the first point chooses first.

    Names should not hide the obstacles, the points and other names. Where no place inside the box is free, a
    name takes the place with the fewest collisions.
    """
    taken = _Taken([Box.around(anchor.centre, 2 * anchor.radius) for anchor in anchors], obstacles)
    placed = []
    for anchor in anchors:
        place = taken.best_place(anchor, inside)
        taken.add(anchor, place)
        placed.append(place)
    return placed


def _offsets(radius: float, size: Pixels) -> Iterator[Pixels]:
    """Yield places relative to the point, nearest first: beside it, then above and below, then between."""
    width, height = size / 2
    for line in range(_LINES):
        away = radius + line * height
        yield from (np.array([side * (away + width), 0.0]) for side in (1, -1))
        for shift in (0.0, 0.3, -0.3, 0.6, -0.6, 1.0, -1.0):
            yield from (np.array([shift * (width + away), side * (away + height)]) for side in (1, -1))


class _Taken:
    """The occupied places of a picture."""

    def __init__(self, points: Sequence[Box], obstacles: Sequence[Box]) -> None:
        self._points, self._obstacles = points, obstacles
        self._names: list[Box] = []
        self._leads: list[Pixels] = []

    def add(self, anchor: Anchor, place: Pixels) -> None:
        """Add a name, and the line to it."""
        self._names.append(Box.around(place, anchor.size))
        self._leads.append(_lead(anchor, place))

    def best_place(self, anchor: Anchor, inside: Box) -> Pixels:
        """Return the nearest of the places with the fewest collisions."""
        found = []
        for offset in _offsets(anchor.radius, anchor.size):
            place = anchor.centre + offset
            found.append((self._harm(anchor, place, inside), place))
            if not any(found[-1][0]):  # no other place is better
                break
        return min(found, key=lambda each: each[0])[1]

    def _harm(self, anchor: Anchor, place: Pixels, inside: Box) -> tuple[int, ...]:
        """Return the collisions at a place, worst kind first.

        The kinds are: outside the chart; over a point or a name; a name crossed by a line; over an obstacle;
        a point or an obstacle crossed by the line.
        """
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
    """Return places on the line from a point to the edge of its name."""
    name, line = Box.around(place, anchor.size), anchor.centre + (place - anchor.centre) * _LEAD
    outside = (line < name.low) | (line > name.high)
    return np.asarray(line[outside.any(axis=1)])
