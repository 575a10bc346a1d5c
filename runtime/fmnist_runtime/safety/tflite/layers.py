"""What the kernels of layers take for granted of types, weights and options.

Some kernels do not compare types: they write float32 into an int8 tensor, and divide by a scale that does not
exist.
"""

from __future__ import annotations

from typing import NamedTuple

from fmnist_runtime.safety.tflite.graph import (
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT2,
    INT4,
    INT8,
    INT16,
    INT32,
    INT64,
    QUANTISED,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Tensor,
    TfliteOperator,
    type_name,
)
from fmnist_runtime.safety.tflite.operators import (
    ARITHMETIC,
    COMPARISONS,
    LOGIC,
    LSTM,
    MAX_SIZE,
    MOVING,
    POOLS,
    SEARCHES,
)


class Weights(NamedTuple):
    """The weights of an operator."""

    rank: int
    """Number of dimensions."""
    channels: int
    """Axis of the output channels."""
    pixels: int = 0
    """Index of the input that they are multiplied with. The weights themselves have index 1."""
    bias: int = 2
    """Index of the bias."""


WEIGHTS = {
    "CONV_2D": Weights(rank=4, channels=0),
    "DEPTHWISE_CONV_2D": Weights(rank=4, channels=3),
    "FULLY_CONNECTED": Weights(rank=2, channels=0),
    "TRANSPOSE_CONV": Weights(rank=4, channels=0, pixels=2, bias=3),
    "CONV_3D": Weights(rank=5, channels=4),
}
"""By the operator's name."""
_STEPS = {
    **{pool: {1: 0, 2: 0, 3: 0, 4: 0} for pool in POOLS},
    "CONV_2D": {1: 0, 2: 0, 4: 1, 5: 1},
    "DEPTHWISE_CONV_2D": {1: 0, 2: 0, 5: 1, 6: 1},
    "TRANSPOSE_CONV": {1: 0, 2: 0},
    "CONV_3D": {1: 0, 2: 0, 3: 0, 5: 1, 6: 1, 7: 1},
    "DEPTH_TO_SPACE": {0: 0},
    "SPACE_TO_DEPTH": {0: 0},
}
"""By operator: the fields of its options that must be at least 1, and the default of each. The default of
strides, windows and block sizes is 0, that of dilations 1.

See Pool2DOptions, Conv2DOptions, DepthwiseConv2DOptions, TransposeConvOptions, Conv3DOptions,
DepthToSpaceOptions and SpaceToDepthOptions in the schema.
"""


def check_weights(operator: TfliteOperator, tensors: tuple[Tensor, ...]) -> None:
    """Check the number, scales and biases of an operator's weights.

    Raises:
        ValueError: They do not fit its output channels.
    """
    expected = WEIGHTS.get(operator.name)
    if expected is None:
        return
    weights = tensors[operator.inputs[1]]
    if len(weights.shape) != expected.rank or (weights.constant and not weights.elements):
        raise ValueError(f"a {operator.name} with weights of shape {weights.shape}")
    if weights.scales > 1 and weights.axis != expected.channels:
        raise ValueError(f"a {operator.name} with scales along axis {weights.axis}")
    index = operator.inputs[expected.bias] if expected.bias < len(operator.inputs) else -1
    bias = tensors[index] if index >= 0 else None
    kind = tensors[operator.inputs[expected.pixels]].kind
    if weights.kind not in _WEIGHTS.get(kind, ()) or (bias and bias.kind not in _BIASES.get(kind, ())):
        types = f"{type_name(kind)} with weights of {type_name(weights.kind)}"
        raise ValueError(f"a {operator.name} of {types}")
    channels = weights.shape[expected.channels]
    if bias is not None and bias.elements != channels:
        raise ValueError(f"a {operator.name} of {channels:,} channels with {bias.elements:,} biases")


def check_steps(operator: TfliteOperator) -> None:
    """Check that a kernel's divisors are not zero, nor so large that they overflow.

    Raises:
        ValueError: One is.
    """
    for field, default in _STEPS.get(operator.name, {}).items():
        number = operator.options.number(field, "i", default) if operator.options else 0
        if not 1 <= number <= MAX_SIZE:
            raise ValueError(f"a {operator.name} in steps of {number:,}")


_MAIN = {"TRANSPOSE_CONV": 2, "SPLIT": 1, "SELECT": 1, "SELECT_V2": 1, "FILL": 1, "ONE_HOT": 2}
"""Index of the input that has the output's type, if it is not the first."""
_OUTPUTS = {
    **{name: {BOOL} for name in COMPARISONS},
    **{name: {INT32, INT64} for name in SEARCHES | {"SHAPE", "RANK"}},
    "DEQUANTIZE": {FLOAT32},
    "QUANTIZE": {INT32, *QUANTISED},
    "CAST": {FLOAT16, FLOAT32, FLOAT64, BOOL, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64},
}
"""Types of the output, if they are not that of an input."""
_ALIKE = ARITHMETIC | COMPARISONS | LOGIC | {"ADD_N", "PRELU", "PACK", "CONCATENATION"}
"""Operators whose inputs all have one type."""
_UNSCALED = MOVING | {"SELECT", "SELECT_V2", LSTM}
"""Operators that need no scale for small integers."""
_WEIGHTS = {
    FLOAT32: {FLOAT32, UINT8, INT8, INT4, INT2},
    UINT8: {UINT8},
    INT8: {INT8, INT4, INT2},
    INT16: {INT8, INT4},
}
"""Types of weights, by the type of the other factor."""
_BIASES = {FLOAT32: {FLOAT32}, UINT8: {INT32}, INT8: {INT32}, INT16: {INT32, INT64}}


def check_types(operator: TfliteOperator, tensors: tuple[Tensor, ...]) -> None:
    """Check the types of an operator's tensors, and that quantised ones have a scale.

    Raises:
        ValueError: They do not fit together.
    """
    inputs = [tensors[index] for index in operator.inputs if index >= 0]
    outputs = [tensors[index] for index in operator.outputs]
    place = _MAIN.get(operator.name, 0)
    if place >= len(inputs):
        raise ValueError(f"a {operator.name} of {len(inputs)} tensors")
    wanted = _OUTPUTS.get(operator.name, {inputs[place].kind})
    if outputs[0].kind not in wanted or any(tensor.kind in (INT4, INT2) for tensor in outputs):
        first, made = type_name(inputs[place].kind), type_name(outputs[0].kind)
        raise ValueError(f"a {operator.name} from {first} to {made}")
    if operator.name == "TOPK_V2":
        wanted = {INT32, INT16}
    if any(tensor.kind not in wanted for tensor in outputs[1:]):
        raise ValueError(f"a {operator.name} into several types")
    if operator.name in _ALIKE and len({tensor.kind for tensor in inputs}) > 1:
        raise ValueError(f"a {operator.name} of several types")
    if operator.name not in _UNSCALED:
        for tensor in (*inputs, *outputs):
            if tensor.kind in QUANTISED and not tensor.scales:
                raise ValueError(f"a {operator.name} of integers without a scale")
