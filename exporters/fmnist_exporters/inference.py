"""A Keras model reduced to what inference needs, for the converters.

Dropout goes, flattening becomes one reshape, and a normalisation in front of the first dense layer
moves into its weights. The converters would keep all three as operators of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Step = Callable[[Any], Any]


def inference_function(model: keras.Model) -> Any:
    """The model as a ``tf.function`` from float32 ``[N, *image_shape]`` raw pixels to its scores.

    The batch size stays free, so that the converted model can be run at any.
    """
    steps = _steps(model)

    def forward(image: Any) -> Any:
        for step in steps:
            image = step(image)
        return image

    return tf.function(forward, input_signature=[input_signature(model)])


def input_signature(model: keras.Model) -> Any:
    """The one input, named ``image``."""
    return tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="image")


def _steps(model: keras.Model) -> list[Step]:
    if not isinstance(model, keras.Sequential):
        return [partial(model, training=False)]
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.Dropout)]
    return [
        _reshape(layer) if isinstance(layer, keras.layers.Flatten) else partial(layer, training=False)
        for layer in _fold(layers)
    ]


def _reshape(layer: keras.layers.Layer) -> Step:
    size = math.prod(layer.input.shape[1:])
    return lambda image: tf.reshape(image, [-1, size])


def _fold(layers: Sequence[Any]) -> list[Any]:
    """Move a leading ``Rescaling`` into the first dense layer, when only flattening lies between.

    ``W·(s·x + o) + b = (s·W)·x + (b + o·ΣW)``; computed in float64, so that each weight is rounded once.
    """
    match layers:
        case [
            keras.layers.Rescaling() as rescaling,
            keras.layers.Flatten() as flatten,
            keras.layers.Dense() as dense,
            *rest,
        ] if np.ndim(rescaling.scale) == np.ndim(rescaling.offset) == 0:
            scale, offset = float(rescaling.scale), float(rescaling.offset)
            folded = keras.layers.Dense.from_config({**dense.get_config(), "use_bias": True})
            folded.build(dense.input.shape)
            kernel = np.asarray(dense.kernel, np.float64)
            bias = np.asarray(dense.bias, np.float64) if dense.use_bias else np.zeros(kernel.shape[1])
            folded.set_weights([scale * kernel, bias + offset * kernel.sum(axis=0)])
            return [flatten, folded, *rest]
    return list(layers)
