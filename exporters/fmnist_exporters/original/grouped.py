"""Convolutions of groups of channels, as operators that our engines have.

Keras compiles them for its own use, which no converter can read.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


class _Split:
    """Computes each group by a convolution of its own, and puts the results beside each other."""

    def call(self: Any, inputs: Any) -> Any:
        """Convolve ``inputs``, whose channels are so many groups."""
        padding = self.padding
        if padding == "causal":  # of Conv1D alone
            inputs, padding = keras.ops.pad(inputs, self._compute_causal_padding()), "valid"
        axis = -1 if self.data_format == "channels_last" else 1
        pairs = zip(
            keras.ops.split(inputs, self.groups, axis),
            keras.ops.split(self.kernel, self.groups, -1),
            strict=True,
        )
        settings = (list(self.strides), padding, self.data_format, self.dilation_rate)
        outputs = keras.ops.concatenate([keras.ops.conv(*pair, *settings) for pair in pairs], axis)
        if self.use_bias:
            around = (1,) * self.rank
            shape = (1, *around, -1) if axis == -1 else (1, -1, *around)
            outputs = outputs + keras.ops.reshape(self.bias, shape)
        return outputs if self.activation is None else self.activation(outputs)


class SplitConv1D(_Split, keras.layers.Conv1D):  # type: ignore[misc]
    """``Conv1D`` with groups."""


class SplitConv2D(_Split, keras.layers.Conv2D):  # type: ignore[misc]
    """``Conv2D`` with groups."""


class SplitConv3D(_Split, keras.layers.Conv3D):  # type: ignore[misc]
    """``Conv3D`` with groups."""


_SPLIT = dict(zip(_CONVOLUTIONS, (SplitConv1D, SplitConv2D, SplitConv3D), strict=True))


def grouped_kind(operation: Any) -> Any:
    """The class that computes a convolution of groups; None of any other operation."""
    if type(operation) not in _CONVOLUTIONS or operation.groups == 1:
        return None
    return keras.layers.DepthwiseConv2D if _is_depthwise(operation) else _SPLIT[type(operation)]


def grouped_config(layer: Any) -> dict[str, Any]:
    """The configuration of that class for a layer."""
    config: dict[str, Any] = layer.get_config()
    if not _is_depthwise(layer):
        return config
    groups, filters = config.pop("groups"), config.pop("filters")
    for name in ("initializer", "regularizer", "constraint"):
        config[f"depthwise_{name}"] = config.pop(f"kernel_{name}")
    return {**config, "depth_multiplier": filters // groups}


def grouped_weights(layer: Any) -> list[NDArray[Any]]:
    """The weights of that class for a layer."""
    kernel, *bias = (np.asarray(weight) for weight in layer.get_weights())
    if _is_depthwise(layer):
        kernel = kernel.reshape(*kernel.shape[:2], layer.groups, -1)
    return [kernel, *bias]


def _is_depthwise(layer: Any) -> bool:
    """Whether each channel is a group, in such a way that engines have an operator for it."""
    single = type(layer) is keras.layers.Conv2D and layer.kernel.shape[2] == 1
    even = len(set(layer.strides)) == len(set(layer.dilation_rate)) == 1
    return (
        single
        and even
        and layer.data_format == "channels_last"
        and 1 in (layer.strides[0], layer.dilation_rate[0])
    )
