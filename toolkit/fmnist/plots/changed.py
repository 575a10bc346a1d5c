"""The images that a converted model answers otherwise than its original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fmnist.plots.style import GREEN, GREY, RED, new_figure, show_image
from fmnist.text.tables import shortened
from fmnist_runtime.parity.changes import Flips

SHOWN = 30
_COLUMNS = 6
_LEAST_COLUMNS = 4
"""What the title takes."""
_LONGEST = 12
_LONGEST_NAME = 32
_WORSE, _BETTER, _WRONG = "✗", "✓", "·"
_COLOURS = {_WORSE: RED, _BETTER: GREEN, _WRONG: GREY}


def changed_figure(
    images: NDArray[np.uint8], flips: Flips, labels: Sequence[str], names: tuple[str, str]
) -> Figure:
    """A grid of at most 30 images whose answer changed, those first that the original was surest of.

    Above each stand what the original said and what the converted model says now, with their margins;
    below, the true class and the number. The mark says what the colour does, for eyes that cannot tell it.

    Args:
        images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, the test split.
        flips: The changed answers, one or more.
        labels: Class names, by class index.
        names: What the original and the converted model are called.
    """
    marks = [_mark(*classes) for classes in zip(flips.true, flips.reference, flips.candidate, strict=True)]
    # Sorting keeps the order of equal ones, which is that of the images.
    order = sorted(range(len(marks)), key=lambda entry: -flips.reference_margin[entry])[:SHOWN]
    columns = min(max(len(order), _LEAST_COLUMNS), _COLUMNS)
    rows = -(-len(order) // columns)
    figure = new_figure(2.2 * columns, 2.8 * rows + 0.9)
    for place, entry in enumerate(order):
        axes = figure.add_subplot(rows, columns, place + 1)
        show_image(axes, images[flips.images[entry]])
        _caption(axes, flips, entry, marks[entry], labels)
    figure.suptitle(_title(marks, names), x=0.01, ha="left", fontsize=12, parse_math=False)
    return figure


def _mark(true: int, before: int, after: int) -> str:
    if before == true:
        return _WORSE
    return _BETTER if after == true else _WRONG


def _caption(axes: Axes, flips: Flips, entry: int, mark: str, labels: Sequence[str]) -> None:
    true, before, after = (
        shortened(labels[classes[entry]], _LONGEST)
        for classes in (flips.true, flips.reference, flips.candidate)
    )
    axes.set_title(
        f"was {before} {_by(flips.reference_margin[entry])}\n"
        f"{mark} now {after} {_by(flips.candidate_margin[entry])}",
        color=_COLOURS[mark],
        fontsize=9,
        fontweight="bold",
        parse_math=False,
    )
    axes.set_xlabel(f"is {true} · no. {flips.images[entry]}", color=GREY, fontsize=9, parse_math=False)


def _by(margin: float) -> str:
    return f"by {margin:.3f}" if margin else "in a tie"


def _title(marks: Sequence[str], names: tuple[str, str]) -> str:
    original, candidate = (shortened(name, _LONGEST_NAME) for name in names)
    counts = Counter(marks)
    return (
        f"{candidate} against {original}\n"
        f"{min(len(marks), SHOWN)} of {len(marks):,} changed answers, with their margins; "
        "the original's surest first\n"
        f"{_WORSE} {counts[_WORSE]:,} worse, {_BETTER} {counts[_BETTER]:,} better, "
        f"{_WRONG} {counts[_WRONG]:,} wrong to wrong"
    )
