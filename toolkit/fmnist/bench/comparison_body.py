"""Comparisons of benchmarks as the content of a result in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from fmnist.bench.compare import LEAST_CHANGE, Change, Comparison
from fmnist.bench.reading import Figures, Key, Machine, Recorded


class ComparedFile(TypedDict):
    """One benchmark of a comparison."""

    path: Path
    """The file, as it was named."""
    measured: str
    """When it was done: ISO 8601, UTC."""
    machine: Machine
    """Where it ran."""
    scenario: str
    """What was timed: ``latency``, ``throughput``, ``periodic`` or ``cold-start``."""
    processes: int
    """Processes that were asked for, for each configuration."""
    rounds: int
    """Rounds of processes that were done; fewer after Ctrl-C."""


class ComparedFigures(TypedDict):
    """A configuration's figures in one of two benchmarks."""

    engine: str
    """What ran it, with version."""
    p50_us: float | None
    """Median time in µs of all calls of all processes; None where there were too few samples."""
    images_per_second: float | None
    """Throughput of all processes; None where it was not measured."""
    median_us: float
    """Median over processes of their median times in µs: what ``ratio`` is of, but for throughput."""
    median_images_per_second: float | None
    """Median over processes of their throughput: what ``ratio`` is of for throughput; None where it was not
    measured."""
    process_medians_us: tuple[float, ...]
    """Median time in µs of each process."""
    process_images_per_second: tuple[float, ...]
    """Throughput of each process; none where it was not measured."""
    verdict: str
    """How far its bench trusts it: ``STABLE``, ``NOISY``, ``DRIFTING`` or ``THROTTLED``."""


@dataclass(frozen=True)
class ComparedModel(Key):
    """One configuration in two benchmarks."""

    old: ComparedFigures
    """Its figures in the benchmark that is compared with."""
    new: ComparedFigures
    """Its figures in the other."""
    ratio: float
    """New by old: of ``median_us``, or for throughput of ``median_images_per_second``."""
    low: float | None
    """Lower end of its 95% interval; None where a side has fewer than 5 processes."""
    high: float | None
    """Upper end of the same."""
    verdict: str
    """``faster``, ``slower``, ``alike`` or ``cannot tell``."""
    notes: tuple[str, ...]
    """Why it cannot be told, and what speaks against a side's figures."""


class ComparedPair(TypedDict):
    """Two benchmarks beside each other."""

    new: ComparedFile
    """The one that is held against the old one."""
    results: list[ComparedModel]
    """Every configuration that both have, in the order of the old one."""
    only_old: list[Key]
    """Configurations that the new one has not."""
    only_new: list[Key]
    """Configurations that the old one has not."""


class ComparisonBody(TypedDict):
    """The content of the JSON of `fmnist compare`."""

    least_change: float
    """What an interval must lie beyond for faster or slower, and within for alike; 0.05 is 5%."""
    old: ComparedFile
    """The benchmark that is compared with."""
    comparisons: list[ComparedPair]
    """One for each of the others."""


def comparison_body(comparisons: Sequence[Comparison]) -> ComparisonBody:
    """Every ratio beside the processes' figures that it was made from."""
    return {
        "least_change": LEAST_CHANGE,
        "old": _file(comparisons[0].old),
        "comparisons": [
            {
                "new": _file(comparison.new),
                "results": [_model(change) for change in comparison.changes],
                "only_old": comparison.only_old,
                "only_new": comparison.only_new,
            }
            for comparison in comparisons
        ],
    }


def _file(side: Recorded) -> ComparedFile:
    return {
        "path": side.path,
        "measured": side.measured,
        "machine": side.machine,
        "scenario": side.scenario,
        "processes": side.processes,
        "rounds": side.rounds,
    }


def _model(change: Change) -> ComparedModel:
    return ComparedModel(
        **vars(change.key),
        old=_figures(change.old),
        new=_figures(change.new),
        ratio=change.ratio.value,
        low=change.ratio.low,
        high=change.ratio.high,
        verdict=change.verdict,
        notes=change.notes,
    )


def _figures(figures: Figures) -> ComparedFigures:
    p50 = figures.percentiles["p50"]
    return {
        "engine": figures.engine,
        "p50_us": p50.value if p50 else None,
        "images_per_second": figures.images_per_second.value if figures.images_per_second else None,
        "median_us": figures.median_us,
        "median_images_per_second": figures.median_rate,
        "process_medians_us": figures.process_medians_us,
        "process_images_per_second": figures.process_rates,
        "verdict": figures.verdict,
    }
