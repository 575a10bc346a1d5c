"""Whether a converted model and its original are as often right as they say."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fmnist.plots.style import BLUE, GREY, RED, new_figure
from fmnist.text.tables import shortened
from fmnist_runtime.parity.calibration import BINS, Calibration, Reliability

_LONGEST = 32


def reliability_figure(calibration: Calibration, names: tuple[str, str]) -> Figure:
    """Two panels by confidence: accuracy, which should be the same, and how many images have it.

    Args:
        calibration: Bins of confidence and calibration errors of both.
        names: What the original and the converted model are called.
    """
    original, candidate = calibration.reference_bins, calibration.candidate_bins
    figure = new_figure(7, 8)
    accuracy, images = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    accuracy.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="as often right as it says")
    original_name, candidate_name = (shortened(name, _LONGEST) for name in names)
    # Original below and bolder: where both are the same, the other's thin line does not hide it.
    _draw(accuracy, original, f"ECE {calibration.reference_ece:.4f}: {original_name}", BLUE, "-o", 3)
    _draw(accuracy, candidate, f"ECE {calibration.candidate_ece:.4f}: {candidate_name}", RED, "--s", 1.2)
    edges = np.linspace(0, 1, BINS + 1)
    images.stairs(original.images, edges, color=BLUE, linewidth=3)
    images.stairs(candidate.images, edges, color=RED, linewidth=1.2, linestyle="--")
    interval = calibration.ece_difference_interval
    legend = accuracy.legend(
        title=f"ECE changes by {calibration.ece_difference:+z.4f}\n"
        f"(95% interval {interval.low:+z.4f} to {interval.high:+z.4f})",
        alignment="left",
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    accuracy.set_title("Accuracy by confidence")
    accuracy.set_ylabel("accuracy")
    accuracy.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    accuracy.grid(alpha=0.3)
    images.set_yscale("log")
    images.set_ylim(bottom=0.7)
    images.set_xlabel(f"confidence, in {BINS} bins")
    images.set_ylabel("images")
    images.grid(alpha=0.3)
    return figure


def _draw(axes: Axes, bins: Reliability, label: str, colour: str, line: str, width: float) -> None:
    axes.plot(
        *np.transpose(bins.points),
        line,
        color=colour,
        label=label,
        linewidth=width,
        markersize=3 + 1.5 * width,
    )
