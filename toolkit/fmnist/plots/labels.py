"""Names beside points, where they hide neither a point nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox, BboxBase

from fmnist.figures.placement import Anchor, Box, place_names
from fmnist.plots.style import DPI, GREY

_GAP = 5
"""Pixels that are kept free around a name."""


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

    The figure's layout has to be settled.

    Args:
        axes: Where the points are.
        labels: The names.
        obstacles: What is not to be hidden, besides points and names, in pixels.
    """
    texts = [_write(axes, label) for label in labels]
    anchors = [_anchor(axes, label, text) for label, text in zip(labels, texts, strict=True)]
    boxes = [_box(obstacle) for obstacle in obstacles]
    places = place_names(anchors, boxes, _box(axes.bbox))
    for text, anchor, place in zip(texts, anchors, places, strict=True):
        text.set_position(tuple(place - anchor.centre))
    return texts


def _anchor(axes: Axes, label: Label, text: Annotation) -> Anchor:
    size = np.array(Text.get_window_extent(text).size) + _GAP
    return Anchor(axes.transData.transform((label.x, label.y)), label.radius, size)


def _box(box: BboxBase) -> Box:
    return Box(np.array(box.min), np.array(box.max))


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
