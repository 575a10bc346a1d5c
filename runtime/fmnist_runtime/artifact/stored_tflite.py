"""The constants of a TFLite graph and the types that its operators compute in."""

from __future__ import annotations

from collections.abc import Iterator

from fmnist_runtime.artifact.stored import Constant
from fmnist_runtime.safety.flatbuffer import Content
from fmnist_runtime.safety.tflite.graph import Graph, Operator, read_graph
from fmnist_runtime.safety.tflite.layers import WEIGHTS
from fmnist_runtime.safety.tflite.operators import LSTM, MOVING
from fmnist_runtime.safety.tflite.tensors import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    QUANTISED,
    type_name,
)

_FLOATS = {FLOAT16, FLOAT32, FLOAT64, BFLOAT16}
_MOVING = MOVING | {"CONCATENATION", "QUANTIZE", "DEQUANTIZE"}
"""Operators that compute nothing."""
_HYBRID = WEIGHTS.keys() | {LSTM, "BATCH_MATMUL"}
"""Operators that quantise floats as they come where their weights are integers, and multiply integers
(https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization)."""


def read(content: Content) -> tuple[list[Constant], list[bool]]:
    """Constants, and for each operator that computes whether it does so with integers.

    Raises:
        ValueError: The file is not sound.
    """
    graph = read_graph(content)
    tensors = [graph.tensors[index] for index in sorted(_weights(graph))]
    constants = [Constant(type_name(tensor.kind).lower(), tensor.elements, tensor.size) for tensor in tensors]
    kinds = (_is_integer(operator, graph) for operator in graph.operators if operator.name not in _MOVING)
    return constants, [kind for kind in kinds if kind is not None]


def _weights(graph: Graph) -> set[int]:
    """Indices of the constants that are computed with: not those that are shapes, axes or indices."""
    found = set()
    for operator in graph.operators:
        bias = WEIGHTS[operator.name].bias if operator.name in WEIGHTS else -1
        for place, index in enumerate(operator.inputs):
            tensor = graph.tensors[index] if index >= 0 else None
            if tensor and tensor.constant and (place == bias or tensor.kind in _FLOATS | QUANTISED):
                found.add(index)
    return found


def _is_integer(operator: Operator, graph: Graph) -> bool | None:
    """Whether an operator computes with quantised numbers; None where it has to do with shapes alone."""
    kinds = set(_kinds(operator.outputs, graph))
    if operator.name in _HYBRID and set(_kinds(operator.inputs[1:], graph)) & QUANTISED:
        return True
    kinds |= set(_kinds(operator.inputs, graph))
    if kinds & _FLOATS:
        return False
    return True if kinds & QUANTISED else None if kinds <= {INT32, INT64} else False


def _kinds(indices: tuple[int, ...], graph: Graph) -> Iterator[int]:
    return (graph.tensors[index].kind for index in indices if index >= 0)
