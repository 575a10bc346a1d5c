"""Each picture once, as SVG: a page embeds it, and `fmnist plot` and `--plots` write it as a file."""

from __future__ import annotations

from fmnist.figures import latency, reliability, tradeoff, training
from fmnist.figures.drift import drift_table

CHARTS: dict[str, object] = {
    "tradeoff_chart": tradeoff.tradeoff_chart,
    "tradeoff_key": tradeoff.KEY,
    "accuracy_curve": training.accuracy_curve,
    "loss_curve": training.loss_curve,
    "drift_table": drift_table,
    "reliability_panels": reliability.reliability_panels,
    "reliability_key": reliability.KEY,
    "latency_chart": latency.latency_chart,
    "latency_key": latency.KEY,
}
"""What the templates of a page draw and explain charts with, by name."""
