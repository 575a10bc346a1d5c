"""What hidden units look at: their weights as images, before training and after."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from fmnist.plots.style import new_figure

UNITS = 24
_COLUMNS = 6
_CLIPPED_PERCENT = 99.5
"""The colour scale ends at this percentile: a few pixels at the border, where the data sets are nearly
always black, get weights so large that on their scale the others would all look like zero."""


def weights_figure(before: NDArray[np.float32] | None, after: NDArray[np.float32]) -> Figure:
    """The first units' weights, in one block for each state, each block with a colour scale of its own.

    Initial weights are several times smaller than trained ones: on one scale they would show nothing.

    Args:
        before: float32 ``[units, H, W]``; None when they were not recorded.
        after: float32 ``[units, H, W]``.
    """
    blocks = [("after training", after)] if before is None else [("before training", before)]
    if before is not None:
        blocks.append(("after training", after))
    rows = -(-min(len(after), UNITS) // _COLUMNS)
    figure = new_figure(7 * len(blocks), 1.0 * rows + 0.6)
    parts = figure.subfigures(1, len(blocks), squeeze=False, wspace=0.04)[0]
    for part, (title, images) in zip(parts, blocks, strict=True):
        _draw(part, f"{title} ({min(len(images), UNITS)} of {len(images)} units)", images[:UNITS])
    return figure


def _draw(part: SubFigure, title: str, images: NDArray[np.float32]) -> None:
    rows = -(-len(images) // _COLUMNS)
    sizes = np.abs(images[np.isfinite(images)])  # a training that failed leaves NaN, which stays blank
    limit = (float(np.percentile(sizes, _CLIPPED_PERCENT)) if sizes.size else 0) or 1.0
    grid = part.subplots(rows, _COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image in zip(grid.flat, images, strict=False):
        shown = axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
    part.colorbar(shown, ax=grid, label="weight", shrink=0.9, extend="both")
    part.suptitle(title, fontsize=12)
