"""How the times of calls are distributed, a row for each model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fmnist.figures.histogram import Histogram, bin_step, log_histogram
from fmnist.figures.scales import LEAST_RANGE, Axis
from fmnist.figures.svg import (
    Place,
    chart,
    group,
    horizontal_axis,
    hover,
    line,
    number,
    tag,
    text,
    text_width,
)
from fmnist.results.timed import TimedModel
from fmnist.runs.results import ModelResults
from fmnist.text.tables import microseconds, shortened
from fmnist_runtime.timing.percentiles import Percentile
from fmnist_runtime.timing.trust import STABLE

_WIDTH = 720.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 16.0, 16.0, 4.0, 54.0
"""What is left free on each side; below are the axis and its title."""
_ROW, _FULLEST = 52.0, 36.0
"""Height of a row, and of its fullest bin."""
_LEAST_PAD = 1.15
"""What is left free on either side, as a factor."""
_LONGEST = 60
"""Characters of a name."""
_MARK = 4.0
"""Half of a mark's width."""
_GAP, _NAME = 12.0, 13.0
"""From a row's high bins to its name, and from its line up to that."""
_LOW = 0.2
"""A name stands where no bin is as high as this, beside the fullest."""

Marked = tuple[int, ModelResults, TimedModel]
"""A model that was timed, after its place among all."""


def latency_chart(models: Sequence[ModelResults]) -> Markup | None:
    """A row for each model that was timed, the fastest on top: how many calls took how long.

    Areas are scaled to the fullest bin of their own row, so that shapes can be compared; what is too rare to
    be seen in them is told by the marks.

    Args:
        models: The original, and what was made of it; a model's place among them is its mark.

    Returns:
        The chart; None where none was timed.
    """
    timed = [(mark, model, model.timing) for mark, model in enumerate(models) if model.timing]
    if not timed:
        return None
    timed.sort(key=lambda row: _median_us(row[2]))
    low = min(float(_times_us(timing)[0]) for _, _, timing in timed)
    high = max(float(_times_us(timing)[-1]) for _, _, timing in timed)
    pad = max(_LEAST_PAD, math.sqrt(LEAST_RANGE * low / high))
    across = Axis(low / pad, high * pad, _LEFT, _WIDTH - _RIGHT, logarithmic=True)
    ground = _TOP + _ROW * len(timed)
    return chart(
        (_WIDTH, ground + _BOTTOM),
        _message(timed),
        horizontal_axis(
            across,
            _TOP,
            ground + 12,
            [(value, f"{value:,g}") for value in across.ticks()],
            "time of a call, µs",
        ),
        *(_row(row, _TOP + _ROW * (at + 1), across, bin_step(low, high)) for at, row in enumerate(timed)),
    )


def _times_us(timing: TimedModel) -> NDArray[np.float64]:
    """A coarse clock may say 0, of which there is no logarithm."""
    times: NDArray[np.float64] = np.maximum(timing.times_ns, 1) / 1000
    return times


def _median_us(timing: TimedModel) -> float:
    below = np.cumsum(timing.counts)
    return float(_times_us(timing)[np.searchsorted(below, below[-1] / 2)])


def _row(row: Marked, ground: float, across: Axis, step: float) -> Markup:
    mark, model, timing = row
    times = _times_us(timing)
    found = log_histogram(times, timing.counts, step)
    outline = _outline(found, ground, across)
    doubt = "" if timing.verdict == STABLE else f" ({timing.verdict})"
    name = shortened(model.name, _LONGEST) + doubt
    return group(
        f"row {model.format}",
        line((across(times[0]), ground), (across(times[-1]), ground), "curve"),
        tag("path", hover(f"{name}: {timing.calls:,} calls"), d=outline, class_="area"),
        *(_mark(each, told, across(value), ground) for each, value, told in _marks(timing)),
        text((_beside(found, across, name), ground - _NAME), name, "label"),
        mark=mark,
    )


def _beside(found: Histogram, across: Axis, name: str) -> float:
    """Where a name starts: right of what is high in a row, or left of it where there is no room."""
    high = np.flatnonzero(found.counts >= _LOW * found.counts.max())
    right, width = across(found.edges[high[-1] + 1]) + _GAP, text_width(name)
    return right if right + width <= _WIDTH else max(across(found.edges[high[0]]) - _GAP - width, 0.0)


def _outline(found: Histogram, ground: float, across: Axis) -> str:
    """The bins' upper edge, as few steps as are to be seen."""
    tops = [number(ground - _FULLEST * count / found.counts.max()) for count in found.counts]
    steps, before = [f"M{number(across(found.edges[0]))} {number(ground)}"], number(ground)
    for edge, top in zip(found.edges[:-1], tops, strict=True):
        if top != before:
            steps.append(f"H{number(across(edge))}V{top}")
            before = top
    return "".join(steps) + f"H{number(across(found.edges[-1]))}V{number(ground)}Z"


def _marks(timing: TimedModel) -> Iterator[tuple[str, float, str]]:
    """Name, time in µs and explanation of each thing that is marked; the median last, above the others."""
    if timing.max_us:
        yield "max", timing.max_us, f"longest: {microseconds(timing.max_us)} µs"
    for name, found in reversed(timing.percentiles.items()):
        if found and found.value > 0:
            yield name, found.value, f"{name}: {_with_interval(found)}"


def _with_interval(found: Percentile) -> str:
    low, high = microseconds(found.low), microseconds(found.high)
    return f"{microseconds(found.value)} µs (95% interval {low} to {high})"


def _mark(name: str, told: str, x: float, y: float) -> Markup:
    """A sign for each percentile and for the maximum, for eyes that tell no colours."""
    title, m = hover(told), _MARK
    if name == "p50":
        return line((x, y - 8), (x, y + 8), "median", title)
    if name == "p90":
        return tag("circle", title, cx=x, cy=y, r=m, class_="mark")
    shapes = {
        "p99": [(x, y - m - 1), (x + m + 1, y), (x, y + m + 1), (x - m - 1, y)],
        "p99.9": [(x - m, y - m), (x + m, y - m), (x + m, y + m), (x - m, y + m)],
    }
    if name in shapes:
        return tag("path", title, d=_closed(shapes[name]), class_="mark")
    cross = f"M{number(x - m)} {number(y - m)}l{2 * m:g} {2 * m:g}m0 {-2 * m:g}l{-2 * m:g} {2 * m:g}"
    return tag("path", title, d=cross, class_="mark")


def _closed(places: Sequence[Place]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in places) + "Z"


def _message(timed: Sequence[Marked]) -> str:
    told = "; ".join(
        f"{shortened(model.name, _LONGEST)} {microseconds(_median_us(timing))} µs"
        for _, model, timing in timed
    )
    return f"Times of calls. Medians: {told}."
