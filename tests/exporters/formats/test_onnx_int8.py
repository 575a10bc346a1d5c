"""The int8 ONNX file: what is in it, that it answers like its original, and that it is always the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_static
from support import DATA, TINY

from fmnist_exporters.formats import onnx_int8
from fmnist_exporters.formats.bias_correction import _correctable, _mean_errors, _side_by_side, correct_biases
from fmnist_exporters.formats.onnx_int8 import BlockReader, _quantise, activation_bytes, blocks, quantize
from fmnist_exporters.original.rounding import round_kernel
from fmnist_runtime.data.datasets import load_dataset


def tiny_weights() -> list[np.ndarray]:
    """Kernel, bias, kernel, bias of the tiny network, with its normalisation in the first."""
    *_, hidden, _, scores = keras.saving.load_model(TINY / "model.keras", compile=False).layers
    kernel, bias = hidden.get_weights()
    return [(kernel.astype(np.float64) / 255).astype(np.float32), bias, *scores.get_weights()]


def classifier(weights: list[np.ndarray]) -> bytes:
    """A float32 network of two dense layers, as the exporter writes it."""
    names = ["kernel_1", "bias_1", "kernel_2", "bias_2"]
    constants = [numpy_helper.from_array(*pair) for pair in zip(weights, names, strict=True)]
    constants.append(numpy_helper.from_array(np.array([-1, 784]), "shape"))
    nodes = [
        helper.make_node("Reshape", ["image", "shape"], ["flat"], "flatten"),
        helper.make_node("Gemm", ["flat", *names[:2]], ["sums"], "hidden"),
        helper.make_node("Relu", ["sums"], ["active"], "relu"),
        helper.make_node("Gemm", ["active", *names[2:]], ["logits"], "logits"),
        helper.make_node("Softmax", ["logits"], ["scores"], "softmax"),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 28, 28])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "classifier", [image], [scores], constants)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    ).SerializeToString()


def session(
    content: bytes, options: onnxruntime.SessionOptions | None = None
) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(content: bytes, images: np.ndarray, batch: int = 1000) -> np.ndarray:
    engine, pixels = session(content), images.astype(np.float32)
    batches = [pixels[start : start + batch] for start in range(0, len(pixels), batch)]
    return np.concatenate([engine.run(None, {"image": block})[0] for block in batches])


def constants(content: bytes) -> dict[str, np.ndarray]:
    graph = onnx.load_from_string(content).graph
    return {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """500 training images to calibrate on."""
    return load_dataset("fashion-mnist", "train", DATA).images[:500]


@pytest.fixture(scope="module")
def quantised(images) -> bytes:
    return quantize(classifier(tiny_weights()), images)


def test_nothing_but_what_is_needed(quantised):
    model = onnx.load_from_string(quantised)
    assert (model.ir_version, [(entry.domain, entry.version) for entry in model.opset_import]) == (
        8,
        [("", 18)],
    )
    assert [node.op_type for node in model.graph.node] == [
        *("DequantizeLinear", "DequantizeLinear"),  # bias and kernel
        *("Reshape", "QuantizeLinear", "DequantizeLinear", "Gemm"),
        *("QuantizeLinear", "DequantizeLinear", "Gemm", "Softmax"),
    ]
    for value, shape in ((model.graph.input[0], [28, 28]), (model.graph.output[0], [10])):
        tensor = value.type.tensor_type
        batch, *rest = tensor.shape.dim
        assert tensor.elem_type == TensorProto.FLOAT
        assert (batch.dim_param, [dim.dim_value for dim in rest]) == ("batch", shape)
    assert list(model.metadata_props) == []


def test_the_hidden_layer_runs_in_integers(quantised, tmp_path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # that the optimised file is for this machine alone
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    session(quantised, options)
    operators = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert operators == ["QuantizeLinear", "Reshape", "QGemm", "DequantizeLinear", "Gemm", "Softmax"]


@pytest.mark.parametrize("brightest", [255, 100, 0])
def test_pixels_are_their_own_integers(images, brightest):
    values = constants(quantize(classifier(tiny_weights()), np.minimum(images, np.uint8(brightest))))
    assert (values["flat_scale"], values["flat_zero_point"]) == (1.0, 0)
    assert values["flat_zero_point"].dtype == np.uint8


def test_it_stores_the_integers_that_were_chosen(images):
    weights = tiny_weights()
    weights[0] = round_kernel(weights[0], images.reshape(500, 784).astype(np.float64))
    values = constants(quantize(classifier(weights), images))
    chosen = np.rint(weights[0] / (np.abs(weights[0]).max(axis=0) / 127))
    assert values["kernel_1_quantized"].dtype == np.uint8
    assert np.array_equal(values["kernel_1_quantized"], chosen + 128)
    assert np.array_equal(values["kernel_1_zero_point"], np.full(16, 128, np.uint8))
    assert values["bias_1_quantized"].dtype == np.int32
    assert np.array_equal(values["kernel_2"], weights[2])


def test_it_answers_like_the_original(quantised, t10k):
    original = run(classifier(tiny_weights()), t10k.images)
    answers = run(quantised, t10k.images)
    assert (answers.argmax(axis=1) == original.argmax(axis=1)).mean() >= 0.995


def test_the_batch_size_makes_no_difference(quantised, t10k):
    assert np.array_equal(run(quantised, t10k.images[:1000], 1), run(quantised, t10k.images[:1000], 256))


def test_a_convolutional_network(images, t10k):
    rng = np.random.default_rng(0)
    values = {
        "shape": np.array([-1, 1, 28, 28]),
        "filters": rng.normal(size=(4, 1, 3, 3), scale=0.01).astype(np.float32),
        "bias": np.zeros(4, np.float32),
        "kernel": rng.normal(size=(4 * 13 * 13, 10), scale=0.01).astype(np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["image", "shape"], ["planes"], "planes"),
        helper.make_node("Conv", ["planes", "filters", "bias"], ["sums"], "convolution"),
        helper.make_node("Relu", ["sums"], ["active"], "relu"),
        helper.make_node("MaxPool", ["active"], ["pooled"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"], "flatten"),
        helper.make_node("Gemm", ["flat", "kernel"], ["scores"], "scores"),
    ]
    model = onnx.load_from_string(classifier(tiny_weights()))
    model.graph.ClearField("node")
    model.graph.ClearField("initializer")
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    float32 = model.SerializeToString()
    quantised = quantize(float32, images)
    assert constants(quantised)["filters_quantized"].dtype == np.uint8
    assert constants(quantised)["planes_scale"] == 1.0
    wanted, answers = run(float32, t10k.images), run(quantised, t10k.images)
    assert np.abs(answers - wanted).max() < 0.02 * np.abs(wanted).max()


def test_the_same_bytes_in_another_process(quantised, images, tmp_path):
    assert quantize(classifier(tiny_weights()), images) == quantised
    (tmp_path / "float32.onnx").write_bytes(classifier(tiny_weights()))
    np.save(tmp_path / "images.npy", images)
    script = (
        "import hashlib, pathlib, numpy; from fmnist_exporters.formats.onnx_int8 import quantize;"
        "content = quantize(pathlib.Path('float32.onnx').read_bytes(), numpy.load('images.npy'));"
        "print(hashlib.sha256(content).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == hashlib.sha256(quantised).hexdigest()


def test_it_works_in_silence_and_leaves_no_files(images, tmp_path, capfd, caplog, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    quantize(classifier(tiny_weights()), images)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert list(Path(tmp_path).iterdir()) == []


def gated() -> bytes:
    """Convolutions with hard swish between them, as tf2onnx writes it, and a dense layer on their average."""
    rng = np.random.default_rng(0)
    values = {
        "shape": np.array([-1, 1, 28, 28]),
        "three": np.array(3, np.float32),
        "zero": np.array(0, np.float32),
        "six": np.array(6, np.float32),
        "sixth": np.array(1 / 6, np.float32),
        "places": np.array([2, 3]),
        "kernel": rng.normal(size=(24, 10), scale=1.5).astype(np.float32),
        "bias": np.zeros(10, np.float32),
    }
    nodes = [helper.make_node("Reshape", ["image", "shape"], ["x0"], "planes")]
    for n, (inputs, scale) in enumerate([(1, 0.004), (24, 0.2), (24, 0.2), (24, 0.2)]):
        values[f"filters{n}"] = rng.normal(size=(24, inputs, 3, 3), scale=scale).astype(np.float32)
        values[f"bias{n}"] = rng.normal(size=24, loc=-1).astype(np.float32)
        window = {"strides": [2, 2]} if n < 2 else {"pads": [1] * 4}
        nodes += [
            helper.make_node("Conv", [f"x{n}", f"filters{n}", f"bias{n}"], [f"y{n}"], f"conv{n}", **window),
            helper.make_node("Add", [f"y{n}", "three"], [f"add{n}"], f"add{n}"),
            helper.make_node("Clip", [f"add{n}", "zero", "six"], [f"clip{n}"], f"clip{n}"),
            helper.make_node("Mul", [f"clip{n}", "sixth"], [f"gate{n}"], f"gate{n}"),
            helper.make_node("Mul", [f"y{n}", f"gate{n}"], [f"x{n + 1}"], f"swish{n}"),
        ]
    nodes += [
        helper.make_node("ReduceMean", ["x4", "places"], ["means"], "means", keepdims=0),
        helper.make_node("Gemm", ["means", "kernel", "bias"], ["logits"], "logits"),
        helper.make_node("Softmax", ["logits"], ["scores"], "softmax"),
    ]
    model = onnx.load_from_string(classifier(tiny_weights()))
    model.graph.ClearField("node")
    model.graph.ClearField("initializer")
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    return model.SerializeToString()


def test_gates_are_quantised_better_than_by_the_defaults(images, t10k, tmp_path):
    float32 = gated()
    wanted = run(float32, t10k.images[:2000])
    model = onnx.load_from_string(float32)
    onnx.save(model, tmp_path / "float32.onnx")
    quantize_static(tmp_path / "float32.onnx", tmp_path / "stock.onnx", BlockReader(model, images))
    stock = np.abs(run((tmp_path / "stock.onnx").read_bytes(), t10k.images[:2000]) - wanted).mean()
    ours = np.abs(run(quantize(float32, images), t10k.images[:2000]) - wanted).mean()
    assert ours < 0.8 * stock


def test_corrected_biases_take_the_mean_error_back(images):
    model = onnx.load_from_string(gated())
    quantised = _quantise(model, images)
    corrected = onnx.load_from_string(quantised.SerializeToString())
    correct_biases(corrected, model, blocks(model, images[:100]))
    joint = [
        _side_by_side(one, model, _correctable(one.graph, model.graph)) for one in (quantised, corrected)
    ]
    before, after = (_mean_errors(one, blocks(model, images[:100])) for one in joint)
    assert len(before) == 5  # four convolutions and the dense layer
    for left, right in zip(before, after, strict=True):
        assert np.abs(right).max() <= 0.5 * np.abs(left).max() + 1e-6


def test_blocks_are_bounded_by_bytes_and_change_nothing(images, quantised, monkeypatch):
    model = onnx.load_from_string(gated())
    sizes = [len(feed["image"]) for feed in blocks(model, images)]
    assert sum(sizes) == 500
    assert max(sizes) * activation_bytes(model) <= onnx_int8.BLOCK_BYTES
    assert activation_bytes(model) > 4 * (2 * 784 + 5 * 24 * 13 * 13)
    monkeypatch.setattr(onnx_int8, "BLOCK_BYTES", 2**16)
    assert max(len(feed["image"]) for feed in blocks(model, images)) == 1
    # For one image other kernels multiply. A sum of 784 products is off by 784 · 2⁻²⁴ of what its terms are
    # together, which may be some twenty times the sum; a scale is the largest sum's. Integers are off by one.
    before, after = (constants_of(each) for each in (quantised, quantize(classifier(tiny_weights()), images)))
    assert after.keys() == before.keys()
    for name, array in after.items():
        exact = {"rtol": 20 * 784 * 2**-24} if array.dtype == np.float32 else {"rtol": 0, "atol": 1}
        np.testing.assert_allclose(array.astype(float), before[name].astype(float), err_msg=name, **exact)


def constants_of(content: bytes) -> dict[str, NDArray[Any]]:
    graph = onnx.load_from_string(content).graph
    return {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}


def test_one_image_is_enough(images):
    assert np.isfinite(run(quantize(gated(), images[:1]), images[:10])).all()
