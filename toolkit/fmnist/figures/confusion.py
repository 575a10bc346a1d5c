"""The confusion matrix, and the most frequent confusions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fmnist.figures.standalone import picture
from fmnist.figures.svg import Drawing, group, hover, rectangle, tag, text, text_width
from fmnist.runs.results import ModelResults
from fmnist.text.tables import shortened
from fmnist_runtime.evaluate import Evaluation

_MOST_CLASSES = 40
"""A matrix of more classes has no room for numbers, and on a page only the confusions are listed."""
_LISTED = 12
_LISTED_ALONE = 50
"""Most confusions in the list, where the page has a matrix and where it has none."""
_CELL, _SMALL_CELL = (46.0, 28.0), (15.0, 15.0)
_LONGEST = 24
"""Characters of a class name."""
_SLOPE = 60
"""Angle in degrees of the names of columns."""
_HEAT = 0.45
"""Opacity of the strongest colour, on which a number is still easy to read."""


@dataclass(frozen=True)
class Confused:
    """The images of one class that were taken for another."""

    true: int
    """Their class."""
    answer: int
    """The answer."""
    images: int
    """How many there are."""
    share: float
    """Their share of the images of the class."""


def most_confused(evaluation: Evaluation) -> tuple[Confused, ...]:
    """Return the most frequent confusions, most frequent first; of equal ones the lower class first."""
    matrix = evaluation.confusion
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    listed = _LISTED if len(matrix) <= _MOST_CLASSES else _LISTED_ALONE
    order = np.argsort(-wrong, axis=None, kind="stable")[:listed]
    places = (divmod(int(place), len(matrix)) for place in order)
    return tuple(
        Confused(true, answer, int(wrong[true, answer]), float(wrong[true, answer] / matrix[true].sum()))
        for true, answer in places
        if wrong[true, answer]
    )


def confusion_data(models: Sequence[ModelResults]) -> list[dict[str, Any] | None]:
    """Return what the page's script shows of each model: the matrix if it is small enough, and the list."""
    return [_model_data(model.evaluation) if model.evaluation else None for model in models]


def _model_data(evaluation: Evaluation) -> dict[str, Any]:
    matrix = evaluation.confusion
    return {
        "matrix": matrix.tolist() if len(matrix) <= _MOST_CLASSES else None,
        "most": [[item.true, item.answer, item.images, item.share] for item in most_confused(evaluation)],
    }


def confusion_picture(confusion: NDArray[np.int64], labels: Sequence[str], title: str) -> str:
    """Return the confusion matrix as an SVG file: true classes in rows, answers in columns.

    The matrix is int64 ``[classes, classes]``, the labels are by class index.
    """
    key = (
        "Rows are true classes, columns are answers. Blue cells are right answers, deeper with their share "
        "of the class; orange cells are confusions, deeper with their number."
    )
    return picture(title, [("", draw_confusion(confusion, labels))], key=[key])


def draw_confusion(confusion: NDArray[np.int64], labels: Sequence[str]) -> Drawing:
    """Draw the confusion matrix; arguments as of `confusion_picture`."""
    names = [shortened(label, _LONGEST) for label in labels]
    widest = max(map(text_width, names)) + 8
    has_numbers = len(labels) <= _MOST_CLASSES
    width, height = _CELL if has_numbers else _SMALL_CELL
    rise = math.sin(math.radians(_SLOPE))
    left, top = widest, rise * widest + 10
    size = left + len(labels) * width + math.sqrt(1 - rise**2) * widest, top + len(labels) * height + 4
    classes = confusion.sum(axis=1)
    most = max(1, int((confusion - np.diag(np.diag(confusion))).max()))
    parts = []
    for index, name in enumerate(names):
        x, y = left + (index + 0.5) * width, top + (index + 0.5) * height
        parts.append(text((left - 8, y + 4), name, "tick", "end"))
        turn = f"translate({x:.1f} {top - 6:.1f}) rotate({-_SLOPE})"
        parts.append(tag("text", name, class_="tick", transform=turn))
    for (row, column), count in np.ndenumerate(confusion):
        place = left + column * width, top + row * height
        middle = place[0] + width / 2, place[1] + height / 2 + 4
        if count:
            share = count / classes[row] if row == column else math.sqrt(count / most)
            words = f"true class {labels[row]}, answer {labels[column]}: {count:,} of {classes[row]:,} images"
            cell = rectangle(
                (place[0] + 1, place[1] + 1),
                (width - 2, height - 2),
                "cell",
                hover(words),
                fill_opacity=f"{_HEAT * share if has_numbers else share:.3f}",
            )
            parts.append(group("right" if row == column else "wrong", cell))
        if has_numbers:
            parts.append(text(middle, f"{count}", "number" if count else "tick", "middle"))
    right, images = int(np.trace(confusion)), int(classes.sum())
    message = f"Confusion matrix of {len(labels)} classes: {right:,} of {images:,} answers are right."
    return Drawing(size, message, Markup("").join(parts))
