"""Which types the tensors of a TFLite operator may have together.

Some kernels do not compare them: they write float32 into an int8 tensor, and divide by a scale that is
not there.
"""

from __future__ import annotations

from fmnist_runtime.safety.tflite.graph import Operator
from fmnist_runtime.safety.tflite.operators import (
    ARITHMETIC,
    COMPARISONS,
    LOGIC,
    LSTM,
    MOVING,
    SEARCHES,
)
from fmnist_runtime.safety.tflite.tensors import (
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
    type_name,
)

_MAIN = {"TRANSPOSE_CONV": 2, "SPLIT": 1, "SELECT": 1, "SELECT_V2": 1, "FILL": 1, "ONE_HOT": 2}
"""Which input has the type of the output, where it is not the first."""
_OUTPUTS = {
    **{name: {BOOL} for name in COMPARISONS},
    **{name: {INT32, INT64} for name in SEARCHES | {"SHAPE", "RANK"}},
    "DEQUANTIZE": {FLOAT32},
    "QUANTIZE": {INT32, *QUANTISED},
    "CAST": {FLOAT16, FLOAT32, FLOAT64, BOOL, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64},
}
"""Types of the output, where they are not that of an input."""
_ALIKE = ARITHMETIC | COMPARISONS | LOGIC | {"ADD_N", "PRELU", "PACK", "CONCATENATION"}
"""Operators all of whose inputs are of one type."""
_UNSCALED = MOVING | {"SELECT", "SELECT_V2", LSTM}
"""Operators that take small integers as they are, and so need no scale."""
_WEIGHTS = {
    FLOAT32: {FLOAT32, UINT8, INT8, INT4, INT2},
    UINT8: {UINT8},
    INT8: {INT8, INT4, INT2},
    INT16: {INT8, INT4},
}
"""Types of weights, by that of what they are multiplied with."""
_BIASES = {FLOAT32: {FLOAT32}, UINT8: {INT32}, INT8: {INT32}, INT16: {INT32, INT64}}


def check_types(operator: Operator, tensors: tuple[Tensor, ...]) -> None:
    """Check the types of an operator's tensors, and that those have a scale that are multiplied by one.

    Raises:
        ValueError: They do not go together.
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


def check_weight_types(operator: Operator, pixels: Tensor, weights: Tensor, bias: Tensor | None) -> None:
    """Check the types of a convolution or a dense layer.

    Raises:
        ValueError: They do not go together.
    """
    biases = _BIASES.get(pixels.kind, set())
    if weights.kind not in _WEIGHTS.get(pixels.kind, ()) or (bias is not None and bias.kind not in biases):
        types = f"{type_name(pixels.kind)} with weights of {type_name(weights.kind)}"
        raise ValueError(f"a {operator.name} of {types}")
