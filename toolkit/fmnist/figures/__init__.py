"""Charts as SVG, which a page holds as they are, takes its colours from the style sheet, and prints sharp."""

from __future__ import annotations

from collections.abc import Callable

from fmnist.figures.drift import drift_table
from fmnist.figures.latency import latency_chart
from fmnist.figures.reliability import reliability_panels
from fmnist.figures.tradeoff import tradeoff_chart
from fmnist.figures.training import accuracy_curve, loss_curve

CHARTS: dict[str, Callable[..., object]] = {
    draw.__name__: draw
    for draw in (
        tradeoff_chart,
        accuracy_curve,
        loss_curve,
        drift_table,
        reliability_panels,
        latency_chart,
    )
}
"""What templates draw with, by name."""
