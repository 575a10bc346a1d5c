"""Accuracy against speed, with the file's size as area, and the best trade-offs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from fmnist.bench.tradeoffs import TradeOff, best
from fmnist.plots.labels import Label, place_labels
from fmnist.plots.speed import colour_of, speed_axis, title
from fmnist.plots.style import DPI, GREY, boxes_for_missing_glyphs, new_figure
from fmnist.text.tables import shortened, size

_WIDTH, _LEAST_HEIGHT, _HEIGHT_OF_LABEL = 9.6, 6.6, 0.35
"""Inches; the names of many points need room."""
_LARGEST_PT = 32.0
"""Diameter of the largest file's marker."""
_LONGEST = 50
_LEAST_SPAN = 0.002
"""Of the accuracies that are shown: 0.2 points, so that what is next to nothing does not look like much."""


def tradeoff_figure(points: Sequence[TradeOff], speed: str, how: str) -> Figure:
    """A marker for each configuration: filled where no other is as good in all three and better in one.

    Args:
        points: The configurations, one or more.
        speed: What their speed is, with its unit.
        how: How they were measured.
    """
    figure = new_figure(_WIDTH, max(_LEAST_HEIGHT, _HEIGHT_OF_LABEL * len(points) + 2.5))
    axes = figure.add_subplot()
    filled = best(points)
    _limit(axes, points, speed)
    # Small files lie on large ones.
    for point, is_best in sorted(zip(points, filled, strict=True), key=lambda pair: -pair[0].size_bytes):
        _draw(axes, point, is_best, _diameter_pt(point.size_bytes, points))
    title(figure, "Accuracy, speed and size", how)
    axes.set_ylabel("accuracy on the test images")
    _legend(figure, points)
    # The best have the first choice.
    names = [_label(*pair, points) for pair in zip(points, filled, strict=True)]
    names.sort(key=lambda name: not name.bold)
    with boxes_for_missing_glyphs():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # names are placed in what is settled now
        place_labels(axes, names, _bars(axes, points))
    return figure


def _diameter_pt(size_bytes: int, points: Sequence[TradeOff]) -> float:
    """Of a marker whose area is proportional to the size of a file."""
    largest = max(point.size_bytes for point in points)
    return _LARGEST_PT * math.sqrt(size_bytes / max(largest, 1))


def _limit(axes: Axes, points: Sequence[TradeOff], speed: str) -> None:
    """Room around all points, in both directions."""
    low, high = min(point.speed.low for point in points), max(point.speed.high for point in points)
    pad = max((high / low) ** 0.15, 1.6)
    speed_axis(axes, low / pad, high * pad, speed)
    accuracies = [point.accuracy for point in points]
    span = max(max(accuracies) - min(accuracies), _LEAST_SPAN)
    axes.set_ylim(min(accuracies) - 0.25 * span, max(accuracies) + 0.25 * span)
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    axes.grid(axis="y", alpha=0.3)


def _percent(value: float, _: object) -> str:
    return f"{100 * value:.4g}%" if -1e-9 < value < 1 + 1e-9 else ""


def _draw(axes: Axes, point: TradeOff, is_best: bool, diameter_pt: float) -> None:
    speed, colour = point.speed, colour_of(point.format)
    axes.plot(
        speed.value,
        point.accuracy,
        "o",
        markersize=diameter_pt,
        markerfacecolor=colour if is_best else "none",
        markeredgecolor=colour,
        alpha=0.75,
    )
    axes.errorbar(
        speed.value,
        point.accuracy,
        xerr=[[speed.value - speed.low], [speed.high - speed.value]],
        fmt=".",
        color="black",
        markersize=3,
        linewidth=1.5,
    )


def _label(point: TradeOff, is_best: bool, points: Sequence[TradeOff]) -> Label:
    radius = max(_diameter_pt(point.size_bytes, points), 4) / 2 * DPI / 72
    return Label(
        shortened(point.label, _LONGEST),
        point.speed.value,
        point.accuracy,
        radius,
        colour_of(point.format),
        is_best,
    )


def _bars(axes: Axes, points: Sequence[TradeOff]) -> list[Bbox]:
    """Where the intervals lie, in pixels."""
    ends = [
        axes.transData.transform([(point.speed.low, point.accuracy), (point.speed.high, point.accuracy)])
        for point in points
    ]
    return [Bbox([low - 3, high + 3]) for low, high in ends]


def _legend(figure: Figure, points: Sequence[TradeOff]) -> None:
    """What filled, hollow, the bar and the area mean."""
    interval = "between processes" if points[0].more_is_faster else "95% interval"
    sizes = {each(point.size_bytes for point in points) for each in (min, max)}
    handles = [
        _marker("best trade-off", 9, GREY),
        _marker("another is as good, and better in one", 9),
        Line2D([], [], color="black", linewidth=1.5, label=interval),
        *(_marker(f"file of {size(each)}", _diameter_pt(each, points)) for each in sorted(sizes)),
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=9,
        frameon=False,
        handletextpad=1.3,
        borderpad=1.2,
    )


def _marker(label: str, diameter_pt: float, face: str = "none") -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="",
        marker="o",
        color=GREY,
        markerfacecolor=face,
        markersize=diameter_pt,
        label=label,
    )
