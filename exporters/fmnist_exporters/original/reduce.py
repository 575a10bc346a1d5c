"""Reduces a classifier to what inference needs, for the converters, which keep every layer as an operator.

Dropout and augmentation are removed, flattening becomes one reshape, and scaling in front of linear layers
and normalisation behind them move into their weights:

``W·(s·x + o) + b = (s·W)·x + (b + o·ΣW)``, and ``g·(W·x + b) + c = (g·W)·x + (g·b + c)`` by output channel,
computed in float64, so that each weight is rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.keras_private import call_count, call_of, use_count
from fmnist_exporters.original.layers import TRAINING_ONLY, ReversedChannels, StaticReshape, is_reshape
from fmnist_exporters.original.plain import SPLIT
from fmnist_exporters.original.rebuild import Copier, float64, rebuild
from fmnist_runtime.artifact.contract import PixelRange

_LINEAR = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.DepthwiseConv2D, SPLIT[keras.layers.Conv2D])
"""Exactly these classes: a subclass may use its weights in another way."""


@dataclass(frozen=True)
class FlatModel:
    """A classifier without nested models and without layers that only training needs."""

    model: keras.Model
    """A copy, from raw pixels to probabilities."""
    names: dict[Any, str]
    """Names of its layers, by the original's operations that they are copies of."""


def reduce(classifier: Classifier, unroll: bool = True) -> keras.Model:
    """Return the classifier as one flat functional model, from raw pixels to probabilities.

    Its layers keep the original's names, and its weights are its own.

    Args:
        classifier: The original; it is not changed.
        unroll: Give each step of a recurrent layer its own operators, as most engines have no loops.

    Returns:
        A model from float32 ``[N, *image_shape]`` to float32 ``[N, classes]``.
    """
    return fold(flatten(classifier, unroll).model)


def flatten(classifier: Classifier, unroll: bool = True) -> FlatModel:
    """Return the classifier as one flat functional model before any folding; see `reduce`."""
    copy = Copier(unroll=unroll)

    def call(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        if type(operation) in TRAINING_ONLY:
            return arguments[0]
        if is_reshape(operation) and not isinstance(operation, StaticReshape):
            shape = operation.compute_output_shape(arguments[0].shape)[1:]
            operation = StaticReshape(shape, name=operation.name)
        return copy(operation, *arguments, **keywords)

    return FlatModel(rebuild(_complete(classifier), call), copy.names)


def fold(model: keras.Model) -> keras.Model:
    """Return a copy of a flat functional model with scalings and normalisations folded into weights."""
    folder = _Folder(model)
    return rebuild(model, folder, folder.compute)


def normalised(model: keras.Model) -> dict[Any, Any]:
    """Return the normalisation that is folded into each linear layer."""
    return {linear: layer for layer in model.layers if (linear := _normalises(layer))}


def call_named(operation: Any, *arguments: Any, **keywords: Any) -> Any:
    """Call an operation of a model so that the names of its TensorFlow operations begin with its own name."""
    with tf.name_scope(f"{operation.name}/"):
        return operation(*arguments, **keywords)


def _complete(classifier: Classifier) -> keras.Model:
    """Return the classifier's model with its input range and head as layers."""
    image = keras.Input(classifier.model.input_shape[1:])
    scores = classifier.model(_scaled_pixels(image, classifier.pixels))
    head = classifier.head.layer()
    if head is not None:
        scores = head(scores)
    return keras.Model(image, scores, name=classifier.model.name)


def _scaled_pixels(image: Any, pixels: PixelRange) -> Any:
    """Convert raw pixels to the model's input range."""
    if pixels.bgr:
        image = ReversedChannels(name="blue_first")(image)
    if set(pixels.scale) == {1.0} and set(pixels.offset) == {0.0}:
        return image
    [scale, offset] = (each[0] if len(each) == 1 else list(each) for each in (pixels.scale, pixels.offset))
    return keras.layers.Rescaling(scale, offset, name="input_range")(image)


@dataclass(frozen=True, eq=False)
class _Scaled:
    """The values ``scale · tensor + offset``, not computed yet, so that a linear layer can include them.

    Scale and offset are one number, or one for each channel.
    """

    tensor: Any
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    layer: keras.layers.Layer
    """The layer that would compute them."""


class _Folder:
    """Copies a model's operations one by one, folding where possible."""

    def __init__(self, model: keras.Model) -> None:
        self._copy = Copier()
        self._normalised = normalised(model)
        self._folded = set(self._normalised.values())
        self._computed: dict[_Scaled, Any] = {}

    def __call__(self, operation: Any, *arguments: Any, **keywords: Any) -> Any:
        before = arguments[0] if arguments else None
        if operation in self._folded:
            return before
        if _is_scaling(operation):
            return self._scaled(operation, before)
        if isinstance(before, _Scaled):
            if is_reshape(operation) and before.scale.ndim == before.offset.ndim == 0:
                return replace(before, tensor=self._copy(operation, before.tensor))
            if _can_scale(operation, before):
                return self._linear(operation, before)
        arguments, keywords = keras.tree.map_structure(self.compute, (arguments, keywords))
        if operation in self._normalised:
            return self._linear(operation, _Scaled(arguments[0], np.array(1.0), np.array(0.0), operation))
        return self._copy(operation, *arguments, **keywords)

    def _scaled(self, layer: Any, before: Any) -> _Scaled:
        scale, offset = float64(layer.scale), float64(layer.offset)
        if isinstance(before, _Scaled):
            return _Scaled(before.tensor, scale * before.scale, scale * before.offset + offset, layer)
        return _Scaled(before, scale, offset, layer)

    def compute(self, value: Any) -> Any:
        """Return the tensor itself, for an operation that cannot include the scaling."""
        if not isinstance(value, _Scaled):
            return value
        if value not in self._computed:
            config = {"scale": value.scale.tolist(), "offset": value.offset.tolist()}
            self._computed[value] = self._copy(value.layer, value.tensor, config=config)
        return self._computed[value]

    def _linear(self, layer: Any, values: _Scaled) -> Any:
        """Call a copy of a linear layer that includes the scaling and the normalisation around it."""
        normalisation = self._normalised.get(layer)
        kernel = float64(layer.kernel)
        outputs = kernel.shape[2:] if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel.shape[-1:]
        # The second last dimension of a kernel is that of the channels.
        scale, offset = (each[:, np.newaxis] if each.ndim else each for each in (values.scale, values.offset))
        bias = float64(layer.bias) if layer.use_bias else np.zeros(np.prod(outputs))
        if offset.any():
            bias = bias + (offset * kernel).reshape(-1, *outputs).sum(axis=0).ravel()
        kernel = scale * kernel
        if normalisation:
            gain, shift = _gain_and_shift(normalisation)
            kernel, bias = kernel * gain.reshape(outputs), gain * bias + shift
        use_bias = layer.use_bias or bool(offset.any()) or normalisation is not None
        weights = [kernel, bias] if use_bias else [kernel]
        return self._copy(layer, values.tensor, config={"use_bias": use_bias}, weights=weights)


def _is_scaling(layer: Any) -> bool:
    scaling = type(layer) is keras.layers.Rescaling and call_count(layer) == 1
    channels = layer.input.shape[-1] if scaling else 0
    return scaling and all(np.shape(each) in ((), (channels,)) for each in (layer.scale, layer.offset))


def _can_scale(layer: Any, values: _Scaled) -> bool:
    """Return whether a layer can include the scaling. Padding with zeros must remain padding with zeros."""
    if type(layer) not in _LINEAR or call_count(layer) != 1:
        return False
    return not values.offset.any() or type(layer) is keras.layers.Dense or layer.padding == "valid"


def _normalises(layer: Any) -> Any:
    """Return the linear layer whose result only this layer normalises, by channel; None if there is none."""
    if type(layer) is not keras.layers.BatchNormalization or call_count(layer) != 1:
        return None
    linear = call_of(layer.input).operation
    fits = (
        type(linear) in _LINEAR
        and linear.activation is keras.activations.linear
        and call_count(linear) == use_count(linear) == 1
        and getattr(linear, "data_format", "channels_last") == "channels_last"
        and layer.axis in (-1, len(layer.input.shape) - 1)
    )
    return linear if fits else None


def _gain_and_shift(layer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the factor and the offset that batch normalisation applies to each channel at inference."""
    gain = 1 / np.sqrt(float64(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        gain = gain * float64(layer.gamma)
    shift = -gain * float64(layer.moving_mean)
    return gain, shift + float64(layer.beta) if layer.center else shift
