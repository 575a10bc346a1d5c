"""Distribution of the times of calls, a row for each model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fmnist.figures.axes import LEAST_RANGE, Axis, horizontal_axis
from fmnist.figures.svg import Drawing, Place, group, hover, line, number, tag, text, text_width
from fmnist.runs.results import ModelResults
from fmnist.text.tables import microseconds, shortened
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import STABLE

_WIDTH = 720.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 16.0, 16.0, 4.0, 54.0
"""Margins; the axis and its title are at the bottom."""
_ROW, _FULLEST = 52.0, 36.0
"""Height of a row, and of its fullest bin."""
_LEAST_PAD = 1.15
"""Least margin on either side, as a factor."""
_LONGEST = 60
"""Characters of a name."""
_MARK = 4.0
"""Half of the width of a mark."""
_GAP, _NAME = 12.0, 13.0
"""Distance of a name from the high bins of its row, and from its line."""
_LOW = 0.2
"""A name may stand over bins that are lower than this share of the fullest."""
_BINS = 300
"""Bins across the whole axis."""
_LEAST_BIN = 1.005
"""Least ratio of a bin's ends. Finer bins would show the ticks of a 10 ns clock in times of 3 µs."""
KEY = (
    "Areas are shares of calls, each row scaled to its own fullest bin. "
    "┃ p50, ● p90, ◆ p99, ■ p99.9, × the longest."
)
"""What the chart's shapes mean."""


@dataclass(frozen=True)
class CallTimes:
    """The times of one model's calls, in the unit of the chart."""

    label: str
    """Its name, short enough for a row."""
    format: str
    """``keras``, ``tflite``, ``onnx``, ``npz`` or ``c``."""
    times: NDArray[np.float64]
    """``[N]``, distinct times above 0, ascending, at least one."""
    counts: NDArray[Any]
    """``[N]``, how many calls took each time."""
    percentiles: dict[str, Percentile | None]
    """By name: ``p50``, ``p90``, ``p99`` and ``p99.9``; None where there were too few calls."""
    longest: float | None
    """The longest call; None where it is not known."""
    mark: int | None = None
    """Index among all models of a page."""

    @property
    def median(self) -> float:
        """The median of all times."""
        below = np.cumsum(self.counts)
        return float(self.times[np.searchsorted(below, below[-1] / 2)])

    @property
    def calls(self) -> int:
        """How many calls were timed."""
        return int(self.counts.sum())


def latency_chart(models: Sequence[ModelResults]) -> Drawing | None:
    """Draw the times of each model of a run that was timed; return None where none was."""
    rows = []
    for mark, model in enumerate(models):
        timing = model.timing
        if timing:
            doubt = "" if timing.verdict == STABLE else f" ({timing.verdict})"
            label = shortened(model.name, _LONGEST) + doubt
            times = np.maximum(timing.times_ns, 1) / 1000  # a coarse clock may measure 0
            found = (times, timing.counts, timing.percentiles, timing.max_us)
            rows.append(CallTimes(label, model.format, *found, mark))
    return draw_latencies(rows, "time of a call, µs", "µs") if rows else None


def draw_latencies(rows: Sequence[CallTimes], title: str, unit: str) -> Drawing:
    """Draw a row for each model, at least one, the fastest on top.

    Areas are scaled to the fullest bin of their own row, so that shapes can be compared. Marks show what is
    too rare to be seen in an area. The title has the unit; tooltips need it, too.
    """
    rows = sorted(rows, key=lambda row: row.median)
    low, high = min(row.times[0] for row in rows), max(row.times[-1] for row in rows)
    pad = max(_LEAST_PAD, math.sqrt(LEAST_RANGE * low / high))
    across = Axis(low / pad, high * pad, _LEFT, _WIDTH - _RIGHT, logarithmic=True)
    ground = _TOP + _ROW * len(rows)
    step = max(math.log(high / low) / _BINS, math.log(_LEAST_BIN))  # of the bins, on the logarithmic axis
    ticks = [(value, f"{value:,g}") for value in across.ticks()]
    content = [
        horizontal_axis(across, _TOP, ground + 12, ticks, title),
        *(_row(row, _TOP + _ROW * (at + 1), across, step, unit) for at, row in enumerate(rows)),
    ]
    medians = "; ".join(f"{row.label} {microseconds(row.median)} {unit}" for row in rows)
    message = f"Times of calls. Medians: {medians}."
    return Drawing((_WIDTH, ground + _BOTTOM), message, Markup("").join(content))


def _histogram(row: CallTimes, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count the times in bins, which lie at the same places in all rows.

    Returns:
        Counts ``[bins]``, above 0 in the first and the last, and ``[bins + 1]`` edges, ascending.
    """
    bins = np.floor(np.log(row.times) / step).astype(np.int64)
    first = int(bins[0])
    counts = np.bincount(bins - first, weights=row.counts).astype(np.float64)
    return counts, np.exp(step * np.arange(first, first + len(counts) + 1))


def _row(row: CallTimes, ground: float, across: Axis, step: float, unit: str) -> Markup:
    counts, edges = _histogram(row, step)
    ends = (across(row.times[0]), ground), (across(row.times[-1]), ground)
    high = np.flatnonzero(counts >= _LOW * counts.max())
    at = _beside(across(edges[high[0]]), across(edges[high[-1] + 1]), row.label)
    shape = _outline(counts, edges, ground, across)
    return group(
        f"row {row.format}",
        line(*ends, "curve"),
        tag("path", hover(f"{row.label}: {row.calls:,} calls"), d=shape, class_="area"),
        *(_mark(name, words, across(value), ground) for name, value, words in _marks(row, unit)),
        text((at, ground - _NAME), row.label, "label"),
        mark=row.mark,
    )


def _beside(left: float, right: float, name: str) -> float:
    """Return where a name starts: right of the high bins, or left of them where there is no room."""
    width = text_width(name)
    return right + _GAP if right + _GAP + width <= _WIDTH else max(left - _GAP - width, 0.0)


def _outline(counts: NDArray[np.float64], edges: NDArray[np.float64], ground: float, across: Axis) -> str:
    """Return the upper edge of the bins as a path, with a step only where it is visible."""
    tops = [number(ground - _FULLEST * count / counts.max()) for count in counts]
    steps, before = [f"M{number(across(edges[0]))} {number(ground)}"], number(ground)
    for edge, top in zip(edges[:-1], tops, strict=True):
        if top != before:
            steps.append(f"H{number(across(edge))}V{top}")
            before = top
    return "".join(steps) + f"H{number(across(edges[-1]))}V{number(ground)}Z"


def _marks(row: CallTimes, unit: str) -> Iterator[tuple[str, float, str]]:
    """Yield name, time and tooltip of each mark; the median last, on top of the others."""
    if row.longest:
        yield "max", row.longest, f"longest: {microseconds(row.longest)} {unit}"
    for name, found in reversed(row.percentiles.items()):
        if found and found.value > 0:
            value, low, high = map(microseconds, (found.value, found.low, found.high))
            yield name, found.value, f"{name}: {value} {unit} (95% interval {low} to {high})"


def _mark(name: str, words: str, x: float, y: float) -> Markup:
    """Draw a mark. Percentiles differ in shape, for readers who cannot tell colours apart."""
    title, m = hover(words), _MARK
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
