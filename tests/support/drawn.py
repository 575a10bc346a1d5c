"""Read what a chart shows, and make models to draw."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np

from fmnist.results.timed import TimedModel
from fmnist.runs.results import ModelResults
from fmnist_runtime.evaluate import Evaluation
from fmnist_runtime.timing.samples import Percentile
from support.timings import timed

NEAR = 0.25
"""Places have one decimal, so a mark and both ticks are each off by at most 0.05. A mark that is as far
beyond the ticks as the ticks are apart is off by at most 0.05 + 3 × 0.05."""
HOSTILE = (
    "</svg><script>alert(1)</script>",
    '" onload="alert(1)',
    "x" * 300,
    "a\x00\x1b[31m\nb",
    "上衣" * 40,
)
"""Names that would end an element or an attribute, or are too long, invisible, or wide."""


def parse(svg: object) -> ElementTree.Element:
    """Parse a drawing or a picture; every test so checks that it is well-formed."""
    return ElementTree.fromstring(str(svg).replace(' xmlns="http://www.w3.org/2000/svg"', ""))


def of_class(element: ElementTree.Element, *classes: str) -> list[ElementTree.Element]:
    """Return every element that has all these classes."""
    return [each for each in element.iter() if {*classes} <= {*each.get("class", "").split()}]


def titles(element: ElementTree.Element) -> list[str]:
    """Return the tooltips, in the order of drawing."""
    return [title.text for title in element.iter("title")]


def ticks(svg: ElementTree.Element, direction: str) -> dict[float, float]:
    """Return the places of the values along an axis, ``x`` or ``y``."""
    anchor = {"x": "middle", "y": "end"}[direction]
    found = [each for each in of_class(svg, "tick") if each.get("text-anchor") == anchor]
    shift = {"x": 0, "y": 4}[direction]  # text stands on a line that is lower than its middle
    return {number(each.text): float(each.get(direction)) - shift for each in found}


def number(text: str) -> float:
    """Parse a number as the chart writes it."""
    return float(text.removesuffix("%").replace(",", "")) / (100 if text.endswith("%") else 1)


def place(value: float, along: dict[float, float], logarithmic: bool = False) -> float:
    """Return the expected place of a value, according to the ticks."""
    of = math.log if logarithmic else float
    low, high = min(along), max(along)
    share = (of(value) - of(low)) / (of(high) - of(low))
    return along[low] + share * (along[high] - along[low])


def assert_ascending(along: dict[float, float]) -> None:
    """Assert that there are at least two ticks, in ascending order, without overlaps."""
    assert len(along) >= 2
    places = [along[value] for value in sorted(along)]
    steps = [after - before for before, after in pairwise(places)]
    assert min(map(abs, steps)) > 14
    assert len({step > 0 for step in steps}) == 1


def timing(times_us, counts=None, verdict: str = "STABLE", reasons: tuple[str, ...] = ()) -> TimedModel:
    """Return times of calls, with a median between the first and the last."""
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
    """Return a model with these known figures."""
    evaluation = None
    if accuracy is not None:
        right = round(1000 * accuracy)
        confusion = np.array([[right, 1000 - right], [0, 0]])
        evaluation = Evaluation(1000, right, right / 1000, (right / 1000, math.nan), confusion)
    latency = None if p50 is None else timing([0.8 * p50, p50, 1.5 * p50])
    return ModelResults(name, format, "float32", size, f"of {name}", evaluation, None, latency)
