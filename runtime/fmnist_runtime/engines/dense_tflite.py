"""The dense network in a TFLite file.

Numbers of fields and types are those of the schema that `fmnist_runtime.safety.tflite.graph` names.
"""

from __future__ import annotations

import numpy as np

from fmnist_runtime.engines.dense import Chain, DenseNetwork, Floats
from fmnist_runtime.safety.flatbuffer import Content
from fmnist_runtime.safety.tflite.graph import FLOAT16, FLOAT32, TfliteGraph, TfliteOperator, read_graph

_DTYPES = {FLOAT32: "<f4", FLOAT16: "<f2"}
_FUSED = {0: "linear", 1: "relu"}
"""Values of ActivationFunctionType. The interpreter has no dense layer with TANH."""
_ACTIVATIONS = {"RELU": "relu", "LOGISTIC": "sigmoid", "TANH": "tanh", "SOFTMAX": "softmax"}
_ONE = 0x3F800000
"""The bits of 1 in float32."""


def read_network(content: Content) -> DenseNetwork:
    """Read a sequence of dense layers from the bytes of a TFLite file that has been checked.

    Raises:
        ValueError: It holds something else, or other numbers than float32 and float16.
    """
    graph = read_graph(content)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError(f"it has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs")
    return _Reader(graph, content).network()


class _Reader:
    """Follows the single path from the input to the output."""

    def __init__(self, graph: TfliteGraph, content: Content) -> None:
        self._graph, self._content = graph, content
        [self._place] = graph.inputs
        self._batch, *shape = graph.tensors[self._place].shape or (1,)
        self._chain = Chain(tuple(shape))
        self._widened: dict[int, int] = {}
        """By a float32 tensor: the float16 constant that it is computed from."""

    def network(self) -> DenseNetwork:
        for operator in self._graph.operators:
            source = operator.inputs[0]
            if operator.name == "DEQUANTIZE" and self._graph.tensors[source].constant:
                self._widened[operator.outputs[0]] = source
            else:
                self._follow(operator)
        if (self._place,) != self._graph.outputs:
            raise ValueError("its output is not what its last operator gives")
        return self._chain.network()

    def _follow(self, operator: TfliteOperator) -> None:
        read = {"RESHAPE": self._reshape, "MUL": self._scale, "FULLY_CONNECTED": self._dense}
        if operator.name not in read and operator.name not in _ACTIVATIONS:
            raise ValueError(f"it has a {operator.name}")
        inputs = list(operator.inputs)
        if self._place not in inputs or (operator.name != "MUL" and inputs[0] != self._place):
            raise ValueError(f"it has a {operator.name} that does not take what the operator before it gives")
        inputs.remove(self._place)
        read.get(operator.name, self._activate)(operator, inputs)
        self._place = operator.outputs[0]

    def _reshape(self, operator: TfliteOperator, inputs: list[int]) -> None:
        sizes = operator.options.numbers(0, "i") if operator.options else ()
        if inputs:
            values = self._graph.tensors[inputs[0]].values
            if values is None:
                raise ValueError("it has a RESHAPE into a shape that is computed")
            sizes = values
        self._chain.reshape(operator.name, sizes, self._batch)

    def _scale(self, operator: TfliteOperator, inputs: list[int]) -> None:
        if operator.options and operator.options.number(0, "b"):
            raise ValueError(f"it has a {operator.name} with an activation")
        self._chain.scale(operator.name, self._floats(operator, inputs[0]))

    def _dense(self, operator: TfliteOperator, inputs: list[int]) -> None:
        options = operator.options
        fused = options.number(0, "b") if options else 0
        if fused not in _FUSED or (options and options.number(1, "b")):
            raise ValueError(f"it has a {operator.name} with an activation or a format of weights of its own")
        self._chain.multiply(operator.name, self._floats(operator, inputs[0]).T)
        for bias in inputs[1:]:
            if bias >= 0:
                self._chain.add(operator.name, self._floats(operator, bias))
        self._chain.activate(operator.name, _FUSED[fused])

    def _activate(self, operator: TfliteOperator, _inputs: list[int]) -> None:
        if operator.name == "SOFTMAX" and not (operator.options and operator.options.number(0, "I") == _ONE):
            raise ValueError("it has a SOFTMAX whose beta is not 1")
        self._chain.activate(operator.name, _ACTIVATIONS[operator.name])

    def _floats(self, operator: TfliteOperator, index: int) -> Floats:
        """Return a constant operand in float32."""
        index = self._widened.get(index, index)
        tensor = self._graph.tensors[index]
        if not tensor.constant:
            raise ValueError(f"it has a {operator.name} by something that is not a constant")
        if tensor.kind not in _DTYPES:
            raise ValueError(f"it has a {operator.name} of integers")
        start, length = tensor.data
        array = np.frombuffer(bytes(self._content[start : start + length]), _DTYPES[tensor.kind])
        return array.reshape(tensor.shape).astype(np.float32, copy=False)
