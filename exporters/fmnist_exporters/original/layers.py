"""Kinds of Keras layers that an export treats alike, and the memory that their results take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

TRAINING_ONLY = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.RandomBrightness,
    keras.layers.RandomColorJitter,
    keras.layers.RandomContrast,
    keras.layers.RandomErasing,
    keras.layers.RandomFlip,
    keras.layers.RandomHue,
    keras.layers.RandomRotation,
    keras.layers.RandomSaturation,
    keras.layers.RandomSharpness,
    keras.layers.RandomShear,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
)
"""Layers that hand on what they are given, but for training. ``RandomCrop`` also changes the size,
and a dropout derived from these may stay on."""

BLOCK_BYTES = 64 * 2**20
"""Activations that are alive together. Keras keeps what every layer gives until the last has been called."""
_FREED = 4
"""How many times as many images a graph has room for, as it frees what no layer needs any more: MobileNetV2
at 96×96 takes 36 images in 0.8 GB, of which TensorFlow itself is 0.6."""
MOST_IMAGES = 1000
"""Keras's own cost for a call is that of some hundred images of a small network."""


class StaticReshape(keras.layers.Layer):  # type: ignore[misc]
    """Reshapes to ``[-1, *shape]``.

    Keras's ``Flatten`` and ``Reshape`` read the batch size from the tensor, which converters spell out.
    """

    def __init__(self, shape: Sequence[int], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.shape = tuple(shape)

    def call(self, inputs: Any) -> Any:
        """Reshape ``[N, ...]``."""
        return tf.reshape(inputs, [-1, *self.shape])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The batch size stays as it is."""
        return (input_shape[0], *self.shape)

    def get_config(self) -> dict[str, Any]:
        """What makes another one like it."""
        return {**super().get_config(), "shape": self.shape}


class ReversedChannels(keras.layers.Layer):  # type: ignore[misc]
    """Puts blue first where red was, or the other way round."""

    def call(self, inputs: Any) -> Any:
        """Reverse the last dimension of ``[N, ..., channels]``, by an operator that int8 has, too."""
        return tf.gather(inputs, list(reversed(range(inputs.shape[-1]))), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """It stays as it is."""
        return input_shape


def is_model(operation: Any) -> bool:
    """Whether an operation is a sequential or functional model, whose graph can be walked."""
    return isinstance(operation, keras.Model) and bool(getattr(operation, "outputs", None))


def is_reshape(operation: Any) -> bool:
    """Whether an operation changes an image's shape, and neither values nor their order."""
    if type(operation) is keras.layers.Flatten:
        return bool(operation.data_format == "channels_last")
    return type(operation) in (keras.layers.Reshape, StaticReshape)


def producer(tensor: Any) -> tuple[Any, Any]:
    """The operation whose result a symbolic tensor is, and that operation's first argument."""
    history = tensor._keras_history
    inputs = history.operation._inbound_nodes[history.node_index].input_tensors
    return history.operation, inputs[0] if inputs else None


def images_at_once(model: keras.Model, itemsize: int = 4, graph: bool = False) -> int:
    """How many images' activations there is room for: from 1 to 1,000.

    Args:
        model: A model of one input.
        itemsize: Bytes of one number.
        graph: Whether it is run as a graph, not layer by layer.
    """
    numbers = sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in _results(model))
    room = BLOCK_BYTES * (_FREED if graph else 1)
    return max(1, min(MOST_IMAGES, room // (itemsize * max(numbers, 1))))


def _results(model: keras.Model) -> Iterator[Any]:
    """What each operation gives, each time it is called."""
    for operation in getattr(model, "operations", model.layers):  # a Sequential inside has layers only
        if is_model(operation):
            yield from _results(operation)
        for node in operation._inbound_nodes:
            yield from node.output_tensors
