"""What `fmnist compare` reports: tables for people, Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fmnist.bench.compare import (
    ALIKE,
    CANNOT_TELL,
    FASTER,
    LEAST_CHANGE,
    SLOWER,
    BenchmarkComparison,
    ComparedFigures,
    ComparedFile,
    ComparedModel,
    ComparedPair,
)
from fmnist.bench.record import names_of
from fmnist.text.tables import ABSENT, markdown, markdown_text, microseconds, milliseconds, printable, table

_VERDICTS = (SLOWER, FASTER, ALIKE, CANNOT_TELL)
Row = tuple[ComparedPair, ComparedModel]
Column = tuple[str, Callable[[Row], str]]
"""A title, and the cell of a row."""
Table = tuple[list[str], list[list[str]], int]
"""Header, rows, and how many columns are left-aligned."""


def comparison_text(comparison: BenchmarkComparison) -> str:
    """Return the machines, all configurations and the remarks for a terminal."""
    files, remarks = ("\n".join(map(printable, lines(comparison))) for lines in (_files, _remarks))
    return "\n\n".join([files, table(*_table(comparison)), remarks])


def comparison_markdown(comparison: BenchmarkComparison) -> str:
    """Return the same in GitHub's Markdown."""
    verdicts = [model.verdict for pair in comparison.comparisons for model in pair.results]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in _VERDICTS)
    parts = [
        f"### Compare: {counts}",
        "\n".join(f"- {markdown_text(line)}" for line in _files(comparison)),
        markdown(*_table(comparison)),
        "\n".join(f"- {markdown_text(line)}" for line in _remarks(comparison)),
    ]
    return "\n\n".join(parts) + "\n"


def _files(comparison: BenchmarkComparison) -> list[str]:
    """Return the machine of each file, and warnings about the pairing."""
    old, others = comparison.old, [pair.new for pair in comparison.comparisons]
    sides = [("old", old), *(("new", new) for new in others)]
    lines = [f"{role}: {side.path}: {side.measured}, {_machine(side)}" for role, side in sides]
    if any(new.machine.cpu != old.machine.cpu for new in others):
        lines.append("the machines differ: new/old compares machines and models together")
    if any(new.path.absolute() == old.path.absolute() for new in others):
        lines.append(f"{old.path} is compared with itself: give another file as NEW")
    return lines


def _machine(file: ComparedFile) -> str:
    machine = file.machine
    cores = f"{machine.cores} core{'s'[: machine.cores != 1]}"
    return ", ".join(part for part in (machine.cpu, machine.machine, cores, machine.system) if part)


def _table(comparison: BenchmarkComparison) -> Table:
    """Return a row for each configuration and new file, grouped by configuration."""
    pairs = comparison.comparisons
    keys = [*(model.key for model in pairs[0].results), *pairs[0].only_old]  # all of the old benchmark
    rows = [(pair, model) for key in keys for pair in pairs for model in pair.results if model.key == key]
    which = _which(rows, several_files=len(pairs) > 1)
    what, cell = {"throughput": ("images/s", _rate), "cold-start": ("p50 ms", _time(milliseconds))}.get(
        comparison.old.scenario, ("p50 µs", _time(microseconds))
    )
    columns: list[Column] = [
        *which,
        (f"old {what}", lambda row: cell(row[1].old)),
        (f"new {what}", lambda row: cell(row[1].new)),
        ("new/old", lambda row: _ratio(row[1].ratio)),
        ("95% interval", lambda row: _interval(row[1])),
        ("verdict", lambda row: row[1].verdict),
    ]
    return [title for title, _ in columns], [[cell(row) for _, cell in columns] for row in rows], len(which)


def _which(rows: Sequence[Row], several_files: bool) -> list[Column]:
    """Return the columns that identify a row; threads, batch and file only if there are several."""
    columns: list[Column] = [("model", lambda row: row[1].name), ("engine", _engine)]
    if len({model.threads for _, model in rows}) > 1:
        columns.append(("threads", lambda row: str(row[1].threads)))
    if len({model.batch for _, model in rows}) > 1:
        columns.append(("batch", lambda row: str(row[1].batch)))
    if several_files:
        columns.append(("new", lambda row: str(row[0].new.path)))
    return columns


def _engine(row: Row) -> str:
    """Return what ran it, with both versions where they differ."""
    old, new = row[1].old.engine, row[1].new.engine
    return old if old == new else f"{old}, then {new}"


def _time(show: Callable[[float], str]) -> Callable[[ComparedFigures], str]:
    return lambda figures: show(figures.median_us)


def _rate(figures: ComparedFigures) -> str:
    rate = figures.median_images_per_second
    return ABSENT if rate is None else f"{rate:,.0f}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if 0.1 <= value < 10 else f"{value:,.3g}"


def _interval(model: ComparedModel) -> str:
    low, high = model.low, model.high
    return ABSENT if low is None or high is None else f"{_ratio(low)} to {_ratio(high)}"


def _remarks(comparison: BenchmarkComparison) -> list[str]:
    """Return each warning once, with its models; what is missing; and how to read the table."""
    notes: dict[str, list[str]] = {}
    missing = []
    old = comparison.old
    for pair in comparison.comparisons:
        keys = [model.key for model in pair.results]
        names = names_of([*keys, *pair.only_old, *pair.only_new])
        for key, model in zip(keys, pair.results, strict=True):
            for note in model.notes:
                notes.setdefault(note, []).append(names[key])
        for side, other, only in ((old, pair.new, pair.only_old), (pair.new, old, pair.only_new)):
            if only:
                listed = ", ".join(names[key] for key in only)
                missing.append(f"in {side.path}, but not in {other.path}: {listed}")
    warnings = [f"{', '.join(dict.fromkeys(named))}: {note}" for note, named in notes.items()]
    return [*warnings, *missing, _HOW]


_WITHIN = f"{100 * LEAST_CHANGE:g}%"
_HOW = (
    f"old and new: medians over processes; new/old: their ratio; {FASTER} or {SLOWER}: the whole interval "
    f"lies beyond {_WITHIN}; {ALIKE}: it lies within, as two runs of the same model may differ by that much"
)
