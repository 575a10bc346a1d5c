"""What all pictures share: colours that colour-blind people can tell, labels that fit, the file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from fmnist.results.ours import MARK
from fmnist_runtime.files import write_atomically

# Of the palette of Okabe and Ito (https://jfly.uni-koeln.de/color/).
BLUE, GREEN, RED = "#0072B2", "#009E73", "#D55E00"
GREY = "#595959"

DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """A figure of a size in inches, whose parts are moved apart so that nothing is cut off."""
    # Pads are in inches: room for a picture's caption and the next one's title.
    layout = ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.05)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as a PNG file with our mark in it.

    Raises:
        OutputError: The file cannot be written.
    """
    buffer = io.BytesIO()
    with boxes_for_missing_glyphs():
        figure.savefig(buffer, format="png", metadata=MARK)
    write_atomically(path, buffer.getvalue())


@contextmanager
def boxes_for_missing_glyphs() -> Iterator[None]:
    """Draw, without a warning, a name in a script that the font has not: boxes in the picture say so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing", UserWarning)
        yield


def show_image(axes: Axes, image: NDArray[np.uint8]) -> None:
    """Draw raw pixels, ``[H, W]`` in grey or ``[H, W, 3]`` in colour, without ticks."""
    pixels: NDArray[Any] = image
    if image.ndim == 3 and image.shape[2] != 3:
        pixels = image.mean(axis=2)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
