"""What a user asserts about a benchmark, such as ``p99<200us`` or ``p50<=1.05*baseline``.

An assertion is FIGURE OPERATOR LIMIT. The figure is a row of `FIGURES`, the operator ``<``, ``<=``, ``>`` or
``>=``, and the limit a number with a unit, or the figure of the same configuration in an older benchmark:
``baseline``, or ``FACTOR*baseline``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from fmnist.results.timed import PERCENTILES, TimedModel
from fmnist_runtime.timing.samples import Percentile, least_samples


@dataclass(frozen=True)
class Quantity:
    """A kind of figure."""

    unit: str
    """The unit of recorded figures, as in JSON."""
    units: Mapping[str, str]
    """The factor of each unit that a limit may have; decimal, so that limits are exact."""
    show: Callable[[float], str]
    """Formats a value."""


@dataclass(frozen=True)
class Figure:
    """A figure that can be asserted."""

    quantity: Quantity
    """Its kind."""
    read: Callable[[TimedModel], Percentile | float | None]
    """Returns its value, with an interval where it has one; None where it is missing."""
    scenarios: tuple[str, ...]
    """The scenarios that measure it."""


def _time(value: float) -> str:
    """Format a time in µs with four digits: one more than in tables, as it is compared with a limit."""
    if value < 9999.5:  # a larger one would be written as 1e+04
        return f"{value:.4g} µs"
    return f"{value / 1e3:.4g} ms" if value < 1e6 else f"{value / 1e6:.4g} s"


_TIME = Quantity(
    "us",
    # The two signs for micro look alike: U+00B5, on keyboards, and the Greek letter, U+03BC.
    {"ns": "1e-3", "us": "1", "\u00b5s": "1", "\u03bcs": "1", "ms": "1e3", "s": "1e6"},
    _time,
)
_BYTES = Quantity("bytes", {"B": "1", "kB": "1e3", "MB": "1e6"}, lambda value: f"{value:,.0f} B")
_RATE = Quantity("images/s", {"images/s": "1", "/s": "1"}, lambda value: f"{value:,.0f} images/s")
_CALLS = ("latency", "periodic", "cold-start")
_ALL = (*_CALLS, "throughput")


def _percentile(name: str) -> Callable[[TimedModel], Percentile | None]:
    return lambda model: model.percentiles[name]


def _throughput(model: TimedModel) -> Percentile | None:
    """Return the throughput; None of too few processes, whose range is not a 95% interval of their median."""
    return model.images_per_second if len(model.process_rates) >= least_samples(50) else None


FIGURES = {
    **{name: Figure(_TIME, _percentile(name), _CALLS) for name in PERCENTILES},
    "max": Figure(_TIME, lambda model: model.max_us, _CALLS),
    "load": Figure(_TIME, lambda model: model.load_us, _ALL),
    "first": Figure(_TIME, lambda model: model.first_us, _ALL),
    "memory": Figure(_BYTES, lambda model: model.peak_memory_bytes, _ALL),
    "size": Figure(_BYTES, lambda model: model.size_bytes, _ALL),
    "throughput": Figure(_RATE, _throughput, ("throughput",)),
}
"""The figures that can be asserted, as in bench's tables; load and first are medians over processes."""
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Assertion:
    """An assertion about every model."""

    text: str
    """As the user wrote it."""
    name: str
    """The figure: a key of `FIGURES`."""
    operator: str
    """A key of `OPERATORS`."""
    number: float
    """The limit in the figure's unit; or by how much the baseline's figure is multiplied."""
    of_baseline: bool
    """Whether ``number`` is a factor of the baseline."""

    @property
    def figure(self) -> Figure:
        """The figure that it is about."""
        return FIGURES[self.name]

    @property
    def limits_above(self) -> bool:
        """Whether the limit is an upper one."""
        return self.operator.startswith("<")

    def satisfied(self, value: float, limit: float) -> bool:
        """Return whether a value keeps a limit."""
        return OPERATORS[self.operator](value, limit)


_MOST = 1e18
"""More than any measured value, in any unit."""
_SPLIT = re.compile(r"\s*([^\s<>=]+)\s*(<=|>=|<|>)\s*([^<>=]*?)\s*")
_OF_BASELINE = re.compile(r"(?:(.*?)\s*\*\s*)?baseline")
_WITH_UNIT = re.compile(r"([+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|nan|inf(?:inity)?))\s*(.*)", re.IGNORECASE)


def parse_assertion(text: str, scenario: str) -> Assertion:
    """Read an assertion that the user wrote, for a scenario as of `Method`.

    Raises:
        ValueError: The text is not an assertion, or the scenario does not measure its figure; the message
            says what is allowed instead.
    """
    match = _SPLIT.fullmatch(text)
    if not match or not match[3]:
        raise ValueError(
            f"{text!r} is not FIGURE<LIMIT, in quotes, such as 'p99<200us'; <=, > and >= do, too"
        )
    name, sign, limit = match.groups()
    if name not in FIGURES:
        raise ValueError(f"{text!r}: unknown figure {name!r}: give {_either(FIGURES)}")
    if scenario not in FIGURES[name].scenarios:
        measured = _either([other for other, figure in FIGURES.items() if scenario in figure.scenarios])
        reason = f"--scenario {scenario} does not measure {name}; it measures {measured}"
        raise ValueError(f"{text!r}: {reason}")
    baseline = _OF_BASELINE.fullmatch(limit)
    if baseline:
        return Assertion(text, name, sign, _positive(text, "1" if baseline[1] is None else baseline[1]), True)
    with_unit = _WITH_UNIT.fullmatch(limit)
    if not with_unit:
        raise ValueError(f"{text!r}: {limit!r} is neither a number with a unit nor FACTOR*baseline")
    units = FIGURES[name].quantity.units
    number, unit = with_unit.groups()
    if unit not in units:
        wrong = f"unknown unit {unit!r}" if unit else f"{limit} has no unit"
        raise ValueError(f"{text!r}: {wrong}: give {_either([u for u in units if u.isascii()])}")
    return Assertion(text, name, sign, _positive(text, number, units[unit]), False)


def _positive(text: str, written: str, unit: str = "1") -> float:
    """Return a limit as a number; refuse NaN, infinity, 0 and less."""
    try:
        number = float(Decimal(written) * Decimal(unit))
    except ArithmeticError:  # what Decimal raises for text, and for a number beyond its range
        raise ValueError(f"{text!r}: {written!r} is not a number") from None
    if not 0 < number <= _MOST:
        raise ValueError(f"{text!r}: a limit is a number more than 0 and at most {_MOST:g}")
    return number


def _either(names: Mapping[str, object] | list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"
