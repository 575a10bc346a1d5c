"""How often an artifact is right by how sure it is, with its original behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fmnist.figures.scales import Axis
from fmnist.figures.svg import chart, group, horizontal_axis, hover, line, path, tag, vertical_axis
from fmnist.runs.results import ModelResults
from fmnist_runtime.parity.calibration import BINS, Calibration, Reliability

_WIDTH, _HEIGHT = 300.0, 325.0
_LEFT, _RIGHT, _TOP = 48.0, 20.0, 10.0
"""What axes take on each side."""
_FLOOR, _ROOF, _GROUND = 225.0, 240.0, 285.0
"""Where the curve ends below, and where the bars begin and end under it."""
_TICKS = [(share, f"{100 * share:g}%") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
_ORIGINAL, _CANDIDATE = 5.0, 3.0
"""Radii of marks: where both are the same, the original's is seen around the other's."""
_ACROSS = Axis(0, 1, _LEFT, _WIDTH - _RIGHT)
_UPWARDS = Axis(0, 1, _FLOOR, _TOP)


@dataclass(frozen=True)
class ReliabilityPanel:
    """An artifact's chart."""

    mark: int
    """Its place among all models."""
    name: str
    """Its name."""
    svg: Markup
    """The chart."""
    calibration: Calibration
    """The errors of both."""

    @property
    def change(self) -> str:
        """By how much the error changed, with its interval, as text."""
        found = self.calibration
        interval = found.ece_difference_interval
        return f"{found.ece_difference:+z.4f} ({interval.low:+z.4f} to {interval.high:+z.4f})"


def reliability_panels(models: Sequence[ModelResults]) -> tuple[ReliabilityPanel, ...]:
    """A chart for each artifact that was compared.

    Args:
        models: The original, and what was made of it; a model's place among them is its mark.
    """
    return tuple(
        ReliabilityPanel(mark, model.name, _draw(model, model.parity.calibration), model.parity.calibration)
        for mark, model in enumerate(models)
        if model.parity
    )


def _draw(model: ModelResults, calibration: Calibration) -> Markup:
    before, after = calibration.reference_bins, calibration.candidate_bins
    fullest = max(*before.images, *after.images)
    images = Axis(0.5, 1.2 * fullest, _GROUND, _ROOF, logarithmic=True)
    sizes = [(1.0, "1")] if fullest < 10 else [(1.0, "1"), (float(fullest), f"{fullest:,}")]
    return chart(
        (_WIDTH, _HEIGHT),
        f"Accuracy by confidence of {model.name}: expected calibration error "
        f"{calibration.candidate_ece:.4f}, of the original {calibration.reference_ece:.4f}.",
        vertical_axis(_UPWARDS, _LEFT, _WIDTH - _RIGHT, _TICKS),
        vertical_axis(images, _LEFT, _WIDTH - _RIGHT, sizes),
        horizontal_axis(_ACROSS, _TOP, _GROUND, _TICKS, "confidence"),
        line((_ACROSS(0), _UPWARDS(0)), (_ACROSS(1), _UPWARDS(1)), "diagonal"),
        _bars("original", before, images),
        _bars(model.format, after, images),
        _curve("original", before, _ORIGINAL),
        _curve(model.format, after, _CANDIDATE),
    )


def _curve(classes: str, bins: Reliability, radius: float) -> Markup:
    places = [(_ACROSS(said), _UPWARDS(was)) for said, was in bins.points]
    told = [_told(number, bins) for number in range(BINS) if bins.images[number]]
    marks = [
        tag("circle", hover(words), cx=x, cy=y, r=radius, class_="mark")
        for (x, y), words in zip(places, told, strict=True)
    ]
    return group(classes, path(places, "curve"), *marks)


def _bars(classes: str, bins: Reliability, images: Axis) -> Markup:
    """How many images are in each bin; the axis is logarithmic, as most are in the last."""
    bars = [
        tag(
            "rect",
            hover(_told(number, bins)),
            x=_ACROSS(number / BINS) + 1,
            y=images(count),
            width=_ACROSS(1 / BINS) - _ACROSS(0) - 2,
            height=_GROUND - images(count),
            class_="count",
        )
        for number, count in enumerate(bins.images)
        if count
    ]
    return group(classes, *bars)


def _told(number: int, bins: Reliability) -> str:
    said, was = bins.confidence[number], bins.accuracy[number]
    assert said is not None  # a bin with images has both
    assert was is not None
    low, high = 100 * number / BINS, 100 * (number + 1) / BINS
    return (
        f"confidence {low:.0f} to {high:.0f}%: {bins.images[number]:,} images, "
        f"{100 * said:.1f}% sure, {100 * was:.1f}% right"
    )
