"""Dense networks: layers in sequence, each a matrix product, a bias and an activation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_MAX_VALUES = 2**24
"""Largest total of pixels and units of all layers: 64 MB of float32 for an image, far above any dense
classifier's. A file that reuses its weights could ask for more than the memory."""


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
"""Activations after a dense layer, computed in place."""


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
class DenseNetwork:
    """Layers in sequence.

    Raises:
        ValueError: They do not fit together, or are none, or more than a classifier has.
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
        """Number of values from the image to the scores, both included."""
        return math.prod(self.input_shape) + sum(layer.bias.size for layer in self.layers)


_MAX_BYTES = 2**28
"""Largest total of all weights: 256 MB. A file can reuse weights, and each layer has its own copy."""


class Chain:
    """Builds dense layers from a graph's operators, which are finer: product, sum and activation.

    An operator that does not fit raises ValueError.
    """

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self._input_shape = input_shape
        self._layers: list[Dense] = []
        self._factor = np.ones((), np.float32)
        self._bytes = 0

    @property
    def width(self) -> int:
        """Number of values for each image."""
        return self._layers[-1].bias.size if self._layers else math.prod(self._input_shape)

    def scale(self, operator: str, factor: Floats) -> None:
        """Multiply the pixels by a single number, which is merged into the first kernel."""
        if self._layers or factor.size != 1:
            raise ValueError(f"it has a {operator} that is no scaling of the pixels")
        self._factor = self._factor * factor.reshape(())

    def reshape(self, operator: str, sizes: Sequence[int], batch: int) -> None:
        """Flatten each image into these sizes, where -1 stands for the rest, of a file's own batch size."""
        if tuple(sizes) not in ((-1, self.width), (batch, self.width), (batch, -1)):
            raise ValueError(f"it has a {operator} into {tuple(sizes)}")

    def multiply(self, operator: str, kernel: Floats) -> None:
        """Begin a layer with a kernel, float32 ``[inputs, units]`` in any memory order."""
        if kernel.ndim != 2 or kernel.shape[0] != self.width:
            shape = f"weights of shape {kernel.shape} for {self.width} inputs"
            raise ValueError(f"it has a {operator} with {shape}")
        self._count(kernel)
        name = f"{operator} {len(self._layers)}"
        ordered = np.multiply(kernel, self._factor, order="C")
        self._layers.append(Dense(name, ordered, np.zeros(kernel.shape[1], np.float32), "linear"))
        self._factor = np.ones((), np.float32)

    def add(self, operator: str, bias: Floats) -> None:
        """Add a bias to the current layer."""
        layer = self._open_layer(operator)
        if bias.shape not in ((self.width,), (1, self.width)):
            raise ValueError(f"it has a {operator} of shape {bias.shape} for {self.width} units")
        self._count(bias)
        self._layers[-1] = replace(layer, bias=layer.bias + bias.reshape(-1))

    def activate(self, operator: str, activation: str) -> None:
        """End the current layer."""
        self._layers[-1] = replace(self._open_layer(operator), activation=activation)

    def _count(self, weights: Floats) -> None:
        self._bytes += weights.nbytes
        if self._bytes > _MAX_BYTES:
            raise ValueError(f"it has {self._bytes:,} bytes of weights, at most {_MAX_BYTES:,} are read")

    def _open_layer(self, operator: str) -> Dense:
        if not self._layers or self._layers[-1].activation != "linear":
            raise ValueError(f"it has a {operator} that follows no product")
        return self._layers[-1]

    def network(self) -> DenseNetwork:
        """Return the network."""
        return DenseNetwork(self._input_shape, tuple(self._layers))
