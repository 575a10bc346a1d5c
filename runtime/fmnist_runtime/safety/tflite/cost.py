"""How much a TFLite graph takes when it is run, worked out from the file alone.

The shapes a file declares need not be those its operators make, and what a delegate makes of them the
interpreter does not tell. So they are inferred here, by each operator's rule in the interpreter
(https://github.com/google-ai-edge/LiteRT, ``tflite/kernels``). Where a shape is not certain, an upper
bound of its elements goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fmnist_runtime.safety.tflite.graph import Tensor, TfliteGraph, TfliteOperator
from fmnist_runtime.safety.tflite.layers import WEIGHTS
from fmnist_runtime.safety.tflite.operators import POOLS
from fmnist_runtime.safety.tflite.shapes import RULES, Known, Step, of_shape, same

MAX_BYTES = 2**28
"""What all tensors of a model that are no constants may take, for one image: 256 MB, of which the largest
usual classifiers of 224×224 pixels take half."""


class GraphCost(NamedTuple):
    """What a graph takes at once, all of its tensors and constants aside."""

    bytes: int
    """Memory."""
    products: int
    """Multiplications of its convolutions and matrices."""


def cost(graph: TfliteGraph, batch: int) -> GraphCost:
    """What running a graph takes.

    Args:
        graph: A graph whose operators and tensors fit together.
        batch: How many images at once.

    Raises:
        ValueError: How much cannot be told.
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
        made = _infer(step)
        for index in operator.outputs:
            known[index] = made
            size += graph.tensors[index].bits * made.most
        products += _products(step, made)
    return GraphCost(size // 8, products)


def _infer(step: Step) -> Known:
    try:
        return RULES.get(step.operator.name, same)(step)
    except (ArithmeticError, LookupError) as error:
        raise ValueError(f"a {step.operator.name} of shapes that do not go together") from error


def _products(step: Step, made: Known) -> int:
    """Multiplications; at least one for each element that is made."""
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


class TfliteSummary(NamedTuple):
    """How a model may be run."""

    fixed_shapes: bool
    """Whether every tensor's shape follows from the input's, so that running the model moves none in memory.
    False also where that is not certain."""
    largest_batch: int
    """How many images it may be given at once, for the memory that takes: a power of two."""
    stateful: bool
    """Whether it keeps anything from one run to the next, as a recurrent network does."""
    producers: Mapping[int, str]
    """By the index of each output, the operator that gives it its values; moves and conversions do not."""


def summarise(graph: TfliteGraph) -> TfliteSummary:
    """How a graph may be run whose operators and tensors fit together.

    Raises:
        ValueError: How much it takes cannot be told.
    """
    fixed = all(_is_fixed(operator, graph.tensors) for operator in graph.operators)
    stateful = any(tensor.variable for tensor in graph.tensors)
    return TfliteSummary(fixed, _largest_batch(graph), stateful, _makers(graph))


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


def _largest_batch(graph: TfliteGraph) -> int:
    batch = _MOST_IMAGES
    while batch > 1 and cost(graph, batch).bytes > MAX_BYTES:
        batch //= 2
    return batch
