"""Images of a data set with their class names."""

from __future__ import annotations

from matplotlib.figure import Figure

from fmnist.plots.style import new_figure, show_image
from fmnist.text.tables import shortened
from fmnist_runtime.data.datasets import Dataset

_LONGEST = 16


def sample_figure(dataset: Dataset, side: int) -> Figure:
    """The first images of a split in a square grid, each under its class name.

    Args:
        dataset: The split; it may have fewer images than the grid has places.
        side: Images in a row, and rows.
    """
    figure = new_figure(1.5 * side, 1.75 * side + 0.3)
    images = dataset.images[: side * side]
    for number, image in enumerate(images):
        axes = figure.add_subplot(side, side, number + 1)
        show_image(axes, image)
        label = dataset.labels[int(dataset.targets[number])]
        axes.set_title(shortened(label, _LONGEST), fontsize=10, parse_math=False)
    figure.suptitle(f"{dataset.name}: the first {len(images)} training images", fontsize=12, parse_math=False)
    return figure
