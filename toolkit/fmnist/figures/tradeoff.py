"""Accuracy against speed, with the file size as area, and the best trade-offs (the Pareto front)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from fmnist.figures.axes import LEAST_RANGE, Axis, horizontal_axis, padded, vertical_axis
from fmnist.figures.label_placement import Anchor, Box, Pixels, place_names
from fmnist.figures.svg import LINE, Drawing, group, hover, line, tag, text, text_width
from fmnist.runs.results import ModelResults
from fmnist.text.tables import microseconds, percent, shortened, size
from fmnist_runtime.parity.intervals import Interval, wilson_interval
from fmnist_runtime.timing.samples import Percentile

WIDE = 960.0
"""Width for long names."""
_WIDTH, _LEAST_HEIGHT, _LABEL_HEIGHT = 720.0, 430.0, 34.0
"""The names of many models need a higher chart."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 12.0, 12.0, 56.0
"""Margins for the axes and their titles."""
_LARGEST = 20.0
"""Radius of the circle of the largest file."""
_LONGEST = 50
"""Characters of a name."""
_LEAST_PAD = 1.6
"""Least margin on either side of the times, as a factor."""
_LEAST_SPAN = 0.004
"""Least range of accuracies: 0.4 points, so that a tiny difference looks small."""
KEY = "Filled circles are the best trade-offs: no other model is as good in all three, and better in one."
"""What filled circles mean."""


@dataclass(frozen=True)
class TradeOff:
    """Accuracy, speed and size of one model."""

    label: str
    """Its name in the chart."""
    format: str
    """``keras``, ``tflite``, ``onnx``, ``npz`` or ``c``."""
    accuracy: float
    """Share of right answers, from 0 to 1."""
    speed: Percentile
    """A time, or images a second, with its interval."""
    size_bytes: int
    """Size of the file."""
    unit: str = "µs"
    """Unit of the speed, for the tooltip."""
    more_is_faster: bool = False
    """Whether the speed is in images a second."""
    images: int = 0
    """Number of images of which the accuracy is; 0 where it is not known."""
    accuracies: Interval | None = None
    """Interval of the accuracy, if that of the original is exact; None for the original, or if not known."""
    mark: int | None = None
    """Index among all models of a page."""

    @property
    def merits(self) -> tuple[float, float, float]:
        """Accuracy, speed and size as numbers of which more is better."""
        sign = 1 if self.more_is_faster else -1
        return self.accuracy, sign * self.speed.value, -self.size_bytes

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and highest accuracy in the chart."""
        found = self.accuracies
        return (found.low, found.high) if found else (self.accuracy, self.accuracy)

    @property
    def figures(self) -> str:
        """Speed and size as text."""
        return f"{microseconds(self.speed.value)} {self.unit} and {size(self.size_bytes)}"


@dataclass(frozen=True)
class TradeoffChart:
    """The chart of a page, and which models are not in it."""

    svg: Drawing | None
    """The chart; None where no model has both a time and an accuracy."""
    left_out: tuple[tuple[str, str], ...]
    """Names of models that are not in it, each with the figure that is missing."""
    sizes: tuple[int, ...]
    """Bytes of the smallest and of the largest file."""


def best(points: Sequence[TradeOff]) -> list[bool]:
    """Return which are on the Pareto front: none is at least as good in all three, and better in one."""
    return [not any(_beats(other.merits, point.merits) for other in points) for point in points]


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine >= theirs for mine, theirs in zip(one, other, strict=True))


def size_range(points: Sequence[TradeOff]) -> tuple[int, ...]:
    """Return the bytes of the smallest and of the largest file, or of the only one."""
    sizes = sorted({point.size_bytes for point in points})
    return tuple(sizes if len(sizes) < 2 else (sizes[0], sizes[-1]))


def tradeoff_chart(models: Sequence[ModelResults]) -> TradeoffChart:
    """Draw the models of a run that have an accuracy, a median time and a size."""
    shown = [point for mark, model in enumerate(models) if (point := _point(mark, model))]
    left_out = tuple((model.name, lack) for model in models if (lack := _lack(model)))
    drawing = draw_tradeoffs(shown, "median time for an image, µs") if shown else None
    return TradeoffChart(drawing, left_out, size_range(shown))


def _lack(model: ModelResults) -> str:
    """Return which figure is missing; empty where none is."""
    if not (model.timing and model.timing.p50_us and model.timing.p50_us.low > 0):
        return "median time"
    return "" if model.evaluation and model.size_bytes else "accuracy" if model.size_bytes else "size"


def _point(mark: int, model: ModelResults) -> TradeOff | None:
    if _lack(model) or not (model.evaluation and model.timing and model.timing.p50_us):
        return None
    accuracies = None
    if model.parity:
        found = model.parity.answers
        original, difference = found.reference_accuracy, found.accuracy_difference_interval
        accuracies = Interval(original + difference.low, original + difference.high)
    return TradeOff(
        label=model.name,
        format=model.format,
        accuracy=model.evaluation.accuracy,
        speed=model.timing.p50_us,
        size_bytes=model.size_bytes,
        images=model.evaluation.images,
        accuracies=accuracies,
        mark=mark,
    )


def draw_tradeoffs(points: Sequence[TradeOff], speed: str, width: float = _WIDTH) -> Drawing:
    """Draw a circle for each model, at least one, filled where it is one of the best trade-offs.

    A horizontal bar is the interval of the speed, a title with its unit. A vertical bar is the 95% interval
    of the difference in accuracy from the original on the same images, drawn from the accuracy of the
    original.
    """
    height = max(_LEAST_HEIGHT, _LABEL_HEIGHT * len(points) + _BOTTOM)
    across, upwards = _axes(points, width, height)
    bests = best(points)
    largest = max(point.size_bytes for point in points)
    radii = [_LARGEST * math.sqrt(point.size_bytes / max(largest, 1)) for point in points]
    centres = [np.array([across(point.speed.value), upwards(point.accuracy)]) for point in points]
    bars = [_bars(point, across, upwards) for point in points]
    order = sorted(range(len(points)), key=lambda at: -points[at].size_bytes)  # small circles on large ones
    obstacles = [Box(low - 2, high + 2) for each in bars for low, high in each]
    inside = Box(np.array([_LEFT, _TOP]), np.array([width - _RIGHT, height - _BOTTOM]))
    content = [
        horizontal_axis(
            across, _TOP, height - _BOTTOM, [(value, f"{value:,g}") for value in across.ticks()], speed
        ),
        vertical_axis(
            upwards,
            _LEFT,
            width - _RIGHT,
            [(value, f"{100 * value:.10g}%") for value in upwards.ticks() if 0 <= value <= 1],
        ),
        *(_circle(points[at], bests[at], centres[at], radii[at], bars[at]) for at in order),
        *_names(points, bests, centres, radii, obstacles, inside),
    ]
    message = _message([point for point, is_best in zip(points, bests, strict=True) if is_best])
    return Drawing((width, height), message, Markup("").join(content))


def _axes(points: Sequence[TradeOff], width: float, height: float) -> tuple[Axis, Axis]:
    """Return the axes, with a margin around all points and bars."""
    low = min(point.speed.low for point in points)
    high = max(point.speed.high for point in points)
    pad = max((high / low) ** 0.12, _LEAST_PAD, math.sqrt(LEAST_RANGE * low / high))
    accuracies = [end for point in points for end in (*point.ends, point.accuracy)]
    bottom, top = padded(min(accuracies), max(accuracies), 0.15, _LEAST_SPAN)
    return (
        Axis(low / pad, high * pad, _LEFT, width - _RIGHT, logarithmic=True),
        Axis(bottom, top, height - _BOTTOM, _TOP),
    )


def _bars(point: TradeOff, across: Axis, upwards: Axis) -> list[tuple[Pixels, Pixels]]:
    """Return the ends of the intervals, each from the upper left to the lower right."""
    speed, (low, high) = point.speed, point.ends
    x, y = across(speed.value), upwards(point.accuracy)
    bars = [(np.array([across(speed.low), y]), np.array([across(speed.high), y]))]
    if point.accuracies:
        bars.append((np.array([x, upwards(high)]), np.array([x, upwards(low)])))
    return bars


def _circle(
    point: TradeOff, is_best: bool, centre: Pixels, radius: float, bars: Sequence[tuple[Pixels, Pixels]]
) -> Markup:
    x, y = map(float, centre)
    return group(
        f"point {point.format}" + (" best" if is_best else ""),
        hover(_tooltip(point)),
        tag("circle", cx=x, cy=y, r=radius),
        *(line((low[0], low[1]), (high[0], high[1]), "interval") for low, high in bars),
        mark=point.mark,
    )


def _tooltip(point: TradeOff) -> str:
    speed, accuracy = point.speed, f"{point.label}: accuracy {percent(point.accuracy)}"
    if point.images:
        share = wilson_interval(round(point.accuracy * point.images), point.images)
        accuracy += f" ({100 * share.low:.2f} to {100 * share.high:.2f})"
    interval = f"({microseconds(speed.low)} to {microseconds(speed.high)})"
    return f"{accuracy}, median {microseconds(speed.value)} {point.unit} {interval}, {size(point.size_bytes)}"


def _names(
    points: Sequence[TradeOff],
    bests: Sequence[bool],
    centres: Sequence[Pixels],
    radii: Sequence[float],
    obstacles: Sequence[Box],
    inside: Box,
) -> list[Markup]:
    """Draw the names. The best trade-offs choose their place first, then the fastest."""
    order = sorted(range(len(points)), key=lambda at: (not bests[at], points[at].speed.value))
    words = [shortened(points[at].label, _LONGEST) for at in order]
    anchors = [
        Anchor(centres[at], max(radii[at], 3), np.array([text_width(name, bests[at]) + 4, LINE]))
        for at, name in zip(order, words, strict=True)
    ]
    places = place_names(anchors, obstacles, inside)
    return [
        group(
            f"name {points[at].format}" + (" best" if bests[at] else ""),
            _lead(anchor, place),
            text((float(place[0]), float(place[1]) + 4), name, "label", "middle"),
            mark=points[at].mark,
        )
        for at, name, anchor, place in zip(order, words, anchors, places, strict=True)
    ]


def _lead(anchor: Anchor, place: Pixels) -> Markup:
    """Draw a line from a point to the edge of its name, unless they touch."""
    half, way = anchor.size / 2, anchor.centre - place
    scale = min(np.where(way == 0, np.inf, half / np.maximum(np.abs(way), 1e-9)))
    edge, distance = place + way * min(scale, 1), float(np.hypot(*way))
    if distance * (1 - min(scale, 1)) <= anchor.radius + 2:
        return Markup()
    start = anchor.centre - way / distance * anchor.radius
    return line((start[0], start[1]), (edge[0], edge[1]), "lead")


def _message(bests: Sequence[TradeOff]) -> str:
    ordered = sorted(bests, key=lambda point: point.speed.value)
    models = "; ".join(
        f"{shortened(point.label, _LONGEST)} with {percent(point.accuracy)}, {point.figures}"
        for point in ordered
    )
    speed = "throughput" if bests[0].more_is_faster else "median time"
    return f"Accuracy against {speed}. Best trade-offs: {models}."
