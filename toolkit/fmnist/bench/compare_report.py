"""What `fmnist compare` reports: tables for people, Markdown for a pull request, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fmnist.bench.compare import (
    ALIKE,
    CANNOT_TELL,
    FASTER,
    LEAST_CHANGE,
    SLOWER,
    BenchmarkComparison,
    Change,
)
from fmnist.bench.reading import BenchmarkFile, names_of
from fmnist.results.timed import Key, TimedModel
from fmnist.text.tables import ABSENT, markdown, markdown_text, microseconds, milliseconds, printable, table
from fmnist_runtime.machine.environment import Environment

_VERDICTS = (SLOWER, FASTER, ALIKE, CANNOT_TELL)
Row = tuple[BenchmarkComparison, Change]
Column = tuple[str, Callable[[Row], str]]
"""A title, and the cell of a row."""
Table = tuple[list[str], list[list[str]], int]
"""Header, rows, and how many columns are left-aligned."""


@dataclass(frozen=True)
class ComparedFile:
    """One benchmark of a comparison."""

    path: Path
    """The file, as it was named."""
    measured: str
    """When it was done: ISO 8601, UTC."""
    machine: Environment
    """Where it ran."""
    scenario: str
    """What was timed: ``latency``, ``throughput``, ``periodic`` or ``cold-start``."""
    processes: int
    """Processes that were asked for, for each configuration."""
    rounds: int
    """Rounds of processes that were done; fewer after Ctrl-C."""


@dataclass(frozen=True)
class ComparedFigures:
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
    process_images_per_second: list[float]
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
    """Why there is no verdict, and warnings about either side's figures."""


@dataclass(frozen=True)
class ComparedPair:
    """Two benchmarks beside each other."""

    new: ComparedFile
    """The one that is compared with the old one."""
    results: list[ComparedModel]
    """Every configuration that both have, in the order of the old one."""
    only_old: list[Key]
    """Configurations that the new one has not."""
    only_new: list[Key]
    """Configurations that the old one has not."""


@dataclass(frozen=True)
class ComparisonBody:
    """The content of the JSON of `fmnist compare`."""

    least_change: float
    """What an interval must lie beyond for faster or slower, and within for alike; 0.05 is 5%."""
    old: ComparedFile
    """The benchmark that is compared with."""
    comparisons: list[ComparedPair]
    """One for each of the others."""


def comparison_body(comparisons: Sequence[BenchmarkComparison]) -> ComparisonBody:
    """Return every ratio, beside the processes' figures that it was made from."""
    pairs = [
        ComparedPair(_file(pair.new), list(map(_model, pair.changes)), pair.only_old, pair.only_new)
        for pair in comparisons
    ]
    return ComparisonBody(LEAST_CHANGE, _file(comparisons[0].old), pairs)


def _file(file: BenchmarkFile) -> ComparedFile:
    done = file.benchmark
    return ComparedFile(
        path=file.path,
        measured=done.measured,
        machine=file.environment,
        scenario=done.method.scenario,
        processes=done.method.processes,
        rounds=done.rounds,
    )


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


def _figures(model: TimedModel) -> ComparedFigures:
    return ComparedFigures(
        engine=model.engine,
        p50_us=model.p50_us.value if model.p50_us else None,
        images_per_second=model.images_per_second.value if model.images_per_second else None,
        median_us=model.median_us,
        median_images_per_second=model.median_rate,
        process_medians_us=model.process_medians_us,
        process_images_per_second=model.process_rates,
        verdict=model.verdict,
    )


def comparison_text(comparisons: Sequence[BenchmarkComparison]) -> str:
    """Return the machines, all configurations and the remarks for a terminal.

    Args:
        comparisons: At least one, all with the same old benchmark.
    """
    files, remarks = ("\n".join(map(printable, lines(comparisons))) for lines in (_files, _remarks))
    return "\n\n".join([files, table(*_table(comparisons)), remarks])


def comparison_markdown(comparisons: Sequence[BenchmarkComparison]) -> str:
    """Return the same in GitHub's Markdown."""
    verdicts = [change.verdict for comparison in comparisons for change in comparison.changes]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in _VERDICTS)
    parts = [
        f"### Compare: {counts}",
        "\n".join(f"- {markdown_text(line)}" for line in _files(comparisons)),
        markdown(*_table(comparisons)),
        "\n".join(f"- {markdown_text(line)}" for line in _remarks(comparisons)),
    ]
    return "\n\n".join(parts) + "\n"


def _files(comparisons: Sequence[BenchmarkComparison]) -> list[str]:
    """Return the machine of each file, and warnings about the pairing."""
    old = comparisons[0].old
    sides = [("old", old), *(("new", comparison.new) for comparison in comparisons)]
    lines = [f"{role}: {side.path}: {side.benchmark.measured}, {_machine(side)}" for role, side in sides]
    if any(side.environment.cpu != old.environment.cpu for _, side in sides):
        lines.append("the machines differ: new/old compares machines and models together")
    if any(comparison.new.path.absolute() == old.path.absolute() for comparison in comparisons):
        lines.append(f"{old.path} is compared with itself: give another file as NEW")
    return lines


def _machine(side: BenchmarkFile) -> str:
    machine = side.environment
    cores = f"{machine.cores} core{'s'[: machine.cores != 1]}"
    return ", ".join(part for part in (machine.cpu, machine.machine, cores, machine.system) if part)


def _table(comparisons: Sequence[BenchmarkComparison]) -> Table:
    """Return a row for each configuration and new file, grouped by configuration."""
    old = comparisons[0].old
    rows = [
        (comparison, change)
        for key in old.by_key
        for comparison in comparisons
        for change in comparison.changes
        if change.key == key
    ]
    which = _which(comparisons)
    what, cell = {"throughput": ("images/s", _rate), "cold-start": ("p50 ms", _time(milliseconds))}.get(
        old.benchmark.method.scenario, ("p50 µs", _time(microseconds))
    )
    columns: list[Column] = [
        *which,
        (f"old {what}", lambda row: cell(row[1].old)),
        (f"new {what}", lambda row: cell(row[1].new)),
        ("new/old", lambda row: _ratio(row[1].ratio.value)),
        ("95% interval", lambda row: _interval(row[1])),
        ("verdict", lambda row: row[1].verdict),
    ]
    return [title for title, _ in columns], [[cell(row) for _, cell in columns] for row in rows], len(which)


def _which(comparisons: Sequence[BenchmarkComparison]) -> list[Column]:
    """Return the columns that identify a row; threads, batch and file only if there are several."""
    keys = [change.key for comparison in comparisons for change in comparison.changes]
    columns: list[Column] = [("model", lambda row: row[1].key.name), ("engine", _engine)]
    if len({key.threads for key in keys}) > 1:
        columns.append(("threads", lambda row: str(row[1].key.threads)))
    if len({key.batch for key in keys}) > 1:
        columns.append(("batch", lambda row: str(row[1].key.batch)))
    if len(comparisons) > 1:
        columns.append(("new", lambda row: str(row[0].new.path)))
    return columns


def _engine(row: Row) -> str:
    """Return what ran it, with both versions where they differ."""
    old, new = row[1].old.engine, row[1].new.engine
    return old if old == new else f"{old}, then {new}"


def _time(show: Callable[[float], str]) -> Callable[[TimedModel], str]:
    return lambda model: show(model.median_us)


def _rate(model: TimedModel) -> str:
    return ABSENT if model.median_rate is None else f"{model.median_rate:,.0f}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if 0.1 <= value < 10 else f"{value:,.3g}"


def _interval(change: Change) -> str:
    low, high = change.ratio.low, change.ratio.high
    return ABSENT if low is None or high is None else f"{_ratio(low)} to {_ratio(high)}"


def _remarks(comparisons: Sequence[BenchmarkComparison]) -> list[str]:
    """Return each warning once, with its models; what is missing; and how to read the table."""
    notes: dict[str, list[str]] = {}
    missing = []
    for comparison in comparisons:
        old, new = comparison.old, comparison.new
        names = names_of([*old.by_key, *comparison.only_new])
        for change in comparison.changes:
            for note in change.notes:
                notes.setdefault(note, []).append(names[change.key])
        for side, keys in ((old, comparison.only_old), (new, comparison.only_new)):
            if keys:
                other = new if side is old else old
                listed = ", ".join(names[key] for key in keys)
                missing.append(f"in {side.path}, but not in {other.path}: {listed}")
    warnings = [f"{', '.join(dict.fromkeys(named))}: {note}" for note, named in notes.items()]
    return [*warnings, *missing, _HOW]


_WITHIN = f"{100 * LEAST_CHANGE:g}%"
_HOW = (
    f"old and new: medians over processes; new/old: their ratio; {FASTER} or {SLOWER}: the whole interval "
    f"lies beyond {_WITHIN}; {ALIKE}: it lies within, as two runs of the same model may differ by that much"
)
