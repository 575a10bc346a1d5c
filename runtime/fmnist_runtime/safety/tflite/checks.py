"""Checks of a TFLite file before the interpreter sees it, which trusts nearly everything in it."""

from __future__ import annotations

from fmnist_runtime.safety.flatbuffer import Content
from fmnist_runtime.safety.tflite.cost import MAX_BYTES, GraphCost, TfliteSummary, cost, summarise
from fmnist_runtime.safety.tflite.graph import (
    INT32,
    INT64,
    MOST_VALUES,
    Tensor,
    TfliteGraph,
    TfliteOperator,
    read_graph,
)
from fmnist_runtime.safety.tflite.layers import WEIGHTS, check_steps, check_types, check_weights
from fmnist_runtime.safety.tflite.lstm import check_lstm
from fmnist_runtime.safety.tflite.operators import LSTM, MAX_SIZE, REDUCTIONS, SEARCHES

_MAX_PRODUCTS = 2**36
"""Three times the products of the largest usual classifiers for an image of 224×224 pixels: some ten
seconds."""
_ALONG = REDUCTIONS | SEARCHES | {"SPLIT", "SPLIT_V", "TRANSPOSE", "EXPAND_DIMS", "CUMSUM"}
"""Operators along axes, which no converter computes at run time."""
_CUTTING = {"SLICE", "STRIDED_SLICE"}
"""Operators that only make tensors smaller. The largest number there stands for the end."""


def check(content: Content) -> TfliteSummary:
    """Check everything that the interpreter takes for granted.

    Returns:
        A summary for the session.

    Raises:
        ValueError: A check fails.
    """
    graph = read_graph(content)
    _check_order(graph)
    for operator in graph.operators:
        check_types(operator, graph.tensors)
        _check_sizes(operator, graph.tensors)
        check_weights(operator, graph.tensors)
        check_steps(operator)
        if operator.name == LSTM:
            check_lstm(operator, graph.tensors)
    images = (graph.tensors[index].shape for index in graph.inputs)
    _require_affordable(cost(graph, max((shape[0] for shape in images if shape), default=1)))
    declared = sum(tensor.size for tensor in graph.tensors if not tensor.constant)
    _require_affordable(GraphCost(declared, 0))  # the interpreter may allocate it before it infers the shapes
    return summarise(graph)


def _require_affordable(needed: GraphCost) -> None:
    if needed.bytes > MAX_BYTES:
        raise ValueError(
            f"it takes {needed.bytes:,} bytes for an image, at most {MAX_BYTES:,} are given to a model"
        )
    if needed.products > _MAX_PRODUCTS:
        raise ValueError(
            f"it takes {needed.products:,} products for an image, at most {_MAX_PRODUCTS:,} are allowed"
        )


def _check_order(graph: TfliteGraph) -> None:
    """Check that every tensor is made once, before it is used, and that every operator is used."""
    tensors = graph.tensors
    known = {index for index, tensor in enumerate(tensors) if tensor.constant or tensor.variable}
    if not known.isdisjoint(graph.inputs):
        raise ValueError("its input is a constant")
    known |= {index for index, tensor in enumerate(tensors) if not tensor.elements} | set(graph.inputs)
    made: set[int] = set()
    for operator in graph.operators:
        kind = operator.kind
        if not kind.fewest <= len(operator.inputs) <= kind.most or not operator.outputs:
            raise ValueError(f"a {kind.name} of {len(operator.inputs)} tensors")
        if -1 in operator.inputs[: _needed(operator)]:
            raise ValueError(f"a {kind.name} that lacks a tensor")
        if not known.issuperset(index for index in operator.inputs if index >= 0):
            raise ValueError(f"a {kind.name} of a tensor that is not there yet")
        if not known.isdisjoint(operator.outputs) or len(set(operator.outputs)) < len(operator.outputs):
            raise ValueError(f"a {kind.name} into a tensor that is there already")
        known.update(operator.outputs)
        made.update(operator.outputs)
    if not made.issuperset(graph.outputs):
        raise ValueError("its output is never made")
    used = set(graph.outputs).union(*(operator.inputs for operator in graph.operators))
    for operator in graph.operators:  # the XNNPACK of ai-edge-litert 1.2 ends the process over some of these
        if used.isdisjoint(operator.outputs):
            raise ValueError(f"a {operator.name} whose output nothing uses; convert the model without it")


def _needed(operator: TfliteOperator) -> int:
    """Return how many inputs, from the first, are required: all except a bias and the parts of an LSTM."""
    if operator.name == LSTM:
        return 1
    return operator.kind.fewest if operator.name in WEIGHTS else len(operator.inputs)


def _check_sizes(operator: TfliteOperator, tensors: tuple[Tensor, ...]) -> None:
    """Check the inputs that decide a shape: few integers, and small ones if the file has them."""
    for index in operator.deciding:
        tensor = tensors[index]
        if tensor.kind not in (INT32, INT64) or tensor.elements > MOST_VALUES:
            raise ValueError(f"a {operator.name} of sizes {tensor.shape}")
        if not tensor.constant and operator.name in _ALONG:
            raise ValueError(f"a {operator.name} along an axis that is computed")
        if tensor.values and operator.name not in _CUTTING:
            largest = max(tensor.values, key=abs)
            if abs(largest) > MAX_SIZE:
                raise ValueError(f"a {operator.name} by {largest:,}")
