"""How the times of calls are distributed, a row for each configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fmnist.figures.histogram import bin_step, log_histogram
from fmnist.plots.speed import colour_of, speed_axis, title
from fmnist.plots.style import GREY, new_figure
from fmnist.text.tables import shortened
from fmnist_runtime.timing import Samples

_WIDTH, _HEIGHT_OF_ROW, _HEIGHT_OF_REST = 9.6, 0.55, 1.6
"""Inches."""
_LEAST_ROWS = 2
_LEAST_PAD, _LEAST_RANGE = 1.2, 3.0
"""What is left free on either side, and the axis's end by its start, so that it has ticks."""
_HEIGHT = 0.75
"""Of a row's fullest bin."""
_LONGEST = 50
_MARKS = {"p50": "|", "p90": "o", "p99": "D", "p99.9": "s", "max": "x"}
"""How a percentile is marked, for eyes that tell no colours."""


@dataclass(frozen=True)
class Distribution:
    """The times of one configuration."""

    label: str
    """What it is called."""
    format: str
    """``keras``, ``tflite``, ``onnx`` or ``npz``."""
    samples: Samples
    """Every time; one at least."""
    marks: Mapping[str, float]
    """What is marked, by name, in ns: ``max``, and the percentiles that there are samples enough for."""


def latencies_figure(rows: Sequence[Distribution], unit: str, unit_ns: float, how: str) -> Figure:
    """A row for each configuration, the fastest on top: how many calls took how long.

    Areas are scaled to the fullest bin of their own row, so that shapes can be compared; what is too rare to
    be seen in them is told by the marks.

    Args:
        rows: The configurations, one or more.
        unit: What the times are of, with their unit.
        unit_ns: That unit in ns.
        how: How they were measured.
    """
    ordered = sorted(rows, key=lambda row: _median_ns(row.samples))
    figure = new_figure(_WIDTH, _HEIGHT_OF_ROW * max(len(rows), _LEAST_ROWS) + _HEIGHT_OF_REST)
    axes = figure.add_subplot()
    low = max(min(int(row.samples.times_ns[0]) for row in rows), 1) / unit_ns
    high = max(max(int(row.samples.times_ns[-1]) for row in rows), 1) / unit_ns
    pad = max(_LEAST_PAD, math.sqrt(_LEAST_RANGE * low / high))
    speed_axis(axes, low / pad, high * pad, unit)
    step = bin_step(low, high)
    for place, row in enumerate(ordered):
        _draw(axes, row, place, unit_ns, step)
    axes.set_yticks(
        range(len(rows)), [shortened(row.label, _LONGEST) for row in ordered], fontsize=9, parse_math=False
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.7, -0.95)
    title(figure, "Latency distributions", how)
    _legend(figure, [name for name in _MARKS if any(name in row.marks for row in rows)])
    return figure


def _median_ns(samples: Samples) -> float:
    return float(samples.times_ns[np.searchsorted(np.cumsum(samples.counts), len(samples) / 2)])


def _draw(axes: Axes, row: Distribution, place: int, unit_ns: float, step: float) -> None:
    """One row; bins are as wide as the step on the logarithmic axis, and at the same places in all rows."""
    colour, samples = colour_of(row.format), row.samples
    times = (
        np.maximum(samples.times_ns, 1) / unit_ns
    )  # a coarse clock may say 0, of which there is no logarithm
    found = log_histogram(times, samples.counts, step)
    heights = _HEIGHT * found.counts / found.counts.max()
    axes.plot([times[0], times[-1]], [place, place], color=colour, linewidth=0.8)
    axes.stairs(place - heights, found.edges, baseline=place, fill=True, color=colour, alpha=0.6)
    for name, value in row.marks.items():
        axes.add_line(_mark(name, value / unit_ns, place, colour))


def _mark(name: str, x: float, y: float, colour: str) -> Line2D:
    """A percentile or the maximum; the median is what is to be seen first."""
    median = name == "p50"
    return Line2D(
        [x],
        [y],
        linestyle="",
        marker=_MARKS[name],
        color="black" if median else colour,
        markersize=11 if median else 5,
        markerfacecolor="white",
        markeredgewidth=1.8 if median else 1,
        zorder=4,
        label=name,
    )


def _legend(figure: Figure, names: Sequence[str]) -> None:
    area = Patch(color=GREY, alpha=0.6, label="share of calls")
    marks = [_mark(name, 0, 0, GREY) for name in names]
    figure.legend(handles=[area, *marks], loc="outside lower center", ncols=6, fontsize=9, frameon=False)
