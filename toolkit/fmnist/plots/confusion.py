"""Which classes a model takes for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fmnist.plots.style import new_figure
from fmnist.text.tables import shortened

_LONGEST = 24
_MOST_COUNTED = 40
"""Beyond so many classes the cells are too small for numbers, and colour alone tells."""


def confusion_figure(confusion: NDArray[np.int64], labels: Sequence[str], title: str) -> Figure:
    """The confusion matrix: true classes in rows, answers in columns, images in each cell.

    Args:
        confusion: int64 ``[classes, classes]``.
        labels: Class names, by class index.
        title: What it is of.
    """
    classes = len(labels)
    side = 0.62 * min(classes, _MOST_COUNTED)
    figure = new_figure(max(side + 2.8, 5), max(side + 1.5, 4))
    axes = figure.add_subplot()
    # Even in perception, and the same to colour-blind eyes (https://doi.org/10.1371/journal.pone.0199239).
    shown = axes.imshow(confusion, cmap="cividis", vmin=0)
    names = [shortened(label, _LONGEST) for label in labels]
    axes.set_xticks(range(classes), names, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(range(classes), names, parse_math=False)
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    axes.set_title(title, parse_math=False)
    figure.colorbar(shown, label="images", shrink=0.8)
    if classes <= _MOST_COUNTED:
        middle = confusion.max() / 2
        for (row, column), count in np.ndenumerate(confusion):
            colour = "black" if count > middle else "white"
            axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=9)
    return figure
