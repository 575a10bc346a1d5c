"""Change of accuracy by class, a column for each artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fmnist.runs.results import ModelResults
from fmnist.text.tables import points
from fmnist_runtime.parity.changes import ClassChange

_MOST_CLASSES = 40
"""Most rows; of more classes, those that changed most."""
_STEPS = (0.0, 0.002, 0.005, 0.01)
"""Beyond each of these changes the colour is deeper: 0, 0.2, 0.5 and 1 percentage points."""


@dataclass(frozen=True)
class DriftCell:
    """One class of one artifact."""

    value: float | None
    """Change of the accuracy; None where the class has no images."""
    shown: str
    """The change in percentage points, as text."""
    classes: str
    """CSS classes of the colour: ``good`` or ``bad`` with the depth, or ``neutral``."""
    tooltip: str
    """How many answers got worse and better."""


@dataclass(frozen=True)
class ClassDrift:
    """One class in all artifacts."""

    label: str
    """Name of the class."""
    images: int
    """Number of its images."""
    accuracy: float
    """Accuracy of the original; NaN without images."""
    cells: tuple[DriftCell, ...]
    """One for each artifact."""


@dataclass(frozen=True)
class DriftTable:
    """The changes by class and artifact."""

    columns: tuple[tuple[int, str], ...]
    """The artifacts that were compared: index among all models, and name."""
    rows: tuple[ClassDrift, ...]
    """The classes, in their order."""
    classes: int
    """Number of all classes."""
    message: str
    """The class with the greatest loss, as a sentence; empty where no class lost."""


def drift_table(labels: Sequence[str], models: Sequence[ModelResults]) -> DriftTable | None:
    """Return the change of each class in each artifact that was compared; None where none was."""
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


def _row(labels: Sequence[str], row: Sequence[ClassChange]) -> ClassDrift:
    first = row[0]
    return ClassDrift(labels[first.index], first.images, first.reference_accuracy, tuple(map(_cell, row)))


def _cell(change: ClassChange) -> DriftCell:
    if not change.images:
        return DriftCell(None, "–", "neutral", "no images of this class")
    difference = _difference(change)
    depth = sum(abs(difference) > step for step in _STEPS)
    classes = f"{'good' if difference > 0 else 'bad'} depth-{depth}" if depth else "neutral"
    tooltip = f"{change.worse:,} worse, {change.better:,} better of {change.images:,} images"
    return DriftCell(difference, points(difference), classes, tooltip)


def _difference(change: ClassChange) -> float:
    """Return the change of the accuracy; 0 without images."""
    return (change.better - change.worse) / change.images if change.images else 0.0


def _message(labels: Sequence[str], names: Sequence[str], by_class: Sequence[Sequence[ClassChange]]) -> str:
    cells = [(change, name) for row in by_class for change, name in zip(row, names, strict=True)]
    change, name = min(cells, key=lambda cell: _difference(cell[0]))
    lost = _difference(change)
    if lost >= 0:
        return ""
    return f"{labels[change.index]} lost most, in {name}: {points(lost)} points."
