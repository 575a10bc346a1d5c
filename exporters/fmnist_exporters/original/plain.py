"""The plain form of a layer: float weights of one type, and no loops, groups or quantisation.

The engines compute in float32 and have no operators for the loops of recurrent layers, nor for the grouped
convolutions and quantised weights that Keras compiles for its own use.

A quantised layer of Keras also rounds its input to 8 bits, row by row. The plain form does not, so that the
two agree only within that rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.keras_private import layers_in
from fmnist_runtime.errors import UnsupportedError

_RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed)
_MERGED = ("lora_rank", "lora_alpha", "quantization_config")
"""Settings whose effect becomes part of a layer's weights."""
_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_FLOAT8 = "float8_e4m3fn"
_CALIBRATED = ("is_gptq_calibrated", "is_awq_calibrated")
"""Attributes that a layer sets once its weights are quantised with calibration data."""


def plain_kind(operation: Any) -> Any:
    """Return the class of the plain form of an operation."""
    return _grouped_kind(operation) or type(operation)


def plain_config(operation: Any, dtype: str, unroll: bool) -> Any:
    """Return the configuration of the plain form of a layer, or of an operation of ``keras.ops``.

    Args:
        operation: The layer or operation.
        dtype: The type to compute in, such as ``float32``.
        unroll: Give each step of a recurrent layer its own operators.
    """
    config = _grouped_config(operation) if _grouped_kind(operation) else operation.get_config()
    config = _replaced(config, ("dtype",), lambda policy: dtype if _is_float(policy) else policy)
    if unroll and is_recurrent(operation):
        config = _replaced(config, ("unroll",), lambda _: True)
    if isinstance(operation, keras.layers.Layer) and _is_quantized(operation):
        config = _replaced(config, _MERGED, lambda _: None)
    return config


def set_plain_weights(layer: Any, plain: Any) -> None:
    """Set the weights of a layer's plain form, which is built.

    Raises:
        UnsupportedError: The layer is quantised in an unknown way.
    """
    if _grouped_kind(layer):
        plain.set_weights(_grouped_weights(layer))
    elif _is_quantized(layer):
        _dequantize(layer, plain)
    else:
        plain.set_weights(layer.get_weights())


def is_recurrent(operation: Any) -> bool:
    """Return whether a layer computes step by step."""
    return isinstance(operation, _RECURRENT)


def loops(model: keras.Model) -> list[str]:
    """Return the names of a model's layers that compute in a loop."""
    layers = (layer for layer in layers_in(model) if isinstance(layer, keras.layers.RNN))
    return [layer.name for layer in layers if not layer.unroll]


def _replaced(config: Any, keys: tuple[str, ...], make: Callable[[Any], Any]) -> Any:
    """Return a configuration with some values replaced, also in nested layers."""
    if isinstance(config, dict):
        return {
            name: make(value) if name in keys else _replaced(value, keys, make)
            for name, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_replaced(value, keys, make) for value in config)
    return config


def _is_float(policy: Any) -> bool:
    """Return whether a dtype in a configuration is a float type; integers stay integers."""
    if isinstance(policy, str) and policy.startswith(("int", "uint", "bool")) and "_from_" not in policy:
        return False
    return policy is not None


class _Split:
    """Computes each group of channels by its own convolution and concatenates the results."""

    def call(self: Any, inputs: Any) -> Any:
        """Convolve ``inputs``."""
        padding, axis = self.padding, -1 if self.data_format == "channels_last" else 1
        if padding == "causal":  # Conv1D only
            spatial = [self.dilation_rate[0] * (self.kernel_size[0] - 1), 0]
            pads = [spatial, [0, 0]] if axis == -1 else [[0, 0], spatial]
            inputs = keras.ops.pad(inputs, [[0, 0], *pads])
            padding = "valid"
        parts = keras.ops.split(inputs, self.groups, axis)
        kernels = keras.ops.split(self.kernel, self.groups, -1)
        settings = (list(self.strides), padding, self.data_format, self.dilation_rate)
        outputs = [keras.ops.conv(*pair, *settings) for pair in zip(parts, kernels, strict=True)]
        outputs = keras.ops.concatenate(outputs, axis)
        if self.use_bias:
            around = (1,) * self.rank
            shape = (1, *around, -1) if axis == -1 else (1, -1, *around)
            outputs = outputs + keras.ops.reshape(self.bias, shape)
        return outputs if self.activation is None else self.activation(outputs)


SPLIT = {kind: type(f"Split{kind.__name__}", (_Split, kind), {}) for kind in _CONVOLUTIONS}
"""Classes of grouped convolutions, by Keras's class."""


def _grouped_kind(operation: Any) -> Any:
    """Return the class that replaces a grouped convolution; None for any other operation."""
    if type(operation) not in _CONVOLUTIONS or operation.groups == 1:
        return None
    return keras.layers.DepthwiseConv2D if _is_depthwise(operation) else SPLIT[type(operation)]


def _grouped_config(layer: Any) -> dict[str, Any]:
    config: dict[str, Any] = layer.get_config()
    if not _is_depthwise(layer):
        return config
    groups, filters = config.pop("groups"), config.pop("filters")
    for name in ("initializer", "regularizer", "constraint"):
        config[f"depthwise_{name}"] = config.pop(f"kernel_{name}")
    return {**config, "depth_multiplier": filters // groups}


def _grouped_weights(layer: Any) -> list[NDArray[Any]]:
    kernel, *bias = (np.asarray(weight) for weight in layer.get_weights())
    if _is_depthwise(layer):
        kernel = kernel.reshape(*kernel.shape[:2], layer.groups, -1)
    return [kernel, *bias]


def _is_depthwise(layer: Any) -> bool:
    """Return whether each channel is a group, in a form for which the engines have an operator."""
    single = type(layer) is keras.layers.Conv2D and layer.kernel.shape[2] == 1
    even = len(set(layer.strides)) == len(set(layer.dilation_rate)) == 1
    one = 1 in (layer.strides[0], layer.dilation_rate[0])
    return single and even and one and layer.data_format == "channels_last"


def _is_quantized(layer: Any) -> bool:
    """Return whether a layer, or one inside it, is quantised or has a low-rank adapter (LoRA)."""
    names = ("quantization_mode", "lora_enabled")
    return any(getattr(part, name, None) for part in layers_in(layer) for name in names)


def _dequantize(layer: Any, plain: Any) -> None:
    """Assign the float weights that a quantised layer represents to its plain form."""
    for part, other in zip(layers_in(layer), layers_in(plain), strict=True):
        own = _own_weights(other)
        if not _is_quantized(part) or len(layers_in(part)) > 1:
            values = _own_weights(part)
        elif isinstance(part, keras.layers.Embedding):
            values = [part(np.arange(part.input_dim))]
        elif isinstance(part, (keras.layers.Dense, keras.layers.EinsumDense)):
            values = [_float_kernel(part), *([] if part.bias is None else [part.bias])]
        else:
            values = []
        if len(values) != len(own):
            raise UnsupportedError(
                f"layer {part.name!r} is a {type(part).__name__} that Keras quantised to "
                f"{part.quantization_mode}, whose weights cannot be read; save the model before quantize(), "
                "and export that"
            )
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)


def _own_weights(layer: Any) -> list[Any]:
    """Return the weights of a layer itself, without those of layers inside it."""
    nested = {id(weight) for part in layers_in(layer)[1:] for weight in part.weights}
    return [weight for weight in layer.weights if id(weight) not in nested]


def _float_kernel(layer: Any) -> Any:
    """Return the float kernel of a dense layer: its result for the rows of the identity, which are exact."""
    if layer.quantization_mode == "float8":
        return keras.quantizers.quantize_and_dequantize(
            layer.kernel, layer.kernel_scale, _FLOAT8, layer.compute_dtype
        )
    bare = _bare(layer)
    if isinstance(layer, keras.layers.Dense):
        return np.asarray(bare(np.eye(layer.input_spec.axes[-1], dtype=np.float32)), np.float32)
    return _einsum_kernel(layer, bare)


def _bare(layer: Any) -> Any:
    """Return the layer with its weights, but without bias and activation."""
    bias = {"bias_axes": None} if isinstance(layer, keras.layers.EinsumDense) else {"use_bias": False}
    bare = type(layer).from_config({**layer.get_config(), "activation": None, **bias})
    bare.build(layer.get_build_config()["input_shape"])
    weights = {weight.name: weight for weight in layer.weights}
    for weight in bare.weights:
        weight.assign(weights[weight.name])
    for flag in _CALIBRATED:
        if hasattr(layer, flag):
            setattr(bare, flag, getattr(layer, flag))
    return bare


def _einsum_kernel(layer: Any, bare: Any) -> NDArray[np.float32]:
    """Return the kernel of a layer such as ``abc,cde->abde``, with the identity along the batch axis."""
    equation = layer.equation.replace("...", "")
    (inputs, kernel), outputs = equation.split("->")[0].split(","), equation.split("->")[1]
    sizes = dict(zip(kernel, layer.original_kernel_shape, strict=True))
    taken = [letter for letter in inputs if letter in sizes]
    lengths = [sizes[letter] for letter in taken]
    around = [1 for letter in inputs if letter not in sizes][1:]
    if inputs[: len(inputs) - len(taken)] != "".join(letter for letter in inputs if letter not in sizes):
        raise UnsupportedError(
            f"layer {layer.name!r} is a quantised EinsumDense of {layer.equation}, whose weights cannot be "
            "read; save the model before quantize(), and export that"
        )
    identity = np.eye(int(np.prod(lengths)), dtype=np.float32).reshape(-1, *around, *lengths)
    result = np.asarray(bare(identity), np.float32)
    # Output letters that the kernel does not have are the batch, which counts the inputs, and axes of size 1.
    rest = [letter for letter in outputs if letter in sizes]
    result = result.reshape(*lengths, *(sizes[letter] for letter in rest))
    summed: NDArray[np.float32] = np.einsum(f"{''.join(taken + rest)}->{kernel}", result)
    return summed
