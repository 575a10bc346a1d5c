"""The types in which a model file stores its weights, and in which its operators compute.

A scheme's name is what was asked for. This module reads the result from the file:

from fmnist_runtime.artifact.stored import read_stored_types

print(read_stored_types(Path("model-int8.onnx")).summary)
"""

from __future__ import annotations

import json
import math
import mmap
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fmnist_runtime.artifact.container import MAX_NETWORK_BYTES, NETWORK_FILE, format_suffix, read_stored
from fmnist_runtime.safety.protobuf import Content, Message
from fmnist_runtime.safety.tflite.graph import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    QUANTISED,
    TfliteGraph,
    TfliteOperator,
    read_graph,
    type_name,
)
from fmnist_runtime.safety.tflite.layers import WEIGHTS
from fmnist_runtime.safety.tflite.operators import LSTM, MOVING
from fmnist_runtime.safety.zip import open_archive

_BROKEN = (
    *(ValueError, LookupError, TypeError, AttributeError, OSError, OverflowError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged file may raise."""

_TFLITE_FLOATS = {FLOAT16, FLOAT32, FLOAT64, BFLOAT16}
_TFLITE_MOVES = MOVING | {"CONCATENATION", "QUANTIZE", "DEQUANTIZE"}
"""Operators that compute nothing."""
_HYBRID = WEIGHTS.keys() | {LSTM, "BATCH_MATMUL"}
"""Operators that quantise float inputs at run time if their weights are integers, and multiply integers
(https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization)."""

# Numbers of fields and types in ONNX are those of https://github.com/onnx/onnx, ``onnx/onnx.proto``.
_ONNX_TYPES = {
    **{1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16)},
    **{6: ("int32", 32), 10: ("float16", 16), 11: ("float64", 64), 16: ("bfloat16", 16)},
    **{17: ("float8", 8), 18: ("float8", 8), 19: ("float8", 8), 20: ("float8", 8)},
    **{21: ("uint4", 4), 22: ("int4", 4), 23: ("float4", 4), 25: ("uint2", 2), 26: ("int2", 2)},
}
"""Name and bits of an element, by TensorProto.DataType. INT64 and BOOL are left out, as no layer computes
with them: they are shapes, axes and conditions."""
_ONNX_INT32 = 6
_QUANTISE, _DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
_ONNX_MOVES = {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Cast", "Constant"}
_ONNX_MOVES |= {"Shape", "Slice", "Concat", "Expand", "Tile", "Pad", "Split", "Gather", "GatherElements"}
_ONNX_MOVES |= {"GatherND", "Resize", "Dropout", "ConstantOfShape", "DepthToSpace", "SpaceToDepth"}
_ONNX_MOVES |= {_QUANTISE, _DEQUANTISE, "DynamicQuantizeLinear"}
"""Operators that compute nothing."""
_ONNX_FUSED = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Mul", "AveragePool", "GlobalAveragePool"}
_ONNX_FUSED |= {"MaxPool", "LeakyRelu", "Relu", "Clip", "Sigmoid", "Softmax", "Where", "ArgMax"}
"""Operators that ONNX Runtime replaces by integer ones between a dequantise and a quantise node
(``qdq_selector_action_transformer.cc`` of https://github.com/microsoft/onnxruntime)."""
_ONNX_PRODUCTS = {"Gemm", "MatMul"}
"""Fused operators that may have float outputs."""
_ONNX_INTEGER = {"QGemm", "QAttention", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul"}
_ONNX_INTEGER |= {"MatMulIntegerToFloat"}
"""Integer operators, in addition to ``QLinear…`` and ``…Integer``."""


_C_WEIGHTS = ("weights", "biases", "b")
"""Constants of a C file's layers that are weights; others are scales and tables."""
_C_MOVES = {"pixels_u8", "pixels_f32", "quantize_u8", "float_f32", "pad_u8", "pad_f32", "copy_u8", "copy_f32"}


class Constant(NamedTuple):
    """A constant that a layer computes with."""

    type: str
    """Type of its elements by NumPy's name, or by the format's, such as ``int4`` and ``bfloat16``."""
    elements: int
    """Number of elements."""
    size_bytes: int
    """Bytes in the file."""


@dataclass(frozen=True)
class WeightType:
    """The weights of one type."""

    type: str
    """As in `Constant`; ``int32`` is the type of the biases of integer layers."""
    weights: int
    """Number of weights."""
    size_bytes: int
    """Bytes in the file."""
    share: float
    """Share of all weights, by number, from 0 to 1."""


@dataclass(frozen=True)
class StoredTypes:
    """The types of a model file's weights and operators."""

    weights: tuple[WeightType, ...]
    """By type, in descending order of the number of weights."""
    integer_operators: int
    """Operators that compute with integers. Operators that only convert or move numbers are not counted."""
    float_operators: int
    """Operators that compute with floats."""
    largest: int
    """Weights of the largest single constant."""

    @property
    def is_float32(self) -> bool:
        """Whether all weights are float32 and no operator computes with integers."""
        return not self.integer_operators and all(entry.type == "float32" for entry in self.weights)

    @property
    def summary(self) -> str:
        """A short text such as ``99% of weights int8, 5 of 6 operators integer``."""
        integer, count = self.integer_operators, self.integer_operators + self.float_operators
        some = f"{integer} of {count} operators integer"
        operators = {0: "operators float", count: "operators integer"}.get(integer, some)
        if not self.weights:
            return f"no weights, {operators}"
        first = self.weights[0]
        share = "all" if len(self.weights) == 1 else f"{int(100 * first.share)}% of"
        return f"{share} weights {first.type}, {operators}"


def read_stored_types(path: Path) -> StoredTypes | None:
    """Read the types of a ``.tflite``, ``.onnx``, ``.npz`` or ``.c`` file; None if it is none or damaged."""
    read = {".tflite": _read_tflite, ".onnx": _read_onnx, ".c": _read_c}.get(format_suffix(path))
    try:
        if format_suffix(path) == ".npz":
            return _tally(*_read_npz(path))
        if read is None:
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _tally(*read(content))
    except _BROKEN:
        return None


def _tally(constants: Iterable[Constant], computed: Iterable[bool]) -> StoredTypes:
    """Summarise the constants, and for each operator whether it computes with integers."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    largest = 0
    for constant in constants:
        counts[constant.type] += constant.elements
        sizes[constant.type] += constant.size_bytes
        largest = max(largest, constant.elements)
    total = counts.total()
    found = ((kind, count) for kind, count in counts.most_common() if count)
    weights = tuple(WeightType(kind, count, sizes[kind], count / total) for kind, count in found)
    operators = Counter(computed)
    return StoredTypes(weights, operators[True], operators[False], largest)


def _read_npz(path: Path) -> tuple[list[Constant], list[bool]]:
    """Read the headers of the arrays of an npz model."""
    constants = []
    with open_archive(path) as archive:
        layers = json.loads(read_stored(archive, NETWORK_FILE, MAX_NETWORK_BYTES))["layers"]
        for name in (f"{number}.{part}.npy" for number in range(len(layers)) for part in ("kernel", "bias")):
            with archive.open(name) as file:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            elements = math.prod(shape)
            constants.append(Constant(str(dtype), elements, elements * dtype.itemsize))
    return constants, [False] * len(layers)


def _read_tflite(content: Content) -> tuple[list[Constant], list[bool]]:
    """Read the constants and, for each operator that computes, whether it does so with integers.

    Raises:
        ValueError: The file is damaged.
    """
    graph = read_graph(content)
    tensors = [graph.tensors[index] for index in sorted(_tflite_weights(graph))]
    constants = [Constant(type_name(tensor.kind).lower(), tensor.elements, tensor.size) for tensor in tensors]
    computing = (operator for operator in graph.operators if operator.name not in _TFLITE_MOVES)
    kinds = (_is_tflite_integer(operator, graph) for operator in computing)
    return constants, [kind for kind in kinds if kind is not None]


def _tflite_weights(graph: TfliteGraph) -> set[int]:
    """Return the indices of the constants that are computed with, which are no shapes, axes or indices."""
    found = set()
    for operator in graph.operators:
        bias = WEIGHTS[operator.name].bias if operator.name in WEIGHTS else -1
        for place, index in enumerate(operator.inputs):
            tensor = graph.tensors[index] if index >= 0 else None
            if tensor and tensor.constant and (place == bias or tensor.kind in _TFLITE_FLOATS | QUANTISED):
                found.add(index)
    return found


def _is_tflite_integer(operator: TfliteOperator, graph: TfliteGraph) -> bool | None:
    """Return whether an operator computes with quantised numbers; None if it works on shapes only."""
    kinds = set(_kinds(operator.outputs, graph))
    if operator.name in _HYBRID and set(_kinds(operator.inputs[1:], graph)) & QUANTISED:
        return True
    kinds |= set(_kinds(operator.inputs, graph))
    if kinds & _TFLITE_FLOATS:
        return False
    return True if kinds & QUANTISED else None if kinds <= {INT32, INT64} else False


def _kinds(indices: tuple[int, ...], graph: TfliteGraph) -> Iterator[int]:
    return (graph.tensors[index].kind for index in indices if index >= 0)


def _read_c(content: Content) -> tuple[list[Constant], list[bool]]:
    """Read the weights and layers of a C file's network."""
    from fmnist_runtime.native.source import network_in

    constants, computed = [], []
    for layer in network_in(bytes(content)).layers:
        arrays = [array for name, array in layer.arrays.items() if name in _C_WEIGHTS]
        constants += [Constant(array.dtype.name, array.size, array.nbytes) for array in arrays]
        if layer.kernel not in _C_MOVES:
            computed.append(layer.kernel.endswith("u8"))
    return constants, computed


class _Node(NamedTuple):
    kind: str
    inputs: list[str]
    outputs: list[str]


def _read_onnx(content: Content) -> tuple[list[Constant], list[bool]]:
    """As `_read_tflite`, for an ONNX file."""
    constants: list[Constant] = []
    computed: list[bool] = []
    for graph in Message(content, 0, len(content)).messages(7):
        _add_graph(graph, constants, computed)
    return constants, computed


def _add_graph(graph: Message, constants: list[Constant], computed: list[bool]) -> None:
    """Add the contents of a graph and of the graphs in its conditions and loops."""
    tensors = {tensor.text(8): tensor for tensor in graph.messages(5)}
    nodes = []
    for message in graph.messages(1):
        node = _Node(message.text(4), message.texts(1), message.texts(2))
        nodes.append(node)
        for attribute in message.messages(5):
            tensors |= {name: tensor for name in node.outputs[:1] for tensor in attribute.messages(5)}
            for inner in (*attribute.messages(6), *attribute.messages(11)):
                _add_graph(inner, constants, computed)
    weights = {name for node in nodes for name in _onnx_weights(node)}
    integer = [node for node in nodes if node.kind == _DEQUANTISE or _is_integer_kind(node.kind)]
    biases = {name for node in integer for name in _onnx_weights(node)}
    for name in weights & tensors.keys():
        constants += _onnx_constant(tensors[name], name in biases)
    producers = {name: node.kind for node in nodes for name in node.outputs}
    uses = Counter(name for node in nodes for name in node.inputs)
    quantising = Counter(node.inputs[0] for node in nodes if node.kind == _QUANTISE and node.inputs)
    for node in nodes:
        if node.kind not in _ONNX_MOVES:
            only_quantised = all(0 < uses[name] == quantising[name] for name in node.outputs)
            computed.append(_is_onnx_integer(node, producers, only_quantised))


def _onnx_weights(node: _Node) -> list[str]:
    """Return the inputs that may be weights, without the scales and zero points of conversions."""
    return node.inputs[:1] if node.kind in (_QUANTISE, _DEQUANTISE) else node.inputs


def _onnx_constant(tensor: Message, may_be_bias: bool) -> Iterator[Constant]:
    """Yield a tensor as a constant unless it is empty or a shape. An int32 tensor is a bias or a shape."""
    kind = sum(tensor.integers(2)[-1:])
    elements = math.prod(tensor.integers(1))
    if kind in _ONNX_TYPES and elements and (kind != _ONNX_INT32 or may_be_bias):
        name, bits = _ONNX_TYPES[kind]
        yield Constant(name, elements, -(-elements * bits // 8))


def _is_integer_kind(kind: str) -> bool:
    return kind in _ONNX_INTEGER or kind.startswith("QLinear") or kind.endswith("Integer")


def _is_onnx_integer(node: _Node, producers: dict[str, str], only_quantised: bool) -> bool:
    if _is_integer_kind(node.kind):
        return True
    inputs = [name for name in node.inputs if name]
    between = bool(inputs) and all(producers.get(name) == _DEQUANTISE for name in inputs[:2])
    return node.kind in _ONNX_FUSED and between and (only_quantised or node.kind in _ONNX_PRODUCTS)
