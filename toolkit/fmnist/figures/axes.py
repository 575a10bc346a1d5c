"""Axes: from values to places, their ticks, and their drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fmnist.figures.svg import LINE, line, text

Ticks = Sequence[tuple[float, str]]
"""Values along an axis, each with its text."""
LEAST_RANGE = 5.0
"""Smallest ratio of a logarithmic axis's ends: with it, any range has two ticks."""
_MOST_DECADES = 4
"""On a longer axis only powers of ten have room for a text."""


@dataclass(frozen=True)
class Axis:
    """Maps a range of values to a range of places."""

    low: float
    """Value at the start."""
    high: float
    """Value at the end, above ``low``."""
    start: float
    """Place of ``low`` in the chart."""
    end: float
    """Place of ``high``; less than ``start`` where values grow upwards."""
    logarithmic: bool = False
    """Whether the scale is logarithmic; all values must then be above 0."""

    def __call__(self, value: float) -> float:
        """Return the place of a value, which may lie beyond the ends."""
        of: Callable[[float], float] = math.log if self.logarithmic else float
        share = (of(value) - of(self.low)) / (of(self.high) - of(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values from end to end: 1, 2 and 5 times powers of ten.

        On a linear axis they are multiples of such a step, ``about`` so many.
        """
        return _decades(self.low, self.high) if self.logarithmic else _steps(self.low, self.high, about)


def padded(low: float, high: float, share: float, least: float) -> tuple[float, float]:
    """Widen a range, which may be empty, by a share of it at each end.

    A range of less than the least width is widened to that before.
    """
    lacking = max(least - (high - low), 0) / 2
    room = share * max(high - low, least)
    return low - lacking - room, high + lacking + room


def nice_step(span: float, about: int) -> float:
    """Return 1, 2 or 5 times a power of ten, which divides a span into about so many steps."""
    rough = span / about
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next((digit * power for digit in (1, 2, 5) if digit * power >= rough * 0.999), 10 * power)


def horizontal_axis(axis: Axis, top: float, bottom: float, ticks: Ticks, title: str = "") -> Markup:
    """Draw an axis with grid lines from `bottom` up to `top`, ticks below, and a title if there is one."""
    parts = []
    for value, name in ticks:
        x = axis(value)
        parts += [line((x, top), (x, bottom), "grid"), text((x, bottom + LINE), name, "tick", "middle")]
    parts.append(line((axis.start, bottom), (axis.end, bottom), "axis"))
    if title:
        parts.append(text((axis.end, bottom + 2.2 * LINE), title, "title", "end"))
    return Markup("").join(parts)


def vertical_axis(axis: Axis, left: float, right: float, ticks: Ticks) -> Markup:
    """Draw an axis upwards, with ticks on the left and grid lines to the right."""
    parts = []
    for value, name in ticks:
        y = axis(value)
        parts += [line((left, y), (right, y), "grid"), text((left - 5, y + 4), name, "tick", "end")]
    return Markup("").join([*parts, line((left, axis.start), (left, axis.end), "axis")])


def _steps(low: float, high: float, about: int) -> list[float]:
    step = nice_step(high - low, about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    digits = (1, 2, 5) if high / low < 10**_MOST_DECADES else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = (float(f"{digit}e{power}") for power in powers for digit in digits)
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
