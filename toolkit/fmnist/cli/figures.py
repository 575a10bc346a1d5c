"""The figures that a person decides by, as cells of a table."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmnist.results.summary import SummaryRow

FIGURES = ["accuracy", "points", "agreement", "p50 µs", "p99 µs"]


def verdict(row: "SummaryRow") -> str:
    """Whether a model broke a gate; nothing of one that was compared with none."""
    from fmnist.text.tables import ABSENT

    return row.verdict or ABSENT


def figures(row: "SummaryRow") -> list[str]:
    """One cell for each of `FIGURES`."""
    from fmnist.text.tables import ABSENT, microseconds, percent, points

    def optional(value: float | None, form: Callable[[float], str]) -> str:
        return ABSENT if value is None else form(value)

    return [
        percent(row.accuracy),
        optional(row.difference, points),
        optional(row.agreement, percent),
        optional(row.p50_us, microseconds),
        optional(row.p99_us, microseconds),
    ]


def doubt(rows: "Sequence[SummaryRow]") -> list[str]:
    """A line on times that are not to be trusted, where there are such."""
    from fmnist_runtime.timing.trust import STABLE

    doubtful = sum(row.trust not in (None, STABLE) for row in rows)
    return [f"times of {doubtful} of {len(rows)} are not STABLE: bench.json says why"] if doubtful else []
