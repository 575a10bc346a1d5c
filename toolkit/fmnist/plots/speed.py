"""An axis of times or of images a second, and the colours of formats: what pictures of a benchmark share."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from fmnist.plots.style import BLUE, GREEN, GREY, RED

_LINE = 105
"""Characters of a title's line."""
_COLOURS = {"tflite": BLUE, "onnx": RED, "npz": GREEN}
_MOST_DECADES = 5
"""Beyond these, only powers of ten have room to be named."""


def colour_of(format: str) -> str:
    """The colour of a format; grey for Keras, which is what the others are held against."""
    return _COLOURS.get(format, GREY)


def title(figure: Figure, what: str, how: str) -> None:
    """What a figure shows, and how that was measured."""
    lines = textwrap.fill(how, _LINE)
    figure.suptitle(f"{what}\n{lines}", fontsize=10, parse_math=False)


def speed_axis(axes: Axes, low: float, high: float, label: str) -> None:
    """Make the horizontal axis logarithmic, from one value to another, with ticks that people read."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    digits = (1.0, 2.0, 5.0) if high / low < 10**_MOST_DECADES else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=digits, numticks=50))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
