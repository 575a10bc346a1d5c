"""Well-formed but wrong ONNX files, mutated by the schema so that the engine would open them."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from support.foreign_onnx import onnx_models

_SIZES = (0, 1, 2, 3, 5, 8, 16, 255, 1000, 65536, 1 << 20, (1 << 31) - 1, 1 << 40, (1 << 63) - 1)
_SIZES += (-1, -2, -(1 << 63))
_NUMBERS = (0.0, -1.0, float("nan"), float("inf"), 1e-38, 1e38, 0.5)
_ATTRIBUTES = ("kernel_shape", "strides", "pads", "dilations", "group", "axis", "axes", "keepdims", "perm")
_ATTRIBUTES += ("to", "mode")
_OPERATORS: tuple[str, ...] = ("Add", "Mul", "Div", "Pow", "Exp", "Cast", "Relu", "Softmax", "LRN", "Einsum")
_OPERATORS += ("MatMul", "Gemm", "Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool")
_OPERATORS += ("LpPool", "MaxUnpool", "BatchNormalization", "InstanceNormalization", "LayerNormalization")
_OPERATORS += ("Shape", "Expand", "Tile", "Pad", "Resize", "Upsample", "Range", "OneHot", "ConstantOfShape")
_OPERATORS += ("Gather", "GatherND", "ScatterND", "Slice", "Split", "Squeeze", "Unsqueeze", "Transpose")
_OPERATORS += ("Reshape", "Flatten", "Concat", "Where", "NonZero", "Compress", "DepthToSpace", "SpaceToDepth")
_OPERATORS += ("Col2Im", "ReduceMean", "ReduceSum", "ArgMax", "TopK", "CumSum", "Trilu", "EyeLike")
_OPERATORS += ("ReverseSequence", "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul")
_OPERATORS += ("ConvInteger", "MatMulInteger", "If", "Loop", "LSTM", "GRU", "RNN", "SequenceConstruct")
_OPERATORS += ("StringNormalizer", "TfIdfVectorizer", "RoiAlign", "NonMaxSuppression", "GridSample")
_OPERATORS += ("BlackmanWindow", "MelWeightMatrix", "DFT", "STFT", "RandomNormal")
_OPERATORS += ("RandomUniform", "Multinomial")


@functools.cache
def _parsed() -> list[onnx.ModelProto]:
    models = [onnx.ModelProto.FromString(content) for content in onnx_models()]
    for model in models:
        del model.metadata_props[:]  # somebody else's, or the seal would refuse them all
    return models


def mutate_onnx(rng: random.Random) -> bytes:
    """Return a model with one to four faults."""
    model = onnx.ModelProto()
    model.CopyFrom(rng.choice(_parsed()))
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice(_MUTATIONS)(model.graph, rng)
    if rng.random() < 0.1:
        model.opset_import[0].version = rng.choice((1, 6, 11, 13, 21, 99, -1))
    return bytes(model.SerializeToString())


def _dimension(graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.initializer)
    dims = list(tensor.dims)
    if dims and rng.random() < 0.8:
        place = rng.randrange(len(dims))
        dims[place] = rng.choice((*_SIZES, dims[place] + 1))
    elif rng.random() < 0.5:
        dims = [*dims, 1]
    else:
        dims = dims[::-1]
    del tensor.dims[:]
    tensor.dims.extend(dims)
    if rng.random() < 0.4:
        _fill(tensor, rng)


def _kind(graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.initializer)
    tensor.data_type = rng.randrange(1, 24)
    _fill(tensor, rng)


def _fill(tensor: Any, rng: random.Random) -> None:
    """Return as many bytes as the shape takes."""
    sizes = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
    size = int(np.prod(list(tensor.dims), dtype=object)) * sizes.get(tensor.data_type, 1)
    if 0 <= size < 1_000_000:
        tensor.raw_data = rng.randbytes(size)


def _constant(graph: Any, rng: random.Random) -> None:
    """Change one number of an integer constant, such as a size, or the type of another constant."""
    tensors = [
        tensor for tensor in graph.initializer if tensor.data_type == TensorProto.INT64 and tensor.raw_data
    ]
    if not tensors:
        _dimension(graph, rng)
        return
    tensor = rng.choice(tensors)
    array = np.frombuffer(tensor.raw_data[: len(tensor.raw_data) // 8 * 8], np.int64).copy()
    if array.size:
        array.flat[rng.randrange(array.size)] = rng.choice((*_SIZES, rng.randrange(-10, 30)))
    tensor.raw_data = array.tobytes()


def _wiring(graph: Any, rng: random.Random) -> None:
    node = rng.choice(graph.node)
    names = ["", "absent", *(n for other in graph.node for n in (*other.input, *other.output))]
    wires = rng.choice((node.input, node.input, node.output))
    match rng.randrange(3):
        case 0 if wires:
            wires[rng.randrange(len(wires))] = rng.choice(names)
        case 1:
            wires.append(rng.choice(names))
        case _ if wires:
            wires.pop()


def _operator(graph: Any, rng: random.Random) -> None:
    node = rng.choice(graph.node)
    node.op_type = rng.choice(_OPERATORS)
    if rng.random() < 0.5:
        del node.attribute[:]
    node.domain = rng.choice(("", "", "", "", "com.microsoft", "ai.onnx.ml", "somebody"))


def _attribute(graph: Any, rng: random.Random) -> None:
    node = rng.choice(graph.node)
    if not node.attribute or rng.random() < 0.3:
        value = rng.choice(
            (rng.choice(_SIZES), [rng.choice(_SIZES) for _ in range(rng.randrange(1, 5))], 0.5, "text")
        )
        node.attribute.append(helper.make_attribute(rng.choice(_ATTRIBUTES), value))
        return
    attribute = rng.choice(node.attribute)
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(_SIZES)
    elif rng.random() < 0.1:
        attribute.type = rng.randrange(15)
    attribute.i = rng.choice(_SIZES)
    attribute.f = rng.choice(_NUMBERS)


def _steps(graph: Any, rng: random.Random) -> None:
    place = rng.randrange(len(graph.node))
    match rng.randrange(3):
        case 0:
            graph.node.append(graph.node[place])
        case 1 if len(graph.node) > 1:
            del graph.node[place]
        case _:
            graph.node[place].name = graph.node[place].op_type = "" if rng.random() < 0.1 else "Relu"


def _ends(graph: Any, rng: random.Random) -> None:
    value = rng.choice((*graph.input, *graph.output))
    dims = value.type.tensor_type.shape.dim
    match rng.randrange(4):
        case 0 if dims:
            rng.choice(dims).dim_value = rng.choice(_SIZES)
        case 1:
            value.type.tensor_type.elem_type = rng.randrange(24)
        case 2:
            nodes = [node for node in graph.node if node.output]
            value.name = rng.choice(nodes).output[0] if nodes else "absent"
        case _:
            graph.input.append(graph.input[0])


_MUTATIONS = (_dimension, _kind, _constant, _constant, _constant, _wiring, _operator, _operator)
_MUTATIONS += (_attribute, _attribute, _steps, _ends)
"""The likelier ones are there several times."""
