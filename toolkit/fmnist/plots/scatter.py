"""Every probability of a converted model against the original's."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fmnist.plots.style import RED, new_figure
from fmnist.text.tables import shortened
from fmnist_runtime.parity.changes import Flips

_CELLS = 512
"""Probabilities are counted at multiples of 1/512. The values of an 8-bit softmax, multiples of 1/256, lie
in every second row, and are seen as such."""
_LONGEST = 32


def scatter_figure(
    original: NDArray[np.float32], candidate: NDArray[np.float32], flips: Flips, names: tuple[str, str]
) -> Figure:
    """How many probabilities of all images and classes lie where, and those of changed answers.

    A changed answer is marked once, at the probabilities of the class that the original had given.

    Args:
        original: float32 ``[N, classes]``, its scores.
        candidate: float32 ``[N, classes]``, the converted model's.
        flips: The changed answers.
        names: What the original and the converted model are called.
    """
    figure = new_figure(9.6, 9)
    axes = figure.add_subplot()
    x, y, points = _cells(original, candidate)
    shown = axes.scatter(
        x,
        y,
        s=2.2,
        c=points,
        # Few are dark on white; even in perception, and the same to colour-blind eyes.
        cmap="cividis",
        norm=LogNorm(vmin=1, vmax=max(points.max(), 10)),
        marker="s",
        linewidths=0,
        antialiased=False,  # fewer shades, so half the file
    )
    # Points on it show between the dashes.
    axes.axline((0, 0), slope=1, color="black", linestyle=(0, (6, 6)), linewidth=1, label="no difference")
    if flips.images:
        changed, before = list(flips.images), list(flips.reference)
        axes.scatter(
            original[changed, before],
            candidate[changed, before],
            s=16,
            facecolors="none",
            edgecolors=RED,
            linewidths=0.6,
            label=f"changed answers: {len(changed):,}, at the class that the original gave",
        )
    figure.legend(loc="outside lower center", ncols=2)
    original_name, candidate_name = (shortened(name, _LONGEST) for name in names)
    difference = np.abs(candidate.astype(np.float64) - original).max()
    axes.set_title(f"{original.size:,} probabilities, largest difference {difference:.2g}")
    axes.set_xlabel(f"probability that {original_name} gives", parse_math=False)
    axes.set_ylabel(f"probability that {candidate_name} gives", parse_math=False)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    figure.colorbar(shown, label="probabilities at a point", shrink=0.8, format="{x:,.0f}")
    return figure


def _cells(
    original: NDArray[np.float32], candidate: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Middle and number of points of each cell that has any, the fullest last, which so lies on top."""
    side = _CELLS + 1
    # In float16 a probability may be a little above 1.
    column, row = (np.rint(np.clip(scores, 0, 1) * _CELLS) for scores in (original, candidate))
    cells = (row * side + column).astype(np.intp)  # below 2^24, so exact in float32
    points = np.bincount(cells.ravel(), minlength=side * side)
    filled = np.flatnonzero(points)
    order = filled[np.argsort(points[filled], kind="stable")]
    return order % side / _CELLS, order // side / _CELLS, points[order]
