"""Accuracy and loss over the epochs of a training."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fmnist.history import History
from fmnist.plots.style import BLUE, RED, new_figure


def history_figure(history: History) -> Figure:
    """Two panels, accuracy and loss, each with a line for training and one for validation."""
    figure = new_figure(10, 4.2)
    accuracy, loss = figure.subplots(1, 2)
    _draw(accuracy, history, "accuracy", history.accuracy, history.val_accuracy)
    _draw(loss, history, "loss (cross-entropy)", history.loss, history.val_loss)
    return figure


def _draw(
    axes: Axes, history: History, title: str, training: tuple[float, ...], validation: tuple[float, ...]
) -> None:
    # Markers differ, too: for eyes that cannot tell the colours, and for a training of one epoch.
    axes.plot(history.epochs, training, color=BLUE, marker="o", label="training")
    axes.plot(history.epochs, validation, color=RED, marker="s", linestyle="--", label="validation")
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend()
