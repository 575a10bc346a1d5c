"""Layers that Keras quantised, or adapted at a low rank (LoRA), with plain weights.

A quantised layer of Keras rounds what it is given, too, row by row to 8 bits. The plain one does not, so the
two answer alike within that rounding only.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import UnsupportedError

_FLOAT8 = "float8_e4m3fn"
_CALIBRATED = ("is_gptq_calibrated", "is_awq_calibrated")
"""What a layer says of itself once its weights are quantised after an example."""


def is_quantized(layer: Any) -> bool:
    """Whether a layer, or one in it, has weights of another kind than floats of its own."""
    return any(
        getattr(part, "quantization_mode", None) or getattr(part, "lora_enabled", False)
        for part in layer._flatten_layers()
    )


def dequantize(layer: Any, plain: Any) -> None:
    """Give a layer without quantisation the weights that a quantised one stands for.

    Args:
        layer: The quantised layer.
        plain: The same without quantisation, built; changed in place.

    Raises:
        UnsupportedError: It is quantised in a way that is not known.
    """
    for part, other in zip(layer._flatten_layers(), plain._flatten_layers(), strict=True):
        own = [*other._trainable_variables, *other._non_trainable_variables]
        if not is_quantized(part) or part._layers:
            values = [*part._trainable_variables, *part._non_trainable_variables]
        elif isinstance(part, keras.layers.Embedding):
            values = [part(np.arange(part.input_dim))]
        elif isinstance(part, (keras.layers.Dense, keras.layers.EinsumDense)):
            values = [_kernel(part), *([] if part.bias is None else [part.bias])]
        else:
            values = []
        if len(values) != len(own):
            raise UnsupportedError(
                f"layer {part.name!r} is a {type(part).__name__} that Keras quantised to "
                f"{part.quantization_mode}, of which the weights are not known; save the model before "
                "quantize(), and export that"
            )
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)


def _kernel(layer: Any) -> Any:
    """The float kernel of a dense layer: what it gives for rows of the identity, which stay as they are."""
    if layer.quantization_mode == "float8":
        return keras.quantizers.quantize_and_dequantize(
            layer._kernel, layer.kernel_scale, _FLOAT8, layer.compute_dtype
        )
    bare = _bare(layer)
    if isinstance(layer, keras.layers.Dense):
        return np.asarray(bare(np.eye(layer.input_spec.axes[-1], dtype=np.float32)), np.float32)
    return _einsum_kernel(layer, bare)


def _bare(layer: Any) -> Any:
    """The layer with its weights, without bias and activation."""
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
    """The same of a layer such as ``abc,cde->abde``: the identity lies along the first axis, of the batch."""
    equation = layer.equation.replace("...", "")
    (inputs, kernel), outputs = equation.split("->")[0].split(","), equation.split("->")[1]
    sizes = dict(zip(kernel, layer.original_kernel_shape, strict=True))
    taken = [letter for letter in inputs if letter in sizes]
    lengths = [sizes[letter] for letter in taken]
    around = [1 for letter in inputs if letter not in sizes][1:]
    if inputs[: len(inputs) - len(taken)] != "".join(letter for letter in inputs if letter not in sizes):
        raise UnsupportedError(
            f"layer {layer.name!r} is a quantised EinsumDense of {layer.equation}, of which the weights are "
            "not known; save the model before quantize(), and export that"
        )
    identity = np.eye(int(np.prod(lengths)), dtype=np.float32).reshape(-1, *around, *lengths)
    result = np.asarray(bare(identity), np.float32)
    # Letters of the output that are not the kernel's are the batch, which counts the inputs, and single.
    rest = [letter for letter in outputs if letter in sizes]
    result = result.reshape(*lengths, *(sizes[letter] for letter in rest))
    summed: NDArray[np.float32] = np.einsum(f"{''.join(taken + rest)}->{kernel}", result)
    return summed
