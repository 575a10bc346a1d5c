"""Accuracy and loss over the epochs of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from fmnist.figures.scales import Axis, padded
from fmnist.figures.svg import Place, chart, group, horizontal_axis, hover, path, tag, vertical_axis
from fmnist.runs.history import Epoch
from fmnist.text.tables import percent

_WIDTH, _HEIGHT = 380.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 10.0, 46.0
"""What axes and their titles take on each side."""
_MOST_MARKS = 50
"""Epochs with a mark of their own; of more, every second one has, or every third, and so on."""
_MARK = 3.2
"""Half of a mark's width."""


@dataclass(frozen=True)
class Series:
    """A figure over the epochs, of the training images or of the validation images."""

    name: str
    """``training`` or ``validation``."""
    values: tuple[float, ...]
    """One for each epoch; NaN where there is none."""

    @property
    def is_known(self) -> bool:
        """Whether there is any."""
        return any(map(math.isfinite, self.values))


@dataclass(frozen=True)
class _Panel:
    """A chart's axes, and how its values are written."""

    numbers: tuple[int, ...]
    """The epochs."""
    across: Axis
    """Epochs."""
    upwards: Axis
    """Values."""
    written: Callable[[float], str]
    """A value as text."""


def accuracy_curve(epochs: Sequence[Epoch]) -> Markup:
    """Accuracy over the epochs, of which there is one at least; a line where there is validation, too."""
    series = (
        Series("training", tuple(epoch.accuracy for epoch in epochs)),
        Series("validation", tuple(epoch.val_accuracy for epoch in epochs)),
    )
    return _draw("Accuracy", epochs, series, percent, lambda value: f"{100 * value:g}%")


def loss_curve(epochs: Sequence[Epoch]) -> Markup:
    """The same of the cross-entropy."""
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
) -> Markup:
    known = [each for each in series if each.is_known]
    values = [value for each in known for value in each.values if math.isfinite(value)] or [0.0]
    panel = _Panel(
        tuple(epoch.epoch for epoch in epochs),
        Axis(*padded(epochs[0].epoch, epochs[-1].epoch, 0.03, 1), _LEFT, _WIDTH - _RIGHT),
        Axis(*padded(min(values), max(values), 0.08, 0.01), _HEIGHT - _BOTTOM, _TOP),
        written,
    )
    whole = [(value, f"{value:,g}") for value in panel.across.ticks() if value == int(value)]
    ticks = [(value, tick(value)) for value in panel.upwards.ticks()]
    return chart(
        (_WIDTH, _HEIGHT),
        _message(what, epochs, known, written),
        horizontal_axis(panel.across, _TOP, _HEIGHT - _BOTTOM, whole, "epoch"),
        vertical_axis(panel.upwards, _LEFT, _WIDTH - _RIGHT, ticks),
        *(_line(panel, each) for each in known),
    )


def _line(panel: _Panel, series: Series) -> Markup:
    """A line through what is known, with a mark for each epoch: round for training, square for validation."""
    places = [
        (panel.across(number), panel.upwards(value)) if math.isfinite(value) else None
        for number, value in zip(panel.numbers, series.values, strict=True)
    ]
    lines = [
        path([place for place in run if place], "curve")
        for is_known, run in groupby(places, lambda place: place is not None)
        if is_known
    ]
    every = math.ceil(len(places) / _MOST_MARKS)
    marks = [
        _mark(series.name, place, f"epoch {number}: {series.name} {panel.written(value)}")
        for at, (place, number, value) in enumerate(zip(places, panel.numbers, series.values, strict=True))
        if place and (at % every == 0 or at == len(places) - 1)
    ]
    return group(series.name, *lines, *marks)


def _mark(name: str, place: Place, told: str) -> Markup:
    x, y = place
    if name == "training":
        return tag("circle", hover(told), cx=x, cy=y, r=_MARK, class_="mark")
    return tag(
        "rect", hover(told), x=x - _MARK, y=y - _MARK, width=2 * _MARK, height=2 * _MARK, class_="mark"
    )


def _message(
    what: str, epochs: Sequence[Epoch], series: Sequence[Series], written: Callable[[float], str]
) -> str:
    """Where each series began and ended."""
    told = "; ".join(
        f"{each.name} {written(each.values[0])}"
        + (f" to {written(each.values[-1])}" if len(each.values) > 1 else "")
        for each in series
    )
    through = f"epochs {epochs[0].epoch} to {epochs[-1].epoch}" if len(epochs) > 1 else "the only epoch"
    return f"{what} in {through}: {told}."
