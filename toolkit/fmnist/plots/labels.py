"""Names beside points, where they hide neither a point nor each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from fmnist.plots.style import DPI, GREY

_LINES = 15
"""How many lines of text away from its point a name may stand."""
_GAP = 5
"""Pixels that are kept free around a name."""
_LEAD = np.linspace(0.1, 0.8, 20)[:, None]
"""Where a line from a point to its name is looked at; its ends are in the point, and in the name."""

Pixels = NDArray[np.float64]
"""A place or a size: ``[2]``."""


@dataclass(frozen=True)
class Label:
    """A name, and the point that it is of."""

    text: str
    """The name."""
    x: float
    """Where the point is, in data."""
    y: float
    """The same upwards."""
    radius: float
    """Of the point's marker, in pixels."""
    colour: str
    """Of the name."""
    bold: bool
    """Whether the name is to be seen first."""


def place_labels(axes: Axes, labels: Sequence[Label], obstacles: Sequence[Bbox]) -> list[Annotation]:
    """Write each name as near to its point as there is room, with a line between them.

    The figure's layout has to be settled. Where no place is free a name takes the one with the least in its
    way.

    Args:
        axes: Where the points are.
        labels: The names.
        obstacles: What is not to be hidden, besides points and names, in pixels.
    """
    centres = [axes.transData.transform((label.x, label.y)) for label in labels]
    taken = _Taken(
        [_box(place, 2 * label.radius) for place, label in zip(centres, labels, strict=True)] + [*obstacles]
    )
    placed = []
    for label, centre in zip(labels, centres, strict=True):
        text = _write(axes, label)
        size = np.array(Text.get_window_extent(text).size) + _GAP
        places = [centre + offset for offset in _offsets(label.radius, size)]
        place = min(places, key=lambda place: taken.harm(centre, place, size, axes.bbox))
        text.set_position(tuple(place - centre))
        taken.add(centre, place, size)
        placed.append(text)
    return placed


def _write(axes: Axes, label: Label) -> Annotation:
    """The name, on its point for now."""
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0}
    return axes.annotate(
        label.text,
        (label.x, label.y),
        xytext=(0, 0),
        textcoords="offset pixels",
        ha="center",
        va="center",
        fontsize=9,
        color=label.colour,
        fontweight="bold" if label.bold else "normal",
        parse_math=False,
        zorder=5,
        arrowprops={**line, "shrinkB": label.radius * 72 / DPI},
    )


def _box(middle: Pixels, size: float | Pixels) -> Bbox:
    return Bbox([middle - np.asarray(size) / 2, middle + np.asarray(size) / 2])


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

    def __init__(self, points: list[Bbox]) -> None:
        self._points = points
        self._names: list[Bbox] = []
        self._leads: list[Pixels] = []

    def add(self, centre: Pixels, place: Pixels, size: Pixels) -> None:
        """Remember a name, and the line to it."""
        self._names.append(_box(place, size))
        self._leads.append(_lead(centre, place))

    def harm(self, centre: Pixels, place: Pixels, size: Pixels, inside: Bbox) -> tuple[int, int, int, int]:
        """How bad a place is: cut off, then what is hidden, then names and points with a line across."""
        box, lead = _box(place, size), _lead(centre, place)
        return (
            int(not (inside.contains(*box.min) and inside.contains(*box.max))),
            sum(box.overlaps(other) for other in (*self._points, *self._names)),
            sum(_crosses(lead, name) for name in self._names)
            + sum(_crosses(old, box) for old in self._leads),
            sum(_crosses(lead, point) for point in self._points if not point.contains(*centre)),
        )


def _lead(centre: Pixels, place: Pixels) -> Pixels:
    """Places on the line from a point to its name."""
    return centre + (place - centre) * _LEAD


def _crosses(line: Pixels, box: Bbox) -> bool:
    return bool(((line > box.min) & (line < box.max)).all(axis=1).any())
