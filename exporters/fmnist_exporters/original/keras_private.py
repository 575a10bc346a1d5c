"""Private names of Keras, in one place.

Keras documents how to build a graph of layers, not how to read one. An export walks the graph call by call,
and folds a layer into its neighbour only where nothing else uses it. The names are those of Keras 3.15;
``tests/exporters/test_private_names.py`` checks that the installed Keras still has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class LayerCall(NamedTuple):
    """One call of a layer or operation in a functional model."""

    operation: Any
    """The layer, or the operation of ``keras.ops``."""
    arguments: Any
    """Its arguments: ``args``, ``kwargs``, and the symbolic ones among them, ``keras_tensors``."""
    output: int
    """Position of the tensor among the results."""


def call_of(tensor: Any) -> LayerCall:
    """Return the call that made a symbolic tensor (``KerasTensor._keras_history``)."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return LayerCall(history.operation, node.arguments, history.tensor_index)


def call_count(operation: Any) -> int:
    """Return how often an operation is called (``Operation._inbound_nodes``)."""
    return len(operation._inbound_nodes)


def use_count(operation: Any) -> int:
    """Return how many calls take a result of an operation (``Operation._outbound_nodes``)."""
    return len(operation._outbound_nodes)


def results(operation: Any) -> Iterator[Any]:
    """Yield the symbolic results of all calls of an operation (``Operation._inbound_nodes``)."""
    for node in operation._inbound_nodes:
        yield from node.output_tensors


def layers_in(layer: Any) -> list[Any]:
    """Return a layer and all layers inside it (``Layer._flatten_layers``; only models have ``layers``)."""
    return list(layer._flatten_layers())


def run_graph(model: Any, inputs: tuple[Any, ...], call: Callable[..., Any]) -> Any:
    """Pass each operation of a functional model and its arguments to ``call``, in order.

    This is ``Function._run_through_graph``. The public ``keras.models.clone_model`` only makes a new model.
    """
    return model._run_through_graph(inputs, call_fn=call)
