"""ONNX files that are whole but wrong: mutated by the schema, so that the engine gets to see them."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from support import TINY

_SIZES = (
    0,
    1,
    2,
    3,
    5,
    8,
    16,
    255,
    1000,
    65536,
    1 << 20,
    (1 << 31) - 1,
    1 << 40,
    (1 << 63) - 1,
    -1,
    -2,
    -(1 << 63),
)
_NUMBERS = (0.0, -1.0, float("nan"), float("inf"), 1e-38, 1e38, 0.5)
_ATTRIBUTES = (
    "axis",
    "axes",
    "kernel_shape",
    "strides",
    "pads",
    "dilations",
    "group",
    "to",
    "mode",
    "keepdims",
    "perm",
)
_OPERATORS = (
    *(
        "Add",
        "Mul",
        "Div",
        "Pow",
        "Relu",
        "Exp",
        "Cast",
        "Shape",
        "Expand",
        "Tile",
        "Pad",
        "Resize",
        "Range",
        "OneHot",
    ),
    *(
        "ConstantOfShape",
        "Gather",
        "GatherND",
        "ScatterND",
        "Slice",
        "Split",
        "Squeeze",
        "Unsqueeze",
        "TopK",
        "Where",
    ),
    *(
        "NonZero",
        "Transpose",
        "Reshape",
        "Flatten",
        "Concat",
        "MatMul",
        "Gemm",
        "Conv",
        "ConvTranspose",
        "MaxPool",
    ),
    *(
        "AveragePool",
        "GlobalAveragePool",
        "LpPool",
        "MaxUnpool",
        "BatchNormalization",
        "InstanceNormalization",
        "LRN",
    ),
    *(
        "LSTM",
        "GRU",
        "RNN",
        "Softmax",
        "ReduceMean",
        "ReduceSum",
        "ArgMax",
        "CumSum",
        "Einsum",
        "DepthToSpace",
    ),
    *(
        "SpaceToDepth",
        "EyeLike",
        "Compress",
        "ReverseSequence",
        "RoiAlign",
        "NonMaxSuppression",
        "Upsample",
        "Loop",
    ),
    *(
        "QuantizeLinear",
        "DequantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
        "If",
    ),
    *(
        "LayerNormalization",
        "GridSample",
        "BlackmanWindow",
        "DFT",
        "STFT",
        "MelWeightMatrix",
        "Trilu",
        "Col2Im",
    ),
    *(
        "RandomNormal",
        "RandomUniform",
        "Multinomial",
        "StringNormalizer",
        "TfIdfVectorizer",
        "SequenceConstruct",
    ),
)


def _floats(*shape: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(shape) * 0.1).astype(np.float32)


def _model(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], shape: list[Any], classes: int
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [shape[0], classes])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def convolutions() -> bytes:
    """The layers of a small convolutional network."""
    node = helper.make_node
    nodes = [
        node("Pad", ["image", "pads"], ["padded"]),
        node("Conv", ["padded", "kernel", "bias"], ["conv"], kernel_shape=[3, 3], strides=[2, 2]),
        node("BatchNormalization", ["conv", "bias", "bias", "bias", "ones"], ["norm"], epsilon=1e-3),
        node("Relu", ["norm"], ["relu"]),
        node("MaxPool", ["relu"], ["pool"], kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", ["pool"], ["average"]),
        node("Flatten", ["average"], ["flat"], axis=1),
        node("Gemm", ["flat", "head", "head_bias"], ["logits"], transB=1),
        node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    constants = {
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "kernel": _floats(4, 1, 3, 3),
        "bias": _floats(4),
        "ones": np.ones(4, np.float32),
        "head": _floats(10, 4),
        "head_bias": _floats(10),
    }
    return _model(nodes, constants, ["batch", 1, 28, 28], 10)


def shapes() -> bytes:
    """Operators that change shapes, most by a constant, some of which the engine folds when it loads."""
    node = helper.make_node
    nodes = [
        node("Resize", ["image", "", "scales"], ["resized"], mode="nearest"),
        node("Tile", ["resized", "repeats"], ["tiled"]),
        node("Slice", ["tiled", "starts", "ends", "axes"], ["sliced"]),
        node("Transpose", ["sliced"], ["turned"], perm=[0, 2, 1]),
        node("Unsqueeze", ["turned", "axes"], ["more"]),
        node("ReduceMax", ["more"], ["reduced"], axes=[1, 2], keepdims=0),
        node(
            "ConstantOfShape",
            ["size"],
            ["filled"],
            value=helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0]),
        ),
        node("Expand", ["row", "size"], ["expanded"]),
        node("Range", ["zero", "five", "one"], ["range"]),
        node("OneHot", ["range", "five", "values"], ["hot"], axis=-1),
        node("MatMul", ["reduced", "hot"], ["product"]),
        node("Add", ["product", "filled"], ["sum"]),
        node("Add", ["sum", "expanded"], ["logits"]),
        node("Softmax", ["logits"], ["scores"], axis=-1),
    ]
    constants = {
        "scales": np.array([1, 2, 2], np.float32),
        "repeats": np.array([1, 2, 1], np.int64),
        "starts": np.array([0], np.int64),
        "ends": np.array([5], np.int64),
        "axes": np.array([1], np.int64),
        "size": np.array([1, 5], np.int64),
        "row": _floats(1, 5),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "five": np.array(5, np.int64),
        "values": np.array([0, 1], np.float32),
    }
    return _model(nodes, constants, ["batch", 8, 8], 5)


@functools.cache
def onnx_models() -> list[bytes]:
    """Whole models to start from: ours, and those above."""
    return [
        *(path.read_bytes() for path in sorted((TINY / "export").glob("*.onnx"))),
        convolutions(),
        shapes(),
    ]


@functools.cache
def _parsed() -> list[onnx.ModelProto]:
    models = [onnx.ModelProto.FromString(content) for content in onnx_models()]
    for model in models:
        del model.metadata_props[:]  # somebody else's, or the seal would refuse them all
    return models


def mutate_onnx(rng: random.Random) -> bytes:
    """A model with one to four things wrong in it."""
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
    """As many bytes as the shape takes."""
    sizes = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
    size = int(np.prod(list(tensor.dims), dtype=object)) * sizes.get(tensor.data_type, 1)
    if 0 <= size < 1_000_000:
        tensor.raw_data = rng.randbytes(size)


def _constant(graph: Any, rng: random.Random) -> None:
    """One number of an integer constant, which sizes are, or the kind of another."""
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
            value.name = rng.choice(graph.node).output[0] if graph.node and graph.node[0].output else "absent"
        case _:
            graph.input.append(graph.input[0])


_MUTATIONS = (
    _dimension,
    _kind,
    _constant,
    _constant,
    _constant,
    _wiring,
    _operator,
    _operator,
    _attribute,
    _attribute,
)
_MUTATIONS += (_steps, _ends)
