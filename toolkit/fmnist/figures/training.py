"""Accuracy and loss over the epochs of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from fmnist.figures.axes import Axis, horizontal_axis, padded, vertical_axis
from fmnist.figures.standalone import picture
from fmnist.figures.svg import Drawing, Place, group, hover, path, rectangle, tag
from fmnist.runs.history import Epoch
from fmnist.text.tables import percent

_WIDTH, _HEIGHT = 380.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 10.0, 46.0
"""Margins for the axes and their titles."""
_MOST_MARKS = 50
"""Of more epochs, only every second has a mark, or every third, and so on."""
_MARK = 3.2
"""Half of the width of a mark."""


@dataclass(frozen=True)
class Series:
    """Accuracy or loss over the epochs, on the training images or on the validation images."""

    name: str
    """``training`` or ``validation``."""
    values: tuple[float, ...]
    """One for each epoch; NaN where it is not known."""

    @property
    def is_known(self) -> bool:
        """Whether any value is known."""
        return any(map(math.isfinite, self.values))


def accuracy_curve(epochs: Sequence[Epoch]) -> Drawing:
    """Draw accuracy over the epochs, at least one, in training and where it is known in validation."""
    series = (
        Series("training", tuple(epoch.accuracy for epoch in epochs)),
        Series("validation", tuple(epoch.val_accuracy for epoch in epochs)),
    )
    return _draw("Accuracy", epochs, series, percent, lambda value: f"{100 * value:g}%")


def loss_curve(epochs: Sequence[Epoch]) -> Drawing:
    """Draw the cross-entropy over the epochs."""
    series = (
        Series("training", tuple(epoch.loss for epoch in epochs)),
        Series("validation", tuple(epoch.val_loss for epoch in epochs)),
    )
    return _draw("Loss", epochs, series, "{:.4f}".format, "{:g}".format)


def _draw(
    what: str,
    epochs: Sequence[Epoch],
    series: Sequence[Series],
    written: Callable[[float], str],
    tick: Callable[[float], str],
) -> Drawing:
    known = [each for each in series if each.is_known]
    values = [value for each in known for value in each.values if math.isfinite(value)] or [0.0]
    across = Axis(*padded(epochs[0].epoch, epochs[-1].epoch, 0.03, 1), _LEFT, _WIDTH - _RIGHT)
    upwards = Axis(*padded(min(values), max(values), 0.08, 0.01), _HEIGHT - _BOTTOM, _TOP)
    whole = [(value, f"{value:,g}") for value in across.ticks() if value == int(value)]
    ticks = [(value, tick(value)) for value in upwards.ticks()]
    numbers = [epoch.epoch for epoch in epochs]
    content = [
        horizontal_axis(across, _TOP, _HEIGHT - _BOTTOM, whole, "epoch"),
        vertical_axis(upwards, _LEFT, _WIDTH - _RIGHT, ticks),
        *(_line(each, numbers, across, upwards, written) for each in known),
    ]
    return Drawing((_WIDTH, _HEIGHT), _message(what, epochs, known, written), Markup("").join(content))


def _line(
    series: Series, numbers: Sequence[int], across: Axis, upwards: Axis, written: Callable[[float], str]
) -> Markup:
    """Draw a line through the known values, with a mark for each epoch: in training a circle."""
    places = [
        (across(number), upwards(value)) if math.isfinite(value) else None
        for number, value in zip(numbers, series.values, strict=True)
    ]
    lines = [
        path([place for place in run if place], "curve")
        for is_known, run in groupby(places, lambda place: place is not None)
        if is_known
    ]
    every = math.ceil(len(places) / _MOST_MARKS)
    marks = [
        _mark(series.name, place, f"epoch {number}: {series.name} {written(value)}")
        for at, (place, number, value) in enumerate(zip(places, numbers, series.values, strict=True))
        if place and (at % every == 0 or at == len(places) - 1)
    ]
    return group(series.name, *lines, *marks)


def _mark(name: str, place: Place, words: str) -> Markup:
    x, y = place
    if name == "training":
        return tag("circle", hover(words), cx=x, cy=y, r=_MARK, class_="mark")
    return rectangle((x - _MARK, y - _MARK), (2 * _MARK, 2 * _MARK), "mark", hover(words))


def _message(
    what: str, epochs: Sequence[Epoch], series: Sequence[Series], written: Callable[[float], str]
) -> str:
    """Return the first and last value of each series as text."""
    ends = "; ".join(
        f"{each.name} {written(each.values[0])}"
        + (f" to {written(each.values[-1])}" if len(each.values) > 1 else "")
        for each in series
    )
    through = f"epochs {epochs[0].epoch} to {epochs[-1].epoch}" if len(epochs) > 1 else "the only epoch"
    return f"{what} in {through}: {ends}."


def history_picture(epochs: Sequence[Epoch]) -> str:
    """Return accuracy and loss over the epochs as an SVG file."""
    drawings = [("Accuracy", accuracy_curve(epochs)), ("Loss (cross-entropy)", loss_curve(epochs))]
    names = {"training": "●", "validation": "■"}
    key = "\u2003".join(
        tag("tspan", mark, class_=f"{name}-key") + f" in {name}" for name, mark in names.items()
    )
    return picture("Training", drawings, key=[Markup(key)], columns=2)
