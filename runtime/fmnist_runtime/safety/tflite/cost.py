"""The memory and products of a TFLite graph, and a summary for its session, from the file alone.

The declared shapes need not be the real ones, and the interpreter does not report what a delegate allocates.
So shapes are inferred by each operator's rule in the interpreter (https://github.com/google-ai-edge/LiteRT,
``tflite/kernels``). If a shape is uncertain, an upper bound of its elements is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fmnist_runtime.safety.tflite.graph import Tensor, TfliteGraph, TfliteOperator
from fmnist_runtime.safety.tflite.layers import WEIGHTS
from fmnist_runtime.safety.tflite.operators import POOLS
from fmnist_runtime.safety.tflite.shapes import RULES, Known, Step, of_shape, same

MAX_BYTES = 2**28
"""Largest size of all tensors except constants, for one image: 256 MB. The largest usual classifiers of
224×224 pixels take half of it."""


class GraphCost(NamedTuple):
    """What a run of a graph takes."""

    bytes: int
    """Memory of all tensors except constants."""
    products: int
    """Multiplications of convolutions and matrices."""


def cost(graph: TfliteGraph, batch: int) -> GraphCost:
    """Return what a run of a graph takes.

    Args:
        graph: A graph whose operators and tensors fit together.
        batch: Number of images.

    Raises:
        ValueError: It cannot be determined.
    """
    known = [Known(tensor.shape, tensor.elements, tensor.values) for tensor in graph.tensors]
    for index in graph.inputs:
        shape = graph.tensors[index].shape
        known[index] = of_shape((batch, *shape[1:]) if shape else ())
    size = sum(graph.tensors[index].bits * known[index].most for index in graph.inputs)
    size += sum(8 * tensor.size for tensor in graph.tensors if tensor.variable)
    products = 0
    for operator in graph.operators:
        step = Step(operator, tuple(known[index] for index in operator.inputs if index >= 0))
        try:
            made = RULES.get(operator.name, same)(step)
        except (ArithmeticError, LookupError) as error:
            raise ValueError(f"a {operator.name} of shapes that do not go together") from error
        for index in operator.outputs:
            known[index] = made
            size += graph.tensors[index].bits * made.most
        products += _products(step, made)
    return GraphCost(size // 8, products)


def _products(step: Step, made: Known) -> int:
    """Return the number of multiplications; at least one for each element."""
    name = step.operator.name
    if name == "TRANSPOSE_CONV":
        return step.inputs[2].most * step.inputs[1].most
    if name in WEIGHTS:
        weights = step.inputs[1]
        channels = (weights.shape or (1,))[WEIGHTS[name].channels]
        return made.most * -(-weights.most // max(channels, 1))
    if name == "BATCH_MATMUL":
        return made.most * ((step.inputs[0].shape or (step.inputs[0].most,))[-1])
    if name in POOLS:
        return made.most * step.option(3) * step.option(4)
    return made.most


_MOST_IMAGES = 256
"""Largest batch of any session."""
_LAYERS = {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN"}
_ACTIVATIONS = {"RELU", "RELU6", "PRELU", "LEAKY_RELU", "ELU", "GELU", "HARD_SWISH", "LOGISTIC", "TANH"}
_ACTIVATIONS |= {"SOFTMAX", "LOG_SOFTMAX"}
_ARITHMETIC = {"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "EXP", "RSQRT"}
_CONVERSIONS = {"QUANTIZE", "DEQUANTIZE", "CAST"}
_REARRANGEMENTS = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CONCATENATION", "PAD"}
_FIXED = _LAYERS | _ACTIVATIONS | _ARITHMETIC | _CONVERSIONS | _REARRANGEMENTS
"""Operators whose output has a fixed place in memory if their sizes are constants. Some others, such as a
SLICE of a batch of any size, are allocated at each run."""

_MOVES = {"QUANTIZE", "DEQUANTIZE", "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"}
"""Operators that only change the shape or type of values."""


class TfliteSummary(NamedTuple):
    """What a session must know of a graph, and the interpreter does not say."""

    fixed_shapes: bool
    """Whether every tensor's shape follows from the input's, so that a run moves none in memory. False if
    that is uncertain."""
    largest_batch: int
    """Largest batch for the allowed memory: a power of two."""
    stateful: bool
    """Whether it keeps a state between runs, as a recurrent network does."""
    producers: Mapping[int, str]
    """By the index of each output: the operator that computes it, before moves and conversions."""


def summarise(graph: TfliteGraph) -> TfliteSummary:
    """Summarise a graph whose operators and tensors fit together.

    Raises:
        ValueError: Its memory cannot be determined.
    """
    fixed = all(_is_fixed(operator, graph.tensors) for operator in graph.operators)
    stateful = any(tensor.variable for tensor in graph.tensors)
    batch = _MOST_IMAGES
    while batch > 1 and cost(graph, batch).bytes > MAX_BYTES:
        batch //= 2
    return TfliteSummary(fixed, batch, stateful, _makers(graph))


def _makers(graph: TfliteGraph) -> dict[int, str]:
    producers = {index: operator for operator in graph.operators for index in operator.outputs}
    found = {}
    for output in graph.outputs:
        operator = producers.get(output)
        while operator and operator.name in _MOVES and operator.inputs[0] in producers:
            operator = producers[operator.inputs[0]]
        found[output] = operator.name if operator else ""
    return found


def _is_fixed(operator: TfliteOperator, tensors: tuple[Tensor, ...]) -> bool:
    return operator.name in _FIXED and all(tensors[index].constant for index in operator.deciding)
