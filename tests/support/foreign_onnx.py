"""ONNX models as other people build them, node by node."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from support import TINY


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


def logits() -> bytes:
    """Return a small network as PyTorch writes it: channels first, and no softmax at the end."""
    node = helper.make_node
    nodes = [node("Flatten", ["image"], ["flat"]), node("Gemm", ["flat", "head"], ["scores"], transB=1)]
    return _model(nodes, {"head": _floats(10, 30)}, ["batch", 1, 6, 5], 10)


def shapes() -> bytes:
    """Return operators that change shapes, mostly by a constant; the engine folds some when it loads."""
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
    """Return whole models to start from: ours, and those above."""
    return [
        *(path.read_bytes() for path in sorted((TINY / "export").glob("*.onnx"))),
        convolutions(),
        shapes(),
    ]


def nan_when_dark() -> bytes:
    """Return a model that gives probabilities for a bright image, and NaN for one with a mean below 30."""
    node = helper.make_node
    nodes = [
        node("Flatten", ["image"], ["flat"]),
        node("ReduceMean", ["flat"], ["mean"], axes=[1], keepdims=1),
        node("Sub", ["mean", "least"], ["above"]),
        node("Sqrt", ["above"], ["root"]),
        node("Gemm", ["flat", "head"], ["logits"], transB=1),
        node("Add", ["logits", "root"], ["moved"]),
        node("Softmax", ["moved"], ["scores"], axis=1),
    ]
    constants = {"least": np.array(30, np.float32), "head": _floats(10, 784)}
    return _model(nodes, constants, ["batch", 28, 28], 10)
