"""Accuracy and loss over the epochs of a training."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fmnist.plots.style import BLUE, RED, new_figure
from fmnist.runs.history import Epoch


def history_figure(history: Sequence[Epoch]) -> Figure:
    """Two panels, accuracy and loss, each with a line for training and one for validation."""
    figure = new_figure(10, 4.2)
    accuracy, loss = figure.subplots(1, 2)
    _draw(accuracy, history, "accuracy", "accuracy")
    _draw(loss, history, "loss", "loss (cross-entropy)")
    return figure


def _draw(axes: Axes, history: Sequence[Epoch], name: str, title: str) -> None:
    epochs = [epoch.epoch for epoch in history]
    training = [getattr(epoch, name) for epoch in history]
    validation = [getattr(epoch, f"val_{name}") for epoch in history]
    # Markers differ, too: for eyes that cannot tell the colours, and for a training of one epoch.
    axes.plot(epochs, training, color=BLUE, marker="o", label="training")
    axes.plot(epochs, validation, color=RED, marker="s", linestyle="--", label="validation")
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend()
