"""Test images with what the model said of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fmnist.figures.answers import Answer
from fmnist.plots.style import GREEN, GREY, RED, new_figure, show_image
from fmnist.text.tables import percent, shortened

_COLUMNS = 5
_LONGEST = 12


def predictions_figure(images: NDArray[np.uint8], answers: Sequence[Answer], title: str) -> Figure:
    """A grid of test images, each under the answer it got and over its true class and number.

    A right answer is green with a tick, a wrong one red with a cross: the mark is for eyes that cannot
    tell the colours.

    Args:
        images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, the test split.
        answers: One for each image to show.
        title: What the images have in common.
    """
    rows = -(-len(answers) // _COLUMNS)
    figure = new_figure(2.1 * _COLUMNS, 2.55 * rows + 0.4)
    for place, answer in enumerate(answers):
        axes = figure.add_subplot(rows, _COLUMNS, place + 1)
        show_image(axes, images[answer.image])
        axes.set_title(
            f"{'✓' if answer.right else '✗'} {shortened(answer.predicted, _LONGEST)} "
            f"{percent(answer.probability, 1)}",
            color=GREEN if answer.right else RED,
            fontsize=10,
            fontweight="bold",
            parse_math=False,
        )
        axes.set_xlabel(
            f"is {shortened(answer.true, _LONGEST)} · no. {answer.image}",
            color=GREY,
            fontsize=9,
            parse_math=False,
        )
    figure.suptitle(title, fontsize=12, parse_math=False)
    return figure
