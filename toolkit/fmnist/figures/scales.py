"""Where a value lies on an axis, and which values are written along it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LEAST_RANGE = 5.0
"""A logarithmic axis's end by its start, so that two ticks are on it wherever it starts."""
_MOST_DECADES = 4
"""Beyond these, only powers of ten have room to be named."""


@dataclass(frozen=True)
class Axis:
    """A range of values along a range of places."""

    low: float
    """The value at its start."""
    high: float
    """The value at its end, above ``low``."""
    start: float
    """The place of ``low`` in the chart."""
    end: float
    """The place of ``high``; before the start where values grow upwards."""
    logarithmic: bool = False
    """Whether equal ratios are equally far apart; all values are above 0 then."""

    def __call__(self, value: float) -> float:
        """The place of a value, which may lie beyond the ends."""
        of: Callable[[float], float] = math.log if self.logarithmic else float
        share = (of(value) - of(self.low)) / (of(self.high) - of(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values from end to end: 1, 2 and 5 times powers of ten, or in steps of such.

        Args:
            about: How many, on an axis that is not logarithmic.
        """
        return _decades(self.low, self.high) if self.logarithmic else _steps(self.low, self.high, about)


def padded(low: float, high: float, share: float, least: float) -> tuple[float, float]:
    """A range with room at both ends.

    Args:
        low: Its lower end.
        high: Its upper end; may be the same.
        share: How much of the range there is to be at each end.
        least: How wide the range is at least, before that.
    """
    lacking = max(least - (high - low), 0) / 2
    room = share * max(high - low, least)
    return low - lacking - room, high + lacking + room


def nice_step(span: float, about: int) -> float:
    """1, 2 or 5 times a power of ten, that goes into a span about so many times."""
    rough = span / about
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next((digit * power for digit in (1, 2, 5) if digit * power >= rough * 0.999), 10 * power)


def _steps(low: float, high: float, about: int) -> list[float]:
    step = nice_step(high - low, about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    digits = (1, 2, 5) if high / low < 10**_MOST_DECADES else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = (float(f"{digit}e{power}") for power in powers for digit in digits)
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
