"""The plain form of a layer: in one type of floats, without loops, groups or weights of another kind.

Our engines compute in float32. They have neither the loops of recurrent layers, nor what Keras compiles or
quantises for its own use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from fmnist_exporters.original.dequantize import dequantize, is_quantized
from fmnist_exporters.original.grouped import grouped_config, grouped_kind, grouped_weights

_RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed)
_MERGED = ("lora_rank", "lora_alpha", "quantization_config")
"""Settings of what becomes part of a layer's weights."""


def plain_kind(operation: Any) -> Any:
    """The class of the plain form of an operation."""
    return grouped_kind(operation) or type(operation)


def plain_config(operation: Any, dtype: str, unroll: bool) -> Any:
    """The configuration of the plain form of a layer, or of an operation of ``keras.ops``.

    Args:
        operation: The layer or operation.
        dtype: The type to compute in, such as ``float32``.
        unroll: Give each step of a recurrent layer operators of its own.
    """
    config = grouped_config(operation) if grouped_kind(operation) else operation.get_config()
    config = _replaced(config, ("dtype",), lambda policy: dtype if _is_float(policy) else policy)
    if unroll and is_recurrent(operation):
        config = _replaced(config, ("unroll",), lambda _: True)
    if isinstance(operation, keras.layers.Layer) and is_quantized(operation):
        config = _replaced(config, _MERGED, lambda _: None)
    return config


def is_recurrent(operation: Any) -> bool:
    """Whether a layer computes step by step."""
    return isinstance(operation, _RECURRENT)


def loops(model: keras.Model) -> list[str]:
    """Names of a model's layers that compute in a loop."""
    layers = model._flatten_layers()
    return [layer.name for layer in layers if isinstance(layer, keras.layers.RNN) and not layer.unroll]


def set_plain_weights(layer: Any, plain: Any) -> None:
    """Give the plain form of a layer its weights.

    Args:
        layer: The layer.
        plain: Its plain form, built; changed in place.
    """
    if grouped_kind(layer):
        plain.set_weights(grouped_weights(layer))
    elif is_quantized(layer):
        dequantize(layer, plain)
    else:
        plain.set_weights(layer.get_weights())


def _replaced(config: Any, keys: tuple[str, ...], make: Callable[[Any], Any]) -> Any:
    """A configuration in which some values are others, also in those of the layers in it."""
    if isinstance(config, dict):
        return {
            name: make(value) if name in keys else _replaced(value, keys, make)
            for name, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_replaced(value, keys, make) for value in config)
    return config


def _is_float(policy: Any) -> bool:
    """Whether what a configuration says of a type is one of floats; integers stay integers."""
    if isinstance(policy, str) and policy.startswith(("int", "uint", "bool")) and "_from_" not in policy:
        return False
    return policy is not None
