"""What `fmnist compare` says: tables for people, and Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fmnist.bench.compare import (
    ALIKE,
    CANNOT_TELL,
    FASTER,
    LEAST_CHANGE,
    SLOWER,
    Change,
    Comparison,
)
from fmnist.bench.reading import Figures, Recorded, names_of
from fmnist.text.tables import ABSENT, markdown, markdown_text, microseconds, milliseconds, printable, table

_VERDICTS = (SLOWER, FASTER, ALIKE, CANNOT_TELL)
Row = tuple[Comparison, Change]
Column = tuple[str, Callable[[Row], str]]
"""A title, and the cell of a row."""
Table = tuple[list[str], list[list[str]], int]
"""Header, rows, and how many columns stand left."""


def comparison_text(comparisons: Sequence[Comparison]) -> str:
    """For a terminal: which machines, every configuration, and what else is to be said.

    Args:
        comparisons: At least one, all with the same old benchmark.
    """
    files, remarks = ("\n".join(map(printable, lines(comparisons))) for lines in (_files, _remarks))
    return "\n\n".join([files, table(*_table(comparisons)), remarks])


def comparison_markdown(comparisons: Sequence[Comparison]) -> str:
    """The same in GitHub's Markdown."""
    verdicts = [change.verdict for comparison in comparisons for change in comparison.changes]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in _VERDICTS)
    parts = [
        f"### Compare: {counts}",
        "\n".join(f"- {markdown_text(line)}" for line in _files(comparisons)),
        markdown(*_table(comparisons)),
        "\n".join(f"- {markdown_text(line)}" for line in _remarks(comparisons)),
    ]
    return "\n\n".join(parts) + "\n"


def _files(comparisons: Sequence[Comparison]) -> list[str]:
    """The machine of each file, and whether it is always the same."""
    old = comparisons[0].old
    sides = [("old", old), *(("new", comparison.new) for comparison in comparisons)]
    lines = [f"{role}: {side.path}: {side.measured}, {_machine(side)}" for role, side in sides]
    if any(side.machine.cpu != old.machine.cpu for _, side in sides):
        lines.append("the machines differ: new/old is of machines and models together")
    if any(comparison.new.path.absolute() == old.path.absolute() for comparison in comparisons):
        lines.append(f"{old.path} is held against itself: give another one as NEW")
    return lines


def _machine(side: Recorded) -> str:
    machine = side.machine
    cores = f"{machine.cores} core{'s'[: machine.cores != 1]}"
    return ", ".join(part for part in (machine.cpu, machine.machine, cores, machine.system) if part)


def _table(comparisons: Sequence[Comparison]) -> Table:
    """A row for each configuration and new file, those of one configuration one below the other."""
    old = comparisons[0].old
    rows = [
        (comparison, change)
        for key in old.figures
        for comparison in comparisons
        for change in comparison.changes
        if change.key == key
    ]
    which = _which(comparisons)
    what, cell = {"throughput": ("images/s", _rate), "cold-start": ("p50 ms", _time(milliseconds))}.get(
        old.scenario, ("p50 µs", _time(microseconds))
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


def _which(comparisons: Sequence[Comparison]) -> list[Column]:
    """What tells rows apart; threads, batches and files where there are several."""
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
    """What ran it, with both versions where they differ."""
    old, new = row[1].old.engine, row[1].new.engine
    return old if old == new else f"{old}, then {new}"


def _time(show: Callable[[float], str]) -> Callable[[Figures], str]:
    return lambda figures: show(figures.median_us)


def _rate(figures: Figures) -> str:
    return ABSENT if figures.median_rate is None else f"{figures.median_rate:,.0f}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if 0.1 <= value < 10 else f"{value:,.3g}"


def _interval(change: Change) -> str:
    low, high = change.ratio.low, change.ratio.high
    return ABSENT if low is None or high is None else f"{_ratio(low)} to {_ratio(high)}"


def _remarks(comparisons: Sequence[Comparison]) -> list[str]:
    """What speaks against figures, once for all models it holds for; what is missing; how to read it."""
    notes: dict[str, list[str]] = {}
    missing = []
    for comparison in comparisons:
        old, new = comparison.old, comparison.new
        names = names_of([*old.figures, *comparison.only_new])
        for change in comparison.changes:
            for note in change.notes:
                notes.setdefault(note, []).append(names[change.key])
        for side, keys in ((old, comparison.only_old), (new, comparison.only_new)):
            if keys:
                other = new if side is old else old
                listed = ", ".join(names[key] for key in keys)
                missing.append(f"in {side.path}, but not in {other.path}: {listed}")
    doubts = [f"{', '.join(dict.fromkeys(named))}: {note}" for note, named in notes.items()]
    return [*doubts, *missing, _HOW]


_WITHIN = f"{100 * LEAST_CHANGE:g}%"
_HOW = (
    f"old and new: medians over processes; new/old: their ratio; {FASTER} or {SLOWER} is what lies beyond "
    f"{_WITHIN} with its whole interval, {ALIKE} what lies within, as two runs of the same may be "
    "that far apart"
)
