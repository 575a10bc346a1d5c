"""Scaling in front of linear layers and normalisation behind them, moved into their weights.

``W·(s·x + o) + b = (s·W)·x + (b + o·ΣW)``, and ``g·(W·x + b) + c = (g·W)·x + (g·b + c)`` by output
channel; computed in float64, so that each weight is rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.grouped import SplitConv2D
from fmnist_exporters.original.layers import is_reshape, producer
from fmnist_exporters.original.rebuild import Copier, float64, rebuild

_LINEAR = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.DepthwiseConv2D, SplitConv2D)
"""These themselves: what is derived from them may compute something else with its weights."""


@dataclass(frozen=True, eq=False)
class _Scaled:
    """The values ``scale · tensor + offset``, not computed yet: a linear layer may do it on its way.

    Both are one number, or one for each channel.
    """

    tensor: Any
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    layer: keras.layers.Layer
    """The layer that would compute them."""


def fold(model: keras.Model) -> keras.Model:
    """A copy of a flat functional model, without the scalings and normalisations that can be folded."""
    folder = _Folder(model)
    return rebuild(model, folder, folder.compute)


def normalised(model: keras.Model) -> dict[Any, Any]:
    """The linear layers that take over what normalises them, each with that normalisation."""
    return {linear: layer for layer in model.layers if (linear := _normalises(layer))}


class _Folder:
    """Copies a model's operations one by one, folding on the way."""

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
            if _takes(operation, before):
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
        """The tensor itself, for an operation that cannot take over the scaling."""
        if not isinstance(value, _Scaled):
            return value
        if value not in self._computed:
            config = {"scale": value.scale.tolist(), "offset": value.offset.tolist()}
            self._computed[value] = self._copy(value.layer, value.tensor, config=config)
        return self._computed[value]

    def _linear(self, layer: Any, values: _Scaled) -> Any:
        """A linear layer that does the scaling before it and the normalisation behind it."""
        normalisation = self._normalised.get(layer)
        kernel = float64(layer.kernel)
        outputs = kernel.shape[2:] if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel.shape[-1:]
        # The last dimension but one of a kernel is that of the channels.
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
    scaling = type(layer) is keras.layers.Rescaling and len(layer._inbound_nodes) == 1
    channels = layer.input.shape[-1] if scaling else 0
    return scaling and all(np.shape(each) in ((), (channels,)) for each in (layer.scale, layer.offset))


def _takes(layer: Any, values: _Scaled) -> bool:
    """Whether a layer can do the scaling. Padding with zeros must stay padding with zeros."""
    if type(layer) not in _LINEAR or len(layer._inbound_nodes) != 1:
        return False
    return not values.offset.any() or type(layer) is keras.layers.Dense or layer.padding == "valid"


def _normalises(layer: Any) -> Any:
    """The linear layer whose result this layer, and no other, normalises by channel; None when not so."""
    if type(layer) is not keras.layers.BatchNormalization or len(layer._inbound_nodes) != 1:
        return None
    linear, _ = producer(layer.input)
    fits = (
        type(linear) in _LINEAR
        and linear.activation is keras.activations.linear
        and len(linear._inbound_nodes) == len(linear._outbound_nodes) == 1
        and getattr(linear, "data_format", "channels_last") == "channels_last"
        and layer.axis in (-1, len(layer.input.shape) - 1)
    )
    return linear if fits else None


def _gain_and_shift(layer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What batch normalisation multiplies each channel by, and adds to it, at inference."""
    gain = 1 / np.sqrt(float64(layer.moving_variance) + layer.epsilon)
    if layer.scale:
        gain = gain * float64(layer.gamma)
    shift = -gain * float64(layer.moving_mean)
    return gain, shift + float64(layer.beta) if layer.center else shift
