"""Accuracy against time, with the file's size as area, and the best trade-offs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from fmnist.bench.tradeoffs import TradeOff, best
from fmnist.figures.placement import Anchor, Box, Pixels, place_names
from fmnist.figures.scales import LEAST_RANGE, Axis, padded
from fmnist.figures.svg import (
    LINE,
    chart,
    group,
    horizontal_axis,
    hover,
    line,
    tag,
    text,
    text_width,
    vertical_axis,
)
from fmnist.runs.results import ModelResults
from fmnist.text.tables import microseconds, percent, shortened, size
from fmnist_runtime.parity import Parity
from fmnist_runtime.parity.intervals import Interval, wilson_interval

_WIDTH, _HEIGHT = 720.0, 430.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 12.0, 12.0, 56.0
"""What axes and their titles take on each side."""
_LARGEST = 20.0
"""Radius of the largest file's circle."""
_LONGEST = 32
"""Characters of a name."""
_LEAST_PAD = 1.6
"""What is left free on either side of the times, as a factor."""
_LEAST_SPAN = 0.004
"""Of the accuracies that are shown: 0.4 points, so that what is next to nothing does not look like much."""


@dataclass(frozen=True)
class TradeoffChart:
    """The chart, and what is not in it."""

    svg: Markup | None
    """The chart; None where no model has both a time and an accuracy."""
    left_out: tuple[tuple[str, str], ...]
    """Names of models that are not in it, each with what is not known of it."""
    sizes: tuple[int, ...]
    """Bytes of the smallest and of the largest file."""


@dataclass(frozen=True)
class _Point:
    """A model in the chart."""

    mark: int
    """Its place among all models."""
    model: TradeOff
    """What it gives, and takes."""
    accuracies: Interval | None
    """Where its accuracy lies if that of the original is what was measured; None for the original."""
    images: int
    """What its accuracy was measured on."""

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and highest accuracy that is drawn of it."""
        found = self.accuracies
        return (found.low, found.high) if found else (self.model.accuracy, self.model.accuracy)


def tradeoff_chart(models: Sequence[ModelResults]) -> TradeoffChart:
    """A circle for each model: filled where no other is as good in all three and better in one.

    A bar across is the 95% interval of the median; one upwards is that of the difference in accuracy from
    the original, on the same images, from the accuracy of the original on.

    Args:
        models: The original, and what was made of it; a model's place among them is its mark.
    """
    shown = [point for mark, model in enumerate(models) if (point := _point(mark, model))]
    lacks = [(model.name, _lack(model)) for model in models]
    found = sorted({each(point.model.size_bytes for point in shown) for each in (min, max)} if shown else ())
    left_out = tuple((name, lack) for name, lack in lacks if lack)
    return TradeoffChart(_draw(shown) if shown else None, left_out, tuple(found))


def _lack(model: ModelResults) -> str:
    """What is not known of a model that would be drawn; empty where all is."""
    if not (model.timing and model.timing.p50_us and model.timing.p50_us.low > 0):
        return "median time"
    return "" if model.evaluation and model.size_bytes else "accuracy" if model.size_bytes else "size"


def _point(mark: int, model: ModelResults) -> _Point | None:
    if _lack(model) or not (model.evaluation and model.timing and model.timing.p50_us):
        return None
    accuracy, speed = model.evaluation.accuracy, model.timing.p50_us
    given = TradeOff(model.name, model.format, accuracy, speed, model.size_bytes)
    return _Point(mark, given, _accuracies(model.parity), model.evaluation.images)


def _accuracies(parity: Parity | None) -> Interval | None:
    if parity is None:
        return None
    original, difference = parity.answers.reference_accuracy, parity.answers.accuracy_difference_interval
    return Interval(original + difference.low, original + difference.high)


def _draw(shown: Sequence[_Point]) -> Markup:
    across, upwards = _axes(shown)
    bests = best([point.model for point in shown])
    largest = max(point.model.size_bytes for point in shown)
    radii = [_LARGEST * math.sqrt(point.model.size_bytes / largest) for point in shown]
    centres = [np.array([across(point.model.speed.value), upwards(point.model.accuracy)]) for point in shown]
    bars = [bar for point in shown for bar in _bars(point, across, upwards)]
    order = sorted(range(len(shown)), key=lambda at: -shown[at].model.size_bytes)  # small ones lie on large
    names = _names(shown, bests, centres, radii, [Box(low - 2, high + 2) for low, high in bars])
    circles = [
        _circle(shown[at], bests[at], centres[at], radii[at], _bars(shown[at], across, upwards))
        for at in order
    ]
    return chart(
        (_WIDTH, _HEIGHT),
        _message([point.model for point, is_best in zip(shown, bests, strict=True) if is_best]),
        horizontal_axis(
            across,
            _TOP,
            _HEIGHT - _BOTTOM,
            [(value, f"{value:,g}") for value in across.ticks()],
            "median time for an image, µs",
        ),
        vertical_axis(
            upwards,
            _LEFT,
            _WIDTH - _RIGHT,
            [(value, f"{100 * value:.10g}%") for value in upwards.ticks() if 0 <= value <= 1],
        ),
        *circles,
        *names,
    )


def _axes(shown: Sequence[_Point]) -> tuple[Axis, Axis]:
    """Room around all points and bars, in both directions."""
    low = min(point.model.speed.low for point in shown)
    high = max(point.model.speed.high for point in shown)
    pad = max((high / low) ** 0.12, _LEAST_PAD, math.sqrt(LEAST_RANGE * low / high))
    accuracies = [end for point in shown for end in (*point.ends, point.model.accuracy)]
    bottom, top = padded(min(accuracies), max(accuracies), 0.15, _LEAST_SPAN)
    return (
        Axis(low / pad, high * pad, _LEFT, _WIDTH - _RIGHT, logarithmic=True),
        Axis(bottom, top, _HEIGHT - _BOTTOM, _TOP),
    )


def _bars(point: _Point, across: Axis, upwards: Axis) -> list[tuple[Pixels, Pixels]]:
    """From where to where its intervals reach, each from the upper left to the lower right."""
    speed, (low, high) = point.model.speed, point.ends
    x, y = across(speed.value), upwards(point.model.accuracy)
    bars = [(np.array([across(speed.low), y]), np.array([across(speed.high), y]))]
    if point.accuracies:
        bars.append((np.array([x, upwards(high)]), np.array([x, upwards(low)])))
    return bars


def _circle(
    point: _Point, is_best: bool, centre: Pixels, radius: float, bars: Sequence[tuple[Pixels, Pixels]]
) -> Markup:
    x, y = map(float, centre)
    return group(
        f"point {point.model.format}" + (" best" if is_best else ""),
        hover(_told(point)),
        tag("circle", cx=x, cy=y, r=radius),
        *(line((low[0], low[1]), (high[0], high[1]), "interval") for low, high in bars),
        mark=point.mark,
    )


def _told(point: _Point) -> str:
    model, images = point.model, point.images
    share = wilson_interval(round(model.accuracy * images), images)
    told = [
        f"{model.label}: accuracy {percent(model.accuracy)} "
        f"({100 * share.low:.2f} to {100 * share.high:.2f})",
        f"median {microseconds(model.speed.value)} µs "
        f"({microseconds(model.speed.low)} to {microseconds(model.speed.high)})",
        size(model.size_bytes),
    ]
    return ", ".join(told)


def _names(
    shown: Sequence[_Point],
    bests: Sequence[bool],
    centres: Sequence[Pixels],
    radii: Sequence[float],
    bars: Sequence[Box],
) -> list[Markup]:
    """The best have the first choice of a place, then the fastest."""
    order = sorted(range(len(shown)), key=lambda at: (not bests[at], shown[at].model.speed.value))
    words = [shortened(shown[at].model.label, _LONGEST) for at in order]
    anchors = [
        Anchor(centres[at], max(radii[at], 3), np.array([text_width(name, bests[at]) + 4, LINE]))
        for at, name in zip(order, words, strict=True)
    ]
    inside = Box(np.array([_LEFT, _TOP]), np.array([_WIDTH - _RIGHT, _HEIGHT - _BOTTOM]))
    return [
        group(
            f"name {shown[at].model.format}" + (" best" if bests[at] else ""),
            _lead(anchor, place),
            text((float(place[0]), float(place[1]) + 4), name, "label", "middle"),
            mark=shown[at].mark,
        )
        for at, name, anchor, place in zip(
            order, words, anchors, place_names(anchors, bars, inside), strict=True
        )
    ]


def _lead(anchor: Anchor, place: Pixels) -> Markup:
    """A line from a point to its name's edge, where there is anything between them."""
    half, way = anchor.size / 2, anchor.centre - place
    scale = min(np.where(way == 0, np.inf, half / np.maximum(np.abs(way), 1e-9)))
    edge, distance = place + way * min(scale, 1), float(np.hypot(*way))
    if distance * (1 - min(scale, 1)) <= anchor.radius + 2:
        return Markup()
    start = anchor.centre - way / distance * anchor.radius
    return line((start[0], start[1]), (edge[0], edge[1]), "lead")


def _message(bests: Sequence[TradeOff]) -> str:
    told = "; ".join(
        f"{shortened(model.label, _LONGEST)} with {percent(model.accuracy)}, "
        f"{microseconds(model.speed.value)} µs and {size(model.size_bytes)}"
        for model in sorted(bests, key=lambda model: model.speed.value)
    )
    return f"Accuracy against median time. Best trade-offs: {told}."
