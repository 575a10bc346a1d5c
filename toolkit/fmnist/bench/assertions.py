"""What a user asserts of a benchmark, such as ``p99<200us`` or ``p50<=1.05*baseline``.

An assertion is FIGURE OPERATOR LIMIT. The figure is a row of `FIGURES`, the operator ``<``, ``<=``, ``>`` or
``>=``, and the limit a number with a unit, or what the same configuration had in an older benchmark:
``baseline``, or ``FACTOR*baseline``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from fmnist.bench.body import PERCENTILES
from fmnist.bench.reading import Figures
from fmnist_runtime.timing.samples import Percentile, least_samples


@dataclass(frozen=True)
class Quantity:
    """What kind of thing a figure is."""

    unit: str
    """The unit figures are recorded in, as JSON says it."""
    units: Mapping[str, str]
    """What each unit that a limit may be given in is, in that one; decimal, so that limits are exact."""
    show: Callable[[float], str]
    """A value for people."""


@dataclass(frozen=True)
class Figure:
    """Something that can be asserted."""

    quantity: Quantity
    """What kind of thing it is."""
    read: Callable[[Figures], Percentile | float | None]
    """Its value, with its interval where it has one; None where it was not measured, or is withheld."""
    scenarios: tuple[str, ...]
    """What must be timed so that it is measured."""


def _time(value: float) -> str:
    """A time that is in µs, with four digits: one more than in tables, as it is held against a limit."""
    if value < 9999.5:  # what is more would be written as 1e+04
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


def _percentile(name: str) -> Callable[[Figures], Percentile | None]:
    return lambda figures: figures.percentiles[name]


def _throughput(figures: Figures) -> Percentile | None:
    """The least and the greatest of fewer processes are no 95% interval of their median."""
    return figures.images_per_second if len(figures.process_rates) >= least_samples(50) else None


FIGURES = {
    **{name: Figure(_TIME, _percentile(name), _CALLS) for name in PERCENTILES},
    "max": Figure(_TIME, lambda figures: figures.max_us, _CALLS),
    "load": Figure(_TIME, lambda figures: figures.load_us, _ALL),
    "first": Figure(_TIME, lambda figures: figures.first_us, _ALL),
    "memory": Figure(_BYTES, lambda figures: figures.peak_memory_bytes, _ALL),
    "size": Figure(_BYTES, lambda figures: figures.size_bytes, _ALL),
    "throughput": Figure(_RATE, _throughput, ("throughput",)),
}
"""What can be asserted. Times are those of bench's table, load and first the medians over processes."""
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Assertion:
    """What is asserted of every model."""

    text: str
    """As the user wrote it."""
    name: str
    """The figure: a key of `FIGURES`."""
    operator: str
    """A key of `OPERATORS`."""
    number: float
    """The limit in the figure's unit; or by how much the baseline's figure is multiplied."""
    of_baseline: bool
    """Whether it is the latter."""

    @property
    def figure(self) -> Figure:
        """What it is of."""
        return FIGURES[self.name]

    @property
    def limits_above(self) -> bool:
        """Whether a figure may be too large, not too small."""
        return self.operator.startswith("<")

    def satisfied(self, value: float, limit: float) -> bool:
        """Whether a value keeps a limit."""
        return OPERATORS[self.operator](value, limit)


_MOST = 1e18
"""More than anything that is measured, whatever its unit."""
_SPLIT = re.compile(r"\s*([^\s<>=]+)\s*(<=|>=|<|>)\s*([^<>=]*?)\s*")
_OF_BASELINE = re.compile(r"(?:(.*?)\s*\*\s*)?baseline")
_WITH_UNIT = re.compile(r"([+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|nan|inf(?:inity)?))\s*(.*)", re.IGNORECASE)


def parse_assertion(text: str, scenario: str) -> Assertion:
    """Read an assertion.

    Args:
        text: What the user wrote.
        scenario: What is to be timed, as of `Method`.

    Raises:
        ValueError: It is none, or of what the scenario does not measure; says what is wrong, and what may
            stand there instead.
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
        raise ValueError(f"{text!r}: --scenario {scenario} does not measure {name}; {_measured(scenario)}")
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
    """A limit; not what no figure can be held against: NaN, infinity, and nothing or less than nothing."""
    try:
        number = float(Decimal(written) * Decimal(unit))
    except ArithmeticError:  # what Decimal raises for what is no number, and for a number beyond its range
        raise ValueError(f"{text!r}: {written!r} is not a number") from None
    if not 0 < number <= _MOST:
        raise ValueError(f"{text!r}: a limit is a number more than 0 and at most {_MOST:g}")
    return number


def _measured(scenario: str) -> str:
    names = [name for name, figure in FIGURES.items() if scenario in figure.scenarios]
    return f"it measures {_either(names)}"


def _either(names: Mapping[str, object] | list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"
