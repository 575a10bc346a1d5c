"""The dense network in an ONNX file.

Numbers of fields and types are those of https://github.com/onnx/onnx, ``onnx/onnx.proto``; operators are
described at https://onnx.ai/onnx/operators.
"""

from __future__ import annotations

import numpy as np

from fmnist_runtime.engines.dense import Chain, DenseNetwork, Floats
from fmnist_runtime.safety.protobuf import Content, Message

_FLOAT, _INT64 = 1, 7
"""Values of TensorProto.DataType."""
_ACTIVATIONS = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softmax": "softmax"}
_COMMUTATIVE = ("Add", "Mul")
_ONE = np.array(1, "<f4").tobytes()


def read_network(content: Content) -> DenseNetwork:
    """Read a sequence of dense layers from the bytes of an ONNX file that has been checked.

    Raises:
        ValueError: It holds something else, or other numbers than float32.
    """
    graphs = list(Message(content, 0, len(content)).messages(7))
    if len(graphs) != 1:
        raise ValueError(f"it has {len(graphs)} graphs")
    return _Reader(graphs[0]).network()


class _Reader:
    """Follows the single path from the input to the output."""

    def __init__(self, graph: Message) -> None:
        self._graph = graph
        self._constants = {tensor.text(8): tensor for tensor in graph.messages(5)}
        inputs = [value for value in graph.messages(11) if value.text(1) not in self._constants]
        outputs = [value.text(1) for value in graph.messages(12)]
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(f"it has {len(inputs)} inputs and {len(outputs)} outputs")
        self._place, [self._end] = inputs[0].text(1), outputs
        self._batch, shape = _shape(inputs[0])
        self._chain = Chain(shape)
        self._flat = len(shape) == 1

    def network(self) -> DenseNetwork:
        for message in self._graph.messages(1):
            node = _Node(message)
            if node.name == "Constant" and "value" in node.attributes:
                for tensor in node.attributes["value"].messages(5):
                    self._constants[node.outputs[0]] = tensor
            else:
                self._follow(node)
        if self._place != self._end:
            raise ValueError("its output is not what its last operator gives")
        return self._chain.network()

    def _follow(self, node: _Node) -> None:
        read = {
            "Reshape": self._reshape,
            "Flatten": self._flatten,
            "Mul": self._scale,
            "Div": self._scale,
            "Gemm": self._gemm,
            "MatMul": self._multiply,
            "Add": self._add,
        }
        if node.name not in read and node.name not in _ACTIVATIONS:
            raise ValueError(f"it has a {node.name}")
        places = node.inputs if node.name in _COMMUTATIVE else node.inputs[:1]
        if self._place not in places or len(node.outputs) != 1:
            raise ValueError(f"it has a {node.name} that does not take what the operator before it gives")
        inputs = list(node.inputs)
        inputs.remove(self._place)
        read.get(node.name, self._activate)(node, inputs)
        [self._place] = node.outputs

    def _reshape(self, node: _Node, inputs: list[str]) -> None:
        tensor = self._constant(node, inputs, _INT64)
        raw = b"".join(tensor.contents(9))
        sizes = np.frombuffer(raw, "<i8").tolist() if raw else tensor.integers(7)
        # 0 stands for what it was before
        self._chain.reshape(node.name, [self._batch, *sizes[1:]] if sizes[:1] == [0] else sizes, self._batch)
        self._flat = True

    def _flatten(self, node: _Node, _inputs: list[str]) -> None:
        if node.integer("axis", 1) != 1:
            raise ValueError(f"it has a {node.name} along another axis than 1")
        self._flat = True

    def _scale(self, node: _Node, inputs: list[str]) -> None:
        factor = self._floats(node, inputs)
        self._chain.scale(node.name, np.reciprocal(factor) if node.name == "Div" else factor)

    def _gemm(self, node: _Node, inputs: list[str]) -> None:
        if node.integer("transA", 0) or not (node.is_one("alpha") and node.is_one("beta")):
            raise ValueError(f"it has a {node.name} whose transA is not 0, or alpha or beta not 1")
        self._multiply(node, inputs[:1])
        if any(inputs[1:]):
            self._add(node, inputs[1:])

    def _multiply(self, node: _Node, inputs: list[str]) -> None:
        if not self._flat:
            raise ValueError(f"it has a {node.name} of images that are not flattened")
        kernel = self._floats(node, inputs)
        self._chain.multiply(node.name, kernel.T if node.integer("transB", 0) else kernel)

    def _add(self, node: _Node, inputs: list[str]) -> None:
        self._chain.add(node.name, self._floats(node, inputs))

    def _activate(self, node: _Node, _inputs: list[str]) -> None:
        if node.name == "Softmax" and node.integer("axis", -1) not in (-1, 1):
            raise ValueError(f"it has a {node.name} along another axis than the last")
        self._chain.activate(node.name, _ACTIVATIONS[node.name])

    def _floats(self, node: _Node, inputs: list[str]) -> Floats:
        """Return the constant operand of an operator."""
        tensor = self._constant(node, inputs, _FLOAT)
        array = np.frombuffer(b"".join(tensor.contents(9) or tensor.contents(4)), "<f4")
        return array.reshape(tensor.integers(1)).astype(np.float32, copy=False)

    def _constant(self, node: _Node, inputs: list[str], kind: int) -> Message:
        if len(inputs) != 1 or inputs[0] not in self._constants:
            raise ValueError(f"it has a {node.name} by something that is not a constant")
        tensor = self._constants[inputs[0]]
        if tensor.integers(2) != [kind]:
            raise ValueError(f"it has a {node.name} by numbers of type {tensor.integers(2)}")
        return tensor


class _Node:
    """An operator of the graph."""

    def __init__(self, message: Message) -> None:
        self.name = ".".join(filter(None, (message.text(7), message.text(4))))
        self.inputs, self.outputs = message.texts(1), message.texts(2)
        self.attributes = {attribute.text(1): attribute for attribute in message.messages(5)}

    def integer(self, attribute: str, default: int) -> int:
        """Return an integer attribute."""
        given = self.attributes[attribute].integers(3) if attribute in self.attributes else ()
        return given[-1] if given else default

    def is_one(self, attribute: str) -> bool:
        """Return whether a float attribute is 1, which is the default."""
        given = self.attributes[attribute].contents(2) if attribute in self.attributes else ()
        return not given or given[-1] == _ONE


def _shape(value: Message) -> tuple[int, tuple[int, ...]]:
    """Return an input's batch size, 0 if it is open, and the shape of one image."""
    tensors = [tensor for kind in value.messages(2) for tensor in kind.messages(1)]
    if [tensor.integers(1) for tensor in tensors] != [[_FLOAT]]:
        raise ValueError("its input is not float32")
    dimensions = [size for shape in tensors[0].messages(2) for size in shape.messages(1)]
    batch, *shape = [sum(size.integers(1)[-1:]) for size in dimensions] or [0]
    return batch, tuple(shape)
