"""How a TFLite graph may be run: what a session has to know, and the interpreter does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fmnist_runtime.safety.tflite.cost import MAX_BYTES, cost
from fmnist_runtime.safety.tflite.graph import Graph, Operator
from fmnist_runtime.safety.tflite.tensors import Tensor

_MOST_IMAGES = 256
"""No session runs more at once."""
_LAYERS = {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN"}
_ACTIVATIONS = {"RELU", "RELU6", "PRELU", "LEAKY_RELU", "ELU", "GELU", "HARD_SWISH", "LOGISTIC", "TANH"}
_ACTIVATIONS |= {"SOFTMAX", "LOG_SOFTMAX"}
_ARITHMETIC = {"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "EXP", "RSQRT"}
_CONVERSIONS = {"QUANTIZE", "DEQUANTIZE", "CAST"}
_REARRANGEMENTS = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CONCATENATION", "PAD"}
_FIXED = _LAYERS | _ACTIVATIONS | _ARITHMETIC | _CONVERSIONS | _REARRANGEMENTS
"""Operators whose output has its place before they are run, when their sizes are constants. Of the others
some have not: a SLICE of a batch of any size is worked out anew each time."""

_MOVES = {"QUANTIZE", "DEQUANTIZE", "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"}
"""Operators that give other shapes or types to the same values."""


class Running(NamedTuple):
    """How a model may be run."""

    fixed_shapes: bool
    """Whether every tensor's shape follows from the input's, so that running the model moves none in memory.
    False also where that is not certain."""
    largest_batch: int
    """How many images it may be given at once, for the memory that takes: a power of two."""
    stateful: bool
    """Whether it keeps anything from one run to the next, as a recurrent network does."""
    makers: Mapping[int, str]
    """By the index of each output, the operator that gives it its values; moves and conversions do not."""


def running(graph: Graph) -> Running:
    """How a graph may be run whose operators and tensors fit together.

    Raises:
        ValueError: How much it takes cannot be told.
    """
    fixed = all(_is_fixed(operator, graph.tensors) for operator in graph.operators)
    stateful = any(tensor.variable for tensor in graph.tensors)
    return Running(fixed, _largest_batch(graph), stateful, _makers(graph))


def _makers(graph: Graph) -> dict[int, str]:
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    found = {}
    for output in graph.outputs:
        operator = makers.get(output)
        while operator and operator.name in _MOVES and operator.inputs[0] in makers:
            operator = makers[operator.inputs[0]]
        found[output] = operator.name if operator else ""
    return found


def _is_fixed(operator: Operator, tensors: tuple[Tensor, ...]) -> bool:
    return operator.name in _FIXED and all(tensors[index].constant for index in operator.deciding)


def _largest_batch(graph: Graph) -> int:
    batch = _MOST_IMAGES
    while batch > 1 and cost(graph, batch).bytes > MAX_BYTES:
        batch //= 2
    return batch
