"""How much a TFLite graph takes when it is run, worked out from the file alone.

The shapes a file declares need not be those its operators make, and what a delegate makes of them the
interpreter does not tell. So they are inferred here, by each operator's rule in the interpreter
(https://github.com/google-ai-edge/LiteRT, ``tflite/kernels``). Where a shape is not certain, an upper
bound of its elements goes on.
"""

from __future__ import annotations

from typing import NamedTuple

from fmnist_runtime.safety.tflite import moving_rules
from fmnist_runtime.safety.tflite import shapes as layer_rules
from fmnist_runtime.safety.tflite.graph import Graph
from fmnist_runtime.safety.tflite.known import Known, Step, of_shape, same
from fmnist_runtime.safety.tflite.layers import WEIGHTS
from fmnist_runtime.safety.tflite.operators import POOLS

MAX_BYTES = 2**28
"""What all tensors of a model that are no constants may take, for one image: 256 MB, of which the largest
usual classifiers of 224×224 pixels take half."""
_RULES = {**layer_rules.RULES, **moving_rules.RULES}
"""By the operator's name; `same` for all others."""


class Cost(NamedTuple):
    """What a graph takes at once, all of its tensors and constants aside."""

    bytes: int
    """Memory."""
    products: int
    """Multiplications of its convolutions and matrices."""


def cost(graph: Graph, batch: int) -> Cost:
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
    return Cost(size // 8, products)


def _infer(step: Step) -> Known:
    try:
        return _RULES.get(step.operator.name, same)(step)
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
