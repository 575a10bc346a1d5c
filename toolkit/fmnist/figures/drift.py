"""How accuracy changed by class, a column for each artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fmnist.runs.results import ModelResults
from fmnist.text.tables import points
from fmnist_runtime.parity.changes import ClassChange

_MOST_CLASSES = 40
"""Rows that a person looks at; of more classes, those that changed most."""
_STEPS = (0.0, 0.002, 0.005, 0.01)
"""Beyond these changes a cell has the next deeper colour: in points 0, 0.2, 0.5 and 1."""


@dataclass(frozen=True)
class Cell:
    """A class of an artifact."""

    value: float | None
    """Change in its accuracy; None where the class has no images."""
    shown: str
    """The same in points, as text."""
    classes: str
    """CSS classes of its colour: ``good`` or ``bad``, and how deep; or ``neutral``."""
    told: str
    """How many images got worse and better."""


@dataclass(frozen=True)
class Row:
    """A class."""

    label: str
    """Its name."""
    images: int
    """How many images of it there are."""
    accuracy: float
    """Share of them that the original has right; NaN where there are none."""
    cells: tuple[Cell, ...]
    """One for each artifact."""


@dataclass(frozen=True)
class DriftTable:
    """What changed, by class and artifact."""

    columns: tuple[tuple[int, str], ...]
    """The artifacts that were compared: place among all models, and name."""
    rows: tuple[Row, ...]
    """The classes, in their order."""
    classes: int
    """How many classes there are, shown or not."""
    message: str
    """Which class lost most; empty where none did."""


def drift_table(labels: Sequence[str], models: Sequence[ModelResults]) -> DriftTable | None:
    """The change of every class's accuracy in every artifact that was compared; None where none was.

    Args:
        labels: Class names, by class index.
        models: The original, and what was made of it.
    """
    compared = [(mark, model.name, model.parity) for mark, model in enumerate(models) if model.parity]
    if not compared:
        return None
    changes = [parity.changes.classes for _, _, parity in compared]
    by_class = list(zip(*changes, strict=True))
    most = sorted(by_class, key=lambda row: -max(abs(_difference(change)) for change in row))[:_MOST_CLASSES]
    rows = [_row(labels, row) for row in sorted(most, key=lambda row: row[0].index)]
    columns = tuple((mark, name) for mark, name, _ in compared)
    message = _message(labels, [name for _, name in columns], by_class)
    return DriftTable(columns, tuple(rows), len(labels), message)


def _row(labels: Sequence[str], row: Sequence[ClassChange]) -> Row:
    first = row[0]
    return Row(labels[first.index], first.images, first.reference_accuracy, tuple(map(_cell, row)))


def _cell(change: ClassChange) -> Cell:
    if not change.images:
        return Cell(None, "–", "neutral", "no images of this class")
    difference = _difference(change)
    depth = sum(abs(difference) > step for step in _STEPS)
    classes = f"{'good' if difference > 0 else 'bad'} depth-{depth}" if depth else "neutral"
    told = f"{change.worse:,} worse, {change.better:,} better of {change.images:,} images"
    return Cell(difference, points(difference), classes, told)


def _difference(change: ClassChange) -> float:
    """In accuracy: exact, as counted; 0 where there is nothing to count."""
    return (change.better - change.worse) / change.images if change.images else 0.0


def _message(labels: Sequence[str], names: Sequence[str], by_class: Sequence[Sequence[ClassChange]]) -> str:
    cells = [(change, name) for row in by_class for change, name in zip(row, names, strict=True)]
    change, name = min(cells, key=lambda cell: _difference(cell[0]))
    lost = _difference(change)
    if lost >= 0:
        return ""
    return f"Most was lost by {labels[change.index]} in {name}: {points(lost)} points."
