"""A dense network: layers in a row, each a matrix product, a bias and an activation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_MAX_VALUES = 2**24
"""Pixels and units of all layers together: 64 MB of float32 for an image, far above any dense classifier's.
A file that uses its weights again and again could ask for more than there is."""


def _softmax(values: Floats) -> None:
    values -= values.max(axis=1, keepdims=True)
    np.exp(values, out=values)
    values /= values.sum(axis=1, keepdims=True)


def _sigmoid(values: Floats) -> None:
    np.negative(values, out=values)
    with np.errstate(over="ignore"):  # 1 / (1 + infinity) is 0, as it should be
        np.exp(values, out=values)
    values += 1
    np.reciprocal(values, out=values)


ACTIVATIONS: dict[str, Callable[[Floats], object]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0, out=values),
    "sigmoid": _sigmoid,
    "tanh": lambda values: np.tanh(values, out=values),
    "softmax": _softmax,
}
"""What can follow a dense layer, computed in place."""


@dataclass(frozen=True)
class Dense:
    """One layer: ``activation(inputs · kernel + bias)``."""

    name: str
    """Its name in the file."""
    kernel: Floats
    """float32 ``[inputs, units]``."""
    bias: Floats
    """float32 ``[units]``."""
    activation: str
    """A key of `ACTIVATIONS`."""


@dataclass(frozen=True)
class Network:
    """Layers that fit together.

    Raises:
        ValueError: They do not, or there are none, or they are more than a classifier has.
    """

    input_shape: tuple[int, ...]
    """Shape of one image, which is flattened before the first layer."""
    layers: tuple[Dense, ...]
    """From the image to the scores."""

    def __post_init__(self) -> None:
        shape, layers = self.input_shape, self.layers
        if not shape or min(shape) < 1 or not layers:
            raise ValueError(f"a network of {len(layers)} layers for images of shape {shape}")
        width = math.prod(shape)
        for layer in layers:
            if layer.kernel.shape != (width, layer.bias.size) or layer.bias.ndim != 1 or layer.bias.size < 1:
                raise ValueError(
                    f"layer {layer.name!r} has a kernel of shape {layer.kernel.shape} for {width} inputs"
                )
            if layer.activation not in ACTIVATIONS:
                raise ValueError(f"layer {layer.name!r} ends in {layer.activation!r}, which is not known")
            width = layer.bias.size
        if self.values > _MAX_VALUES:
            raise ValueError(f"a network of {self.values:,} units, at most {_MAX_VALUES:,} are run")

    @property
    def values(self) -> int:
        """How many numbers there are between image and scores, both included."""
        return math.prod(self.input_shape) + sum(layer.bias.size for layer in self.layers)
