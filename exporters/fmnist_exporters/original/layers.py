"""Kinds of Keras layers that an export treats alike, and the memory that their results need."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from fmnist_exporters.original.keras_private import results

TRAINING_ONLY = (
    *(keras.layers.ActivityRegularization, keras.layers.Identity, keras.layers.GaussianNoise),
    *(keras.layers.AlphaDropout, keras.layers.Dropout, keras.layers.GaussianDropout),
    *(keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D),
    *(keras.layers.RandomBrightness, keras.layers.RandomColorJitter, keras.layers.RandomContrast),
    *(keras.layers.RandomErasing, keras.layers.RandomFlip, keras.layers.RandomHue),
    *(keras.layers.RandomRotation, keras.layers.RandomSaturation),
    *(keras.layers.RandomSharpness, keras.layers.RandomShear),
    *(keras.layers.RandomTranslation, keras.layers.RandomZoom),
)
"""Layers that return their input, except in training. ``RandomCrop`` is not among them, as it changes the
size; nor are subclasses, as a dropout derived from these may stay on."""

BLOCK_BYTES = 64 * 2**20
"""Memory for the activations of one block. Keras keeps the result of every layer until the last was
called."""
_GRAPH_FACTOR = 4
"""How many times as many images fit in a graph, which frees results early: MobileNetV2 at 96×96 runs 36
images in 0.8 GB, including 0.6 GB for TensorFlow itself."""
MOST_IMAGES = 1000
"""Largest block. The overhead of a Keras call equals some hundred images of a small network."""


class StaticReshape(keras.layers.Layer):  # type: ignore[misc]
    """Reshapes to ``[-1, *shape]``.

    Keras's ``Flatten`` and ``Reshape`` read the batch size from the tensor, for which converters add
    operators.
    """

    def __init__(self, shape: Sequence[int], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.shape = tuple(shape)

    def call(self, inputs: Any) -> Any:
        """Reshape ``[N, ...]``."""
        return tf.reshape(inputs, [-1, *self.shape])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result; the batch size stays."""
        return (input_shape[0], *self.shape)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return {**super().get_config(), "shape": self.shape}


class ReversedChannels(keras.layers.Layer):  # type: ignore[misc]
    """Swaps RGB and BGR."""

    def call(self, inputs: Any) -> Any:
        """Reverse the last dimension of ``[N, ..., channels]``, by an operator that int8 has as well."""
        return tf.gather(inputs, list(reversed(range(inputs.shape[-1]))), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape


def is_model(operation: Any) -> bool:
    """Return whether an operation is a sequential or functional model, whose graph can be walked."""
    return isinstance(operation, keras.Model) and bool(getattr(operation, "outputs", None))


def is_reshape(operation: Any) -> bool:
    """Return whether an operation changes only the shape of an image, not its values or their order."""
    if type(operation) is keras.layers.Flatten:
        return bool(operation.data_format == "channels_last")
    return type(operation) in (keras.layers.Reshape, StaticReshape)


def images_at_once(model: keras.Model, itemsize: int = 4, graph: bool = False) -> int:
    """Return how many images can be run at once within the memory limit: 1 to 1,000.

    Args:
        model: A model with one input.
        itemsize: Bytes of one number.
        graph: Whether it runs as a graph, not layer by layer.
    """
    numbers = sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in _all_results(model))
    room = BLOCK_BYTES * (_GRAPH_FACTOR if graph else 1)
    return max(1, min(MOST_IMAGES, room // (itemsize * max(numbers, 1))))


def _all_results(model: keras.Model) -> Iterator[Any]:
    """Yield the results of all calls in a model and the models inside it."""
    for operation in getattr(model, "operations", model.layers):  # a nested Sequential has only layers
        if is_model(operation):
            yield from _all_results(operation)
        yield from results(operation)
