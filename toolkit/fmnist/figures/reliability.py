"""Accuracy of an artifact by its confidence, with its original behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fmnist.figures.axes import Axis, horizontal_axis, vertical_axis
from fmnist.figures.svg import Drawing, group, hover, line, path, rectangle, tag
from fmnist.runs.results import ModelResults
from fmnist_runtime.parity.calibration import BINS, Calibration, Reliability

_WIDTH, _HEIGHT = 300.0, 325.0
_LEFT, _RIGHT, _TOP = 48.0, 20.0, 10.0
"""Margins for the axes."""
_FLOOR, _ROOF, _GROUND = 225.0, 240.0, 285.0
"""Bottom of the curves, and top and bottom of the bars below them."""
_TICKS = [(share, f"{100 * share:g}%") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
_ORIGINAL, _CANDIDATE = 5.0, 3.0
"""Radii of marks: where both are the same, the mark of the original surrounds the other."""
_ACROSS = Axis(0, 1, _LEFT, _WIDTH - _RIGHT)
_UPWARDS = Axis(0, 1, _FLOOR, _TOP)
KEY = (
    "Accuracy by confidence. On the dotted line, a model is right as often as its confidence says. The wide "
    "grey line is the original. The bars below count the images of each confidence, on a logarithmic axis."
)
"""What the chart shows."""


@dataclass(frozen=True)
class ReliabilityPanel:
    """The chart of one artifact on a page."""

    mark: int
    """Index among all models."""
    name: str
    """Name of the artifact."""
    svg: Drawing
    """The chart."""
    errors: tuple[str, str]
    """The calibration errors and their difference, as of `calibration_errors`."""


def reliability_panels(models: Sequence[ModelResults]) -> tuple[ReliabilityPanel, ...]:
    """Draw each artifact that was compared with the original."""
    return tuple(
        ReliabilityPanel(
            mark, model.name, draw_reliability(model.name, model.format, found), calibration_errors(found)
        )
        for mark, model in enumerate(models)
        if model.parity and (found := model.parity.calibration)
    )


def calibration_errors(found: Calibration) -> tuple[str, str]:
    """Return two lines of text: the expected calibration errors, and their difference with its interval."""
    interval = found.ece_difference_interval
    difference = f"{found.ece_difference:+z.4f} (95% interval {interval.low:+z.4f} to {interval.high:+z.4f})"
    return (
        f"calibration error {found.candidate_ece:.4f}, original {found.reference_ece:.4f}",
        f"difference {difference}",
    )


def draw_reliability(name: str, format: str, calibration: Calibration) -> Drawing:
    """Draw the accuracy of an artifact and of its original by confidence, and the images of each confidence.

    The format gives the colour.
    """
    before, after = calibration.reference_bins, calibration.candidate_bins
    fullest = max(*before.images, *after.images)
    images = Axis(0.5, 1.2 * fullest, _GROUND, _ROOF, logarithmic=True)
    sizes = [(1.0, "1")] if fullest < 10 else [(1.0, "1"), (float(fullest), f"{fullest:,}")]
    content = [
        vertical_axis(_UPWARDS, _LEFT, _WIDTH - _RIGHT, _TICKS),
        vertical_axis(images, _LEFT, _WIDTH - _RIGHT, sizes),
        horizontal_axis(_ACROSS, _TOP, _GROUND, _TICKS, "confidence"),
        line((_ACROSS(0), _UPWARDS(0)), (_ACROSS(1), _UPWARDS(1)), "diagonal"),
        _bars("original", before, images),
        _bars(format, after, images),
        _curve("original", before, _ORIGINAL),
        _curve(format, after, _CANDIDATE),
    ]
    message = (
        f"Accuracy by confidence of {name}: expected calibration error "
        f"{calibration.candidate_ece:.4f}, of the original {calibration.reference_ece:.4f}."
    )
    return Drawing((_WIDTH, _HEIGHT), message, Markup("").join(content))


def _curve(classes: str, bins: Reliability, radius: float) -> Markup:
    places = [(_ACROSS(confidence), _UPWARDS(accuracy)) for confidence, accuracy in bins.points]
    tooltips = [_tooltip(number, bins) for number in range(BINS) if bins.images[number]]
    marks = [
        tag("circle", hover(words), cx=x, cy=y, r=radius, class_="mark")
        for (x, y), words in zip(places, tooltips, strict=True)
    ]
    return group(classes, path(places, "curve"), *marks)


def _bars(classes: str, bins: Reliability, images: Axis) -> Markup:
    """Draw the number of images in each bin; the axis is logarithmic, as most images are in the last bin."""
    width = _ACROSS(1 / BINS) - _ACROSS(0) - 2
    bars = [
        rectangle(
            (_ACROSS(number / BINS) + 1, images(count)),
            (width, _GROUND - images(count)),
            "count",
            hover(_tooltip(number, bins)),
        )
        for number, count in enumerate(bins.images)
        if count
    ]
    return group(classes, *bars)


def _tooltip(number: int, bins: Reliability) -> str:
    confidence, accuracy = bins.confidence[number], bins.accuracy[number]
    assert confidence is not None  # a bin with images has both
    assert accuracy is not None
    low, high = 100 * number / BINS, 100 * (number + 1) / BINS
    return (
        f"confidence {low:.0f} to {high:.0f}%: {bins.images[number]:,} images, "
        f"mean confidence {100 * confidence:.1f}%, accuracy {100 * accuracy:.1f}%"
    )
