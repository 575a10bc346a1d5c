"""Dense networks straight from TFLite and ONNX files, on NumPy alone: a second opinion on the same file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import TINY
from support.artifacts import BY_NAME, make
from support.foreign_onnx import convolutions
from support.foreign_tflite import Builder, pack

from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_container
from fmnist_runtime.errors import ModelError, NonFiniteScoresError

EXPORT = TINY / "export"
RNG = np.random.default_rng(0)
HIDDEN, LAST = (RNG.standard_normal((6, 5)) / 100).astype("<f4"), RNG.standard_normal((5, 3)).astype("<f4")
BIASES = RNG.standard_normal(5).astype("<f4"), RNG.standard_normal(3).astype("<f4")
IMAGES = RNG.integers(0, 256, (300, 2, 3), np.uint8)


def agrees(path: Path) -> None:
    """Both engines run it, and differ by what rounding makes: the float32 gate of 1e-5."""
    with load(path, input_range="0-255", engine="numpy") as numpy, load(path, input_range="0-255") as engine:
        assert numpy.info.engine == f"numpy {np.__version__}"
        assert engine.info.engine != numpy.info.engine
        assert np.abs(numpy.scores(IMAGES) - engine.scores(IMAGES)).max() < 1e-5


def refused(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load(path, engine="numpy")
    assert str(caught.value) == (
        f"{path}: not a dense float32 network, which is all that engine 'numpy' runs ({reason}); "
        "leave out --engine numpy"
    )


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_same_weights_give_the_same_scores(suffix, t10k):
    """They are the same bits in all three files."""
    path = EXPORT / f"model-float32.{suffix}"
    with (
        load(EXPORT / "model-float32.npz") as npz,
        load(path, input_range="0-255", engine="numpy") as numpy,
        load(path, input_range="0-255") as engine,
    ):
        scores = numpy.scores(t10k.images)
        # Sums of 784 products in another order: the float32 gate. TFLite's kernels are transposed, so NumPy's
        # sums may differ, too.
        assert np.abs(scores - npz.scores(t10k.images)).max() < 1e-5
        assert np.abs(scores - engine.scores(t10k.images)).max() < 1e-5
        assert (numpy.info.format, numpy.info.scheme, numpy.info.input_shape) == (suffix, "float32", (28, 28))
        assert (numpy.info.labels, numpy.info.metadata) == (engine.info.labels, engine.info.metadata)


def test_float16_weights_are_widened_and_int8_ones_refused(t10k, tmp_path):
    half, dynamic = make(tmp_path, BY_NAME["tflite", "float16"], BY_NAME["tflite", "dynamic"])
    with (
        load(half.path, input_range="0-255", engine="numpy") as numpy,
        load(half.path, input_range="0-255") as engine,
    ):
        assert numpy.info.scheme == "float16"
        # The engine widens them, too, and then it is the same arithmetic: the float32 gate.
        assert np.abs(numpy.scores(t10k.images) - engine.scores(t10k.images)).max() < 1e-5
    refused(dynamic.path, dynamic.path.read_bytes(), "it has a FULLY_CONNECTED of integers")


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("int8.tflite", "FULLY_CONNECTED of integers"),
        ("int8-full.tflite", "FULLY_CONNECTED of integers"),
        ("int8.onnx", "DequantizeLinear"),
    ],
)
def test_integers_are_refused(name, operator, tmp_path):
    content = (EXPORT / f"model-{name}").read_bytes()
    refused(tmp_path / f"m{Path(name).suffix}", content, f"it has a {operator}")


def test_a_file_without_our_metadata_is_run(tmp_path):
    path = EXPORT / "model-float32.tflite"
    container = read_container(path)
    assert container is not None
    (tmp_path / "foreign.tflite").write_bytes(path.read_bytes()[: container.model_bytes])
    with (
        load(tmp_path / "foreign.tflite", input_range="0-255", engine="numpy") as foreign,
        load(path, engine="numpy") as ours,
    ):
        assert (foreign.info.scheme, foreign.info.metadata, foreign.info.labels[9]) == ("unknown", None, "9")
        images = np.full((3, 28, 28), 77, np.uint8)
        assert np.abs(foreign.scores(images) - ours.scores(images)).max() < 1e-5  # the float32 gate


def test_no_engine_is_needed(tmp_path):
    """On a board that has a wheel of neither."""
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['ai_edge_litert', 'tflite_runtime', 'onnxruntime', 'onnx']))\n"
        "import numpy, fmnist_runtime\n"
        "for path in sys.argv[1:]:\n"
        "    session = fmnist_runtime.load(path, engine='numpy')\n"
        "    print(session.classify(numpy.zeros((28, 28), 'u1')).label in session.info.labels)\n"
    )
    paths = [str(EXPORT / f"model-float32.{suffix}") for suffix in ("tflite", "onnx")]
    result = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("True\nTrue\n", "")


# ONNX


def onnx_file(path: Path, nodes: list[Any], shape: tuple[Any, ...] = ("n", 2, 3), **arrays: Any) -> Path:
    """A model whose input is ``x`` and whose output ``y``."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (shape[0], 3))],
        [
            array if isinstance(array, TensorProto) else numpy_helper.from_array(array, name)
            for name, array in arrays.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


FLAT = node("Flatten", "x", "flat")
ARRAYS = {"w": HIDDEN, "b": BIASES[0], "v": LAST, "c": BIASES[1]}


@pytest.mark.parametrize("activation", ["Relu", "Sigmoid", "Tanh"])
def test_products_and_sums_of_a_foreign_onnx(activation, tmp_path):
    nodes = [
        node("Div", "x d", "scaled"),
        node("Flatten", "scaled", "flat", axis=1),
        node("MatMul", "flat w", "p"),
        node("Add", "b p", "s"),
        node(activation, "s", "a"),
        node("MatMul", "a v", "q"),
        node("Add", "q c", "logits"),
        node("Softmax", "logits", "y", axis=1),
    ]
    agrees(onnx_file(tmp_path / "m.onnx", nodes, d=np.float32([255]), **ARRAYS))


@pytest.mark.parametrize("batch", ["n", 4])
def test_gemm_with_transposed_weights_as_others_write_them(batch, tmp_path):
    """Also with a shape in a Constant, weights as a list of floats, and no bias in the last layer."""
    floats = helper.make_tensor("w", TensorProto.FLOAT, (5, 6), HIDDEN.T.ravel().tolist())
    nodes = [
        node("Constant", "", "shape", value=numpy_helper.from_array(np.int64([0, -1]))),
        node("Reshape", "x shape", "flat"),
        node("Gemm", "flat w b", "h", transB=1, alpha=1.0),
        node("Relu", "h", "a"),
        node("Gemm", "a v", "y"),
    ]
    nodes[0].input.clear()
    path = onnx_file(tmp_path / "m.onnx", nodes, (batch, 2, 3), **{**ARRAYS, "w": floats})
    agrees(path)


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([FLAT, node("Gelu", "flat", "y")], "it has a Gelu"),
        ([node("Gemm", "x w b", "y", domain="com.example")], "it has a com.example.Gemm"),
        ([node("MatMul", "x w", "y")], "it has a MatMul of images that are not flattened"),
        ([FLAT, node("Gemm", "flat v c", "y")], "it has a Gemm with weights of shape (5, 3) for 6 inputs"),
        ([FLAT, node("Gemm", "flat w c", "y")], "it has a Gemm of shape (3,) for 5 units"),
        ([FLAT, node("Gemm", "flat b", "y")], "it has a Gemm with weights of shape (5,) for 6 inputs"),
        ([FLAT, node("Gemm", "flat flat", "y")], "it has a Gemm by something that is not a constant"),
        ([FLAT, node("Gemm", "flat", "y")], "it has a Gemm by something that is not a constant"),
        (
            [FLAT, node("Gemm", "flat w", "y", alpha=0.5)],
            "it has a Gemm whose transA is not 0, or alpha or beta not 1",
        ),
        ([FLAT, node("Relu", "flat", "y")], "it has a Relu that follows no product"),
        ([FLAT, node("Add", "flat c", "y")], "it has a Add that follows no product"),
        ([FLAT, node("Mul", "flat w", "y")], "it has a Mul that is no scaling of the pixels"),
        ([node("Flatten", "x", "flat", axis=2)], "it has a Flatten along another axis than 1"),
        ([node("Reshape", "x two", "y")], "it has a Reshape into (-1, 2)"),
        ([FLAT, node("Reshape", "flat w", "y")], "it has a Reshape by numbers of type [1]"),
        ([FLAT, node("Gemm", "flat w b", "h")], "its output is not what its last operator gives"),
        (
            [FLAT, node("Gemm", "flat w", "a"), node("Relu", "a", "r"), node("Gemm", "a v", "y")],
            "it has a Gemm that does not take what the operator before it gives",
        ),
        (
            [FLAT, node("Gemm", "flat w", "a"), node("Softmax", "a", "y", axis=0)],
            "it has a Softmax along another axis than the last",
        ),
        ([], "its output is not what its last operator gives"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_an_onnx_has_besides_is_named(nodes, reason, tmp_path):
    path = onnx_file(tmp_path / "m.onnx", nodes, two=np.int64([-1, 2]), **ARRAYS)
    refused(path, path.read_bytes(), reason)


def test_a_convolution_in_an_onnx_is_named(tmp_path):
    model = onnx.ModelProto.FromString(convolutions())
    while model.graph.node[0].op_type != "Conv":
        del model.graph.node[0]
    refused(tmp_path / "m.onnx", model.SerializeToString(), "it has a Conv")


def row_of(count: int, *names: str) -> list[Any]:
    """Products in a row, whose weights take turns."""
    places = ["x", *map(str, range(1, count)), "y"]
    return [node("Gemm", f"{places[i]} {names[i % len(names)]}", places[i + 1]) for i in range(count)]


def test_weights_that_are_used_without_end_are_refused(tmp_path):
    """A file of a megabyte that would become 4 GB of layers."""
    kernel = np.zeros((512, 512), np.float32)
    path = onnx_file(tmp_path / "m.onnx", row_of(4000, "w"), (1, 512), w=kernel)
    refused(path, path.read_bytes(), "it has 269,484,032 bytes of weights, at most 268,435,456 are read")


def test_layers_wider_than_memory_are_refused(tmp_path):
    """One column and one row, again and again: few weights, and as many units as one likes."""
    kernels = {"w": np.zeros((1, 1 << 20), np.float32), "v": np.zeros((1 << 20, 1), np.float32)}
    path = onnx_file(tmp_path / "m.onnx", row_of(40, "w", "v"), (1, 1), **kernels)
    refused(path, path.read_bytes(), "a network of 20,971,541 units, at most 16,777,216 are run")


def test_weights_that_are_no_numbers_are_no_answer(tmp_path):
    nodes = [FLAT, node("Gemm", "flat w b", "h"), node("Gemm", "h v c", "y")]
    path = onnx_file(tmp_path / "m.onnx", nodes, **{**ARRAYS, "w": np.full_like(HIDDEN, np.nan)})
    with pytest.raises(NonFiniteScoresError):
        load(path, engine="numpy", input_range="0-255")


# TFLite


def tflite_file(path: Path, *, fused: int = 0, activation: str = "", scaled: bool = False) -> Path:
    """Two layers, the first without a bias; the image is flattened by the first of them."""
    b = Builder()
    image = x = b.tensor((1, 2, 3), batch=True)
    if scaled:
        x = b.add("MUL", [b.constant(np.array(1 / 255, "<f4")), x], (1, 2, 3), "Mul")
    x = b.add(
        "FULLY_CONNECTED",
        [x, b.constant(HIDDEN.T.copy()), -1],
        (1, 5),
        "FullyConnected",
        fusedActivationFunction=fused,
    )
    x = b.add(activation, [x], (1, 5)) if activation else x
    x = b.add(
        "FULLY_CONNECTED", [x, b.constant(LAST.T.copy()), b.constant(BIASES[1])], (1, 3), "FullyConnected"
    )
    x = b.add("SOFTMAX", [x], (1, 3), "Softmax", beta=1.0)
    path.write_bytes(pack(b.done([image], [x])))
    return path


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"fused": 1},
        {"fused": 1, "scaled": True},
        {"activation": "RELU"},
        {"activation": "LOGISTIC", "scaled": True},
        {"activation": "TANH"},
    ],
    ids=str,
)
def test_a_foreign_tflite(parts, tmp_path):
    agrees(tflite_file(tmp_path / "m.tflite", **parts))


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (
            {"fused": 4},
            "it has a FULLY_CONNECTED with an activation or a format of weights of its own",
        ),
        ({"activation": "RELU6"}, "it has a RELU6"),
        ({"activation": "TANH", "fused": 1}, "it has a TANH that follows no product"),
    ],
    ids=str,
)
def test_other_activations_of_a_tflite_are_refused(parts, reason, tmp_path):
    path = tflite_file(tmp_path / "m.tflite", **parts)
    refused(path, path.read_bytes(), reason)


def test_a_softmax_of_another_temperature_is_refused(tmp_path):
    b = Builder()
    image = b.tensor((1, 6), batch=True)
    x = b.add("FULLY_CONNECTED", [image, b.constant(HIDDEN.T.copy())], (1, 5), "FullyConnected")
    x = b.add("SOFTMAX", [x], (1, 5), "Softmax", beta=1.5)
    refused(tmp_path / "m.tflite", pack(b.done([image], [x])), "it has a SOFTMAX whose beta is not 1")


def test_a_convolution_in_a_tflite_is_named(tmp_path):
    b = Builder()
    image = b.tensor((1, 8, 8, 1), batch=True)
    weights = [b.floats(4, 3, 3, 1), b.floats(4)]
    x = b.add("CONV_2D", [image, *weights], (1, 6, 6, 4), "Conv2D", padding=1, strideH=1, strideW=1)
    x = b.add("FULLY_CONNECTED", [x, b.floats(3, 144)], (1, 3), "FullyConnected")
    refused(tmp_path / "m.tflite", pack(b.done([image], [x])), "it has a CONV_2D")


@pytest.mark.parametrize("units", [4, 7])
def test_weights_of_another_width_are_refused(units, tmp_path):
    """By the interpreter's own checks, or by ours: the rows of one image would be those of several."""
    b = Builder()
    image = b.tensor((1, 6), batch=True)
    x = b.add("FULLY_CONNECTED", [image, b.floats(3, units)], (1, 3), "FullyConnected")
    path = tmp_path / "m.tflite"
    path.write_bytes(pack(b.done([image], [x])))
    with pytest.raises(ModelError, match=r"m\.tflite: "):
        load(path, engine="numpy")
