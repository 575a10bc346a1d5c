"""How many images a network is given at once, so that its activations stay within bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras

from fmnist_exporters.layers import is_model

BLOCK_BYTES = 64 * 2**20
"""Activations that are alive together. Keras keeps what every layer gives until the last has been called."""
_FREED = 4
"""How many times as many images a graph has room for, as it frees what no layer needs any more: MobileNetV2
at 96×96 takes 36 images in 0.8 GB, of which TensorFlow itself is 0.6."""
MOST_IMAGES = 1000
"""Keras's own cost for a call is that of some hundred images of a small network."""


def images_at_once(model: keras.Model, itemsize: int = 4, graph: bool = False) -> int:
    """How many images' activations there is room for: from 1 to 1,000.

    Args:
        model: A model of one input.
        itemsize: Bytes of one number.
        graph: Whether it is run as a graph, not layer by layer.
    """
    numbers = sum(math.prod(shape[1:]) for shape in _shapes(model))
    room = BLOCK_BYTES * (_FREED if graph else 1)
    return max(1, min(MOST_IMAGES, room // (itemsize * max(numbers, 1))))


def _shapes(model: keras.Model) -> Iterator[tuple[int, ...]]:
    """Shapes of what each operation gives, each time it is called, with 1 for sizes that are open."""
    for operation in getattr(model, "operations", model.layers):  # a Sequential inside has layers only
        if is_model(operation):
            yield from _shapes(operation)
        for node in operation._inbound_nodes:
            for tensor in node.output_tensors:
                yield tuple(size or 1 for size in _shape(tensor))


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(getattr(tensor, "shape", ()))
