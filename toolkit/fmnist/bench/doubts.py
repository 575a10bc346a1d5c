"""What speaks against figures, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fmnist.bench.naming import file_names
from fmnist.bench.result import Result

ADVICE = (
    "what is not STABLE may be more than 5% off in another run: "
    "let nothing else run beside it, or give a longer --duration or more --processes"
)
"""What to do about reasons."""
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def doubts(results: Sequence[Result]) -> list[str]:
    """Each reason against figures of models once, with all whom it is of; then what to do about them."""
    models = [result for result in results if result.model]  # few ticks of the clock: seldom steady
    found: dict[str, list[tuple[str, str]]] = {}
    for name, result in zip(file_names(models), models, strict=True):
        for reason in result.trust.reasons:
            found.setdefault(_NUMBER.sub("#", reason), []).append((name, reason))
    lines = []
    for entries in found.values():
        whom = "all" if len(entries) == len(models) > 1 else ", ".join(name for name, _ in entries)
        lines.append(f"{whom}: {_merged([reason for _, reason in entries])}")
    return [*lines, ADVICE] if lines else []


def _merged(reasons: Sequence[str]) -> str:
    """Reasons that differ in figures alone, as one: ``0.60 to 0.98`` where one says 0.98 and one 0.60."""
    columns = zip(*(_NUMBER.findall(reason) for reason in reasons), strict=True)
    ranges = []
    for column in columns:
        low, high = min(column, key=_figure), max(column, key=_figure)
        ranges.append(low if low == high else f"{low} to {high}")
    parts = _NUMBER.split(reasons[0])
    return "".join(text + figure for text, figure in zip(parts, [*ranges, ""], strict=True))


def _figure(text: str) -> float:
    return float(text.replace(",", ""))
