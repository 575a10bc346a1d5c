"""The constants of an ONNX graph and the types that its operators compute in.

Numbers of fields and types are those of https://github.com/onnx/onnx, ``onnx/onnx.proto``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from fmnist_runtime.artifact.stored import Constant
from fmnist_runtime.safety.protobuf import Content, Message

_TYPES = {
    **{1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16)},
    **{6: ("int32", 32), 10: ("float16", 16), 11: ("float64", 64), 16: ("bfloat16", 16)},
    **{17: ("float8", 8), 18: ("float8", 8), 19: ("float8", 8), 20: ("float8", 8)},
    **{21: ("uint4", 4), 22: ("int4", 4), 23: ("float4", 4), 25: ("uint2", 2), 26: ("int2", 2)},
}
"""Name and bits of an element, by TensorProto.DataType. INT64 and BOOL, which no layer computes with, are
left out: they are shapes, axes and conditions."""
_INT32 = 6
_QUANTISE, _DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
_MOVING = {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Cast", "Constant", "Shape"}
_MOVING |= {"Slice", "Concat", "Expand", "Tile", "Pad", "Split", "Gather", "GatherElements", "GatherND"}
_MOVING |= {"Resize", "Dropout", "ConstantOfShape", "DepthToSpace", "SpaceToDepth", _QUANTISE, _DEQUANTISE}
_MOVING |= {"DynamicQuantizeLinear"}
"""Operators that compute nothing."""
_FUSED = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Mul", "AveragePool", "GlobalAveragePool"}
_FUSED |= {"MaxPool", "LeakyRelu", "Relu", "Clip", "Sigmoid", "Softmax", "Where", "ArgMax"}
"""Operators that ONNX Runtime replaces by integer ones between a dequantise and a quantise node
(``qdq_selector_action_transformer.cc`` of https://github.com/microsoft/onnxruntime)."""
_PRODUCTS = {"Gemm", "MatMul"}
"""Those of them that may give floats."""
_INTEGER = {"QGemm", "QAttention", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
"""Operators of integers, besides those named ``QLinear…`` and ``…Integer``."""


class _Node(NamedTuple):
    kind: str
    inputs: list[str]
    outputs: list[str]


def read(content: Content) -> tuple[list[Constant], list[bool]]:
    """Constants, and for each operator that computes whether it does so with integers.

    Raises:
        ValueError: The file is not sound.
    """
    constants: list[Constant] = []
    computed: list[bool] = []
    for graph in Message(content, 0, len(content)).messages(7):
        _add_graph(graph, constants, computed)
    return constants, computed


def _add_graph(graph: Message, constants: list[Constant], computed: list[bool]) -> None:
    """Add what is in a graph, and in the graphs of its conditions and loops."""
    tensors = {tensor.text(8): tensor for tensor in graph.messages(5)}
    nodes = []
    for message in graph.messages(1):
        node = _Node(message.text(4), message.texts(1), message.texts(2))
        nodes.append(node)
        for attribute in message.messages(5):
            tensors |= {name: tensor for name in node.outputs[:1] for tensor in attribute.messages(5)}
            for inner in (*attribute.messages(6), *attribute.messages(11)):
                _add_graph(inner, constants, computed)
    weights = {name for node in nodes for name in _weights(node)}
    biases = {name for node in nodes if _takes_integers(node) for name in _weights(node)}
    for name in weights & tensors.keys():
        constants += _constant(tensors[name], name in biases)
    makers = {name: node.kind for node in nodes for name in node.outputs}
    uses = Counter(name for node in nodes for name in node.inputs)
    quantising = Counter(node.inputs[0] for node in nodes if node.kind == _QUANTISE and node.inputs)
    for node in nodes:
        if node.kind not in _MOVING:
            only_quantised = all(0 < uses[name] == quantising[name] for name in node.outputs)
            computed.append(_is_integer(node, makers, only_quantised))


def _weights(node: _Node) -> list[str]:
    """Inputs that may be weights: not the scales and zero points of what converts."""
    return node.inputs[:1] if node.kind in (_QUANTISE, _DEQUANTISE) else node.inputs


def _takes_integers(node: _Node) -> bool:
    return node.kind == _DEQUANTISE or _is_integer_kind(node.kind)


def _constant(tensor: Message, may_be_bias: bool) -> Iterator[Constant]:
    """A tensor as a constant, unless it is empty or a shape, as int32 is but for biases."""
    kind = sum(tensor.integers(2)[-1:])
    elements = math.prod(tensor.integers(1))
    if kind in _TYPES and elements and (kind != _INT32 or may_be_bias):
        name, bits = _TYPES[kind]
        yield Constant(name, elements, -(-elements * bits // 8))


def _is_integer_kind(kind: str) -> bool:
    return kind in _INTEGER or kind.startswith("QLinear") or kind.endswith("Integer")


def _is_integer(node: _Node, makers: dict[str, str], only_quantised: bool) -> bool:
    if _is_integer_kind(node.kind):
        return True
    inputs = [name for name in node.inputs if name]
    between = bool(inputs) and all(makers.get(name) == _DEQUANTISE for name in inputs[:2])
    return node.kind in _FUSED and between and (only_quantised or node.kind in _PRODUCTS)
