"""One row of figures for each model, from the results of eval, parity and bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.results.read import Part
from fmnist.text.tables import ABSENT, microseconds, percent, points
from fmnist_runtime.parity.gates import verdict
from fmnist_runtime.timing.trust import STABLE

FIGURES = ["accuracy", "points", "agreement", "p50 µs", "p99 µs"]
"""Titles of the columns of `figure_cells`."""


@dataclass(frozen=True)
class SummaryRow:
    """The figures of one model that a person decides by."""

    format: str
    """``keras``, ``tflite``, ``onnx``, ``npz`` or ``c``."""
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
    """How far these two can be trusted: ``STABLE``, or what is wrong; None where it was not timed."""
    verdict: str | None
    """``pass``, ``FAIL``, or ``TOO FEW IMAGES`` where these cannot show that it keeps its gates; None where
    it was not compared. An original may FAIL, too."""
    failures: tuple[str, ...]
    """The gates it broke; of the original ``guessing``, where it is not certainly better than always naming
    the largest class of the test images."""


@dataclass(frozen=True)
class SummaryBody:
    """The content of the JSON result of `fmnist run`."""

    run: Path
    """Folder of the run."""
    models: tuple[SummaryRow, ...]
    """The original, then the artifacts."""


def summarise(results: Mapping[str, Mapping[str, Any]]) -> list[SummaryRow]:
    """Return one row for each model.

    The JSON results of ``eval``, ``parity`` and ``bench`` are by kind; each may be missing or empty.

    Raises:
        DamageError: A result lacks a figure, or it is not of its type.
    """
    evaluated, compared, timed = (
        _by_name(Part(results.get(kind) or {key: []}, kind), key)
        for kind, key in (("eval", "models"), ("parity", "candidates"), ("bench", "models"))
    )
    return [_row(model, compared.get(name), timed.get(name)) for name, model in evaluated.items()]


def _by_name(result: Part, key: str) -> dict[str, Part]:
    return {entry["name"].text(): entry for entry in result[key].items(0)}


def _row(model: Part, candidate: Part | None, timed: Part | None) -> SummaryRow:
    answers = candidate["answers"] if candidate else None
    breaches = candidate["breaches"].items(0) if candidate else []
    return SummaryRow(
        format=model["format"].text(),
        scheme=model["scheme"].text(),
        size_bytes=model["size_bytes"].whole(0),
        accuracy=model["accuracy"].number(0, 1),
        difference=answers["accuracy_difference"].number() if answers else None,
        agreement=answers["agreement"].number() if answers else None,
        p50_us=_value(timed["p50_us"]) if timed else None,
        p99_us=_value(timed["p99_us"]) if timed else None,
        trust=timed["verdict"].text() if timed else None,
        verdict=verdict(breach["certain"].flag() for breach in breaches) if candidate else None,
        failures=tuple(f"{breach['gate'].text()}: {breach['text'].text()}" for breach in breaches),
    )


def _value(percentile: Part) -> float | None:
    return percentile.optional(lambda found: found["value"].number(0))


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
