"""Figures of a model in one row, put together from the results of eval, parity and bench."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from fmnist.text.tables import ABSENT, microseconds, percent, points
from fmnist_runtime.parity.gates import verdict
from fmnist_runtime.timing.trust import STABLE

FIGURES = ["accuracy", "points", "agreement", "p50 µs", "p99 µs"]
"""Titles of the columns of `figure_cells`."""


@dataclass(frozen=True)
class SummaryRow:
    """One model's figures, from which a person decides."""

    format: str
    """``keras``, ``tflite``, ``onnx`` or ``npz``."""
    scheme: str
    """``original`` or a quantisation scheme."""
    size_bytes: int
    """Size of the file."""
    accuracy: float
    """Accuracy on the test split."""
    difference: float | None
    """Accuracy less that of the original; None for the original."""
    agreement: float | None
    """Share of images that it gives the same class as the original; None for the original."""
    p50_us: float | None
    """Median latency of one image in µs; None where it was not timed."""
    p99_us: float | None
    """99th percentile of the same; None where there are too few samples, too."""
    trust: str | None
    """How far to trust these two: ``STABLE``, or what is wrong, as of bench; None where it was not timed."""
    verdict: str | None
    """``pass``, ``FAIL``, or ``TOO FEW IMAGES`` where these cannot show that it keeps its gates; None where
    it was compared with nothing. An original may FAIL, too."""
    failures: tuple[str, ...]
    """The gates it broke; of the original ``guessing``, where it is not surely better than naming the largest
    class of the test images always."""


class SummaryBody(TypedDict):
    """The content of the JSON result of `fmnist run`."""

    run: Path
    """Folder of the run."""
    models: tuple[SummaryRow, ...]
    """The original, then the artifacts."""


def summarise(eval: dict[str, Any], parity: dict[str, Any], bench: dict[str, Any]) -> list[SummaryRow]:
    """One row a model from the three results, of which any may be empty."""
    compared = {entry["name"]: entry for entry in parity.get("candidates", ())}
    timed = {entry["name"]: entry for entry in bench.get("models", ())}
    rows = []
    for model in eval.get("models", ()):
        candidate = compared.get(model["name"], {})
        answers = candidate.get("answers", {})
        breaches = candidate.get("breaches", ())
        latency = timed.get(model["name"], {})
        rows.append(
            SummaryRow(
                format=model["format"],
                scheme=model["scheme"],
                size_bytes=model["size_bytes"],
                accuracy=model["accuracy"],
                difference=answers.get("accuracy_difference"),
                agreement=answers.get("agreement"),
                p50_us=(latency.get("p50_us") or {}).get("value"),
                p99_us=(latency.get("p99_us") or {}).get("value"),
                trust=latency.get("verdict"),
                verdict=verdict(b["certain"] for b in breaches) if candidate else None,
                failures=tuple(f"{b['gate']}: {b['text']}" for b in breaches),
            )
        )
    return rows


def verdict_cell(row: SummaryRow) -> str:
    """Whether a model broke a gate; nothing of one that was compared with none."""
    return row.verdict or ABSENT


def figure_cells(row: SummaryRow) -> list[str]:
    """One cell for each of `FIGURES`."""

    def optional(value: float | None, form: Callable[[float], str]) -> str:
        return ABSENT if value is None else form(value)

    return [
        percent(row.accuracy),
        optional(row.difference, points),
        optional(row.agreement, percent),
        optional(row.p50_us, microseconds),
        optional(row.p99_us, microseconds),
    ]


def trust_notes(rows: Sequence[SummaryRow]) -> list[str]:
    """A line on times that are not to be trusted, where there are such."""
    doubtful = sum(row.trust not in (None, STABLE) for row in rows)
    return [f"times of {doubtful} of {len(rows)} are not STABLE: bench.json says why"] if doubtful else []
