"""What a reader sees of a chart, and models to draw."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np

from fmnist.results.timed import TimedModel
from fmnist.runs.results import ModelResults
from fmnist_runtime.evaluate import Evaluation
from fmnist_runtime.timing.percentiles import Percentile
from support.timings import timed

NEAR = 0.25
"""Places have one decimal: a mark's and both ticks' are off by 0.05 at most, and a mark that is as far beyond
the ticks as they are apart by 0.05 + 3 × 0.05."""
HOSTILE = (
    "</svg><script>alert(1)</script>",
    '" onload="alert(1)',
    "x" * 300,
    "a\x00\x1b[31m\nb",
    "上衣" * 40,
)
"""Names that end an element or an attribute, are too long, not to be seen, or wide."""


def parse(svg: str) -> ElementTree.Element:
    """The chart; that it is well-formed is part of every test."""
    return ElementTree.fromstring(svg)


def of_class(element: ElementTree.Element, *classes: str) -> list[ElementTree.Element]:
    """Every element that is of all these classes."""
    return [each for each in element.iter() if {*classes} <= {*each.get("class", "").split()}]


def titles(element: ElementTree.Element) -> list[str]:
    """What is shown on hover, in the order of drawing."""
    return [title.text for title in element.iter("title")]


def ticks(svg: ElementTree.Element, direction: str) -> dict[float, float]:
    """Places of the values along an axis, ``x`` or ``y``, as they are written there."""
    anchor = {"x": "middle", "y": "end"}[direction]
    found = [each for each in of_class(svg, "tick") if each.get("text-anchor") == anchor]
    shift = {"x": 0, "y": 4}[direction]  # text stands on a line that is lower than its middle
    return {number(each.text): float(each.get(direction)) - shift for each in found}


def number(text: str) -> float:
    """A number as it is written."""
    return float(text.removesuffix("%").replace(",", "")) / (100 if text.endswith("%") else 1)


def place(value: float, along: dict[float, float], logarithmic: bool = False) -> float:
    """Where a value must be, by the ticks."""
    of = math.log if logarithmic else float
    low, high = min(along), max(along)
    share = (of(value) - of(low)) / (of(high) - of(low))
    return along[low] + share * (along[high] - along[low])


def assert_ascending(along: dict[float, float]) -> None:
    """Ticks are in order, two at least, and none is written into another."""
    assert len(along) >= 2
    places = [along[value] for value in sorted(along)]
    steps = [after - before for before, after in pairwise(places)]
    assert min(map(abs, steps)) > 14
    assert len({step > 0 for step in steps}) == 1


def timing(times_us, counts=None, verdict: str = "STABLE", reasons: tuple[str, ...] = ()) -> TimedModel:
    """Times of calls, with a median that lies between the first and the last."""
    times = np.asarray(times_us, float)
    found = np.ones(len(times), int) if counts is None else np.asarray(counts)
    median = float(times[np.searchsorted(np.cumsum(found), found.sum() / 2)])
    record = timed("a.tflite", (1000 * times).astype(int))
    return replace(
        record,
        engine="an engine",
        calls=int(found.sum()),
        p50_us=Percentile(median, 0.9 * median, 1.1 * median),
        p90_us=None,
        p99_us=None,
        p99_9_us=None,
        max_us=float(times[-1]),
        verdict=verdict,
        reasons=reasons,
        times_ns=1000 * times,
        counts=found,
    )


def model(
    name: str, accuracy: float | None = 0.9, p50: float | None = 3.0, size: int = 1000, format: str = "tflite"
) -> ModelResults:
    """A model of which so much is known."""
    evaluation = None
    if accuracy is not None:
        right = round(1000 * accuracy)
        confusion = np.array([[right, 1000 - right], [0, 0]])
        evaluation = Evaluation(1000, right, right / 1000, (right / 1000, math.nan), confusion)
    latency = None if p50 is None else timing([0.8 * p50, p50, 1.5 * p50])
    return ModelResults(name, format, "float32", size, f"of {name}", evaluation, None, latency)
