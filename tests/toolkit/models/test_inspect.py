"""What is in a model file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from support import TINY

from fmnist.models.contents import measure_weight
from fmnist.models.inspect import inspect_model, trained_weights
from fmnist.results.write import to_json
from fmnist_exporters.formats import converter
from fmnist_runtime.artifact.container import read_container, read_metadata
from fmnist_runtime.files import sha256_file

EXPORT = TINY / "export"
INT8 = EXPORT / "model-int8.tflite"
ONNX = EXPORT / "model-float32.onnx"


def row(text: str, start: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.startswith(start)]
    return re.split(r"  +", line)


def test_the_newest_run_shows_its_original(tiny, fmnist):
    (tiny / "initial.npz").unlink()
    result = fmnist("inspect")
    assert (result.returncode, result.stderr) == (0, "run: runs/tiny\n")
    assert row(result.stdout, "flatten") == ["flatten", "Flatten", "?×784", "0"]
    assert row(result.stdout, "hidden_1 ") == ["hidden_1", "Dense", "?×16", "12,560"]
    assert "total: 12,730 parameters" in result.stdout
    assert row(result.stdout, "image")[:4] == ["image", "input", "?×28×28", "float32"]
    assert row(result.stdout, "probabilities  output")[2] == "?×10"
    weights, _ = trained_weights(tiny / "model.keras")
    kernel = weights["hidden_1/kernel"].astype(np.float64)
    expected = [f"{value:.3g}" for value in (kernel.min(), kernel.max(), kernel.mean(), kernel.std())]
    assert row(result.stdout, "hidden_1/kernel") == [
        "hidden_1/kernel", "784×16", "float32", *expected, "0.0%",
    ]  # fmt: skip
    assert "before training" not in result.stdout


def test_weights_before_and_after_training_are_shown(tiny, fmnist):
    (tiny / "initial.npz").unlink()
    only_after = fmnist("inspect", "--weights")
    assert "runs/tiny/initial.npz: missing, so only the weights after training" in only_after.stderr
    assert "hidden_1/bias\n[" in only_after.stdout
    weights, _ = trained_weights(tiny / "model.keras")
    np.savez(tiny / "initial.npz", **{name: np.zeros_like(array) for name, array in weights.items()})
    both = fmnist("inspect", "runs/tiny/model.keras", "--weights")
    assert (both.returncode, both.stderr) == (0, "")
    assert "probabilities/bias before training\n[0. 0. 0." in both.stdout
    assert f"probabilities/bias after training\n{weights['probabilities/bias']}" in both.stdout
    assert both.stdout.index("weights before training") > both.stdout.index("hidden_1/kernel")


def test_a_tflite_tells_its_quantisation_and_where_it_comes_from(fmnist):
    result = fmnist("inspect", INT8)
    assert (result.returncode, result.stderr) == (0, "")
    metadata = read_metadata(INT8)
    assert row(result.stdout, "format")[1] == "tflite int8"
    assert row(result.stdout, "data set")[1] == "fashion-mnist"
    assert sha256_file(TINY / "model.keras") in row(result.stdout, "made from")[1]
    assert f"keras {metadata.versions['keras']}" in row(result.stdout, "made with")[1]
    assert "images 500" in row(result.stdout, "calibration")[1]
    assert "Ankle boot" in row(result.stdout, "labels")[1]
    assert row(result.stdout, "serving_default_image")[1:] == ["input", "?×28×28", "int8", "1", "-128"]
    assert row(result.stdout, "PartitionedCall")[1:] == ["output", "?×10", "float32", "-", "-"]


@pytest.mark.parametrize("name", ["model-int8.tflite", "model-int8.onnx"])
def test_stored_integers_times_their_scales_are_the_weights(tiny, name):
    """Exactly so the largest of each unit, from which its scale comes; the others make up for each other."""
    contents = inspect_model(EXPORT / name)
    [kernel] = [weight for weight in contents.weights if {16, 784} == set(weight.shape)]
    integers = kernel.values.astype(int) - kernel.zero_points[0]
    if name.endswith("tflite"):
        integers = integers.T
    weights, _ = trained_weights(tiny / "model.keras")
    trained = weights["hidden_1/kernel"] / 255  # the export folds the normalisation into the layer
    assert len(kernel.scales) == 16
    assert np.abs(integers).max(axis=0).tolist() == [127] * 16
    restored, peaks = integers * np.array(kernel.scales), np.abs(trained).argmax(axis=0)
    assert restored[peaks, range(16)] == pytest.approx(trained[peaks, range(16)], rel=1e-6)
    assert np.corrcoef(restored.ravel(), trained.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("name", "kinds", "hidden"),
    [
        # 16 units of 784 weights, and a bias: of one byte each and four in int8, else of four
        ("model-float32.tflite", "RESHAPE FULLY_CONNECTED FULLY_CONNECTED SOFTMAX", 16 * 784 * 4 + 16 * 4),
        (
            "model-int8.tflite",
            "RESHAPE FULLY_CONNECTED DEQUANTIZE FULLY_CONNECTED SOFTMAX",
            16 * 784 + 16 * 4,
        ),
        ("model-float32.onnx", "Reshape Gemm Relu Gemm Softmax", 16 * 784 * 4 + 16 * 4),
        ("model-float32.npz", "dense relu|dense softmax", 16 * 784 * 4 + 16 * 4),
    ],
)
def test_operators_with_what_their_weights_take(tmp_path, fmnist, name, kinds, hidden):
    path = EXPORT / name
    result = fmnist("inspect", path, "--json", "out.json")
    operators = json.loads((tmp_path / "out.json").read_text())["operators"]
    assert [step["kind"] for step in operators] == kinds.split("|" if "|" in kinds else None)
    assert [step["number"] for step in operators] == list(range(len(operators)))
    assert operators[-1]["shape"] == [None, 10]
    [layer] = [step for step in operators if step["weight_bytes"] == hidden]
    shown = row(result.stdout, f"{layer['number']} {layer['kind']}")
    assert shown[1:] == [
        layer["output"], "?×16", f"{hidden:,}", f"{100 * hidden / path.stat().st_size:.1f}%",
    ]  # fmt: skip
    total = sum(step["weight_bytes"] for step in operators)
    assert f"total: {total:,} bytes of weights" in result.stdout


def test_an_integer_onnx_shows_what_its_activations_are_quantised_by():
    tensors = inspect_model(EXPORT / "model-int8.onnx").tensors
    assert [tensor.role for tensor in tensors] == ["input", *["inner"] * (len(tensors) - 2), "output"]
    pixels, hidden = (tensor for tensor in tensors if tensor.scales)
    assert (pixels.shape, pixels.dtype, pixels.scales, pixels.zero_points) == (
        (None, 784),
        "uint8",
        (1,),
        (0,),
    )
    assert (hidden.shape, hidden.dtype, hidden.zero_points) == ((None, 16), "uint8", (0,))


def test_an_npz_tells_the_same(tiny, fmnist):
    result = fmnist("inspect", EXPORT / "model-float32.npz")
    assert (result.returncode, result.stderr) == (0, "")
    assert row(result.stdout, "format")[1] == "npz float32"
    assert row(result.stdout, "image")[1:4] == ["input", "?×28×28", "float32"]
    assert row(result.stdout, "probabilities  ")[1:4] == ["output", "?×10", "float32"]
    weights, _ = trained_weights(tiny / "model.keras")
    stored = {weight.name: weight.values for weight in inspect_model(EXPORT / "model-float32.npz").weights}
    assert list(stored) == list(weights)
    assert np.array_equal(stored["probabilities/kernel"], weights["probabilities/kernel"])


@pytest.mark.parametrize("name", ["model-int8.tflite", "model-int8.onnx", "model-float32.npz"])
def test_an_artifact_tells_how_it_was_checked(tmp_path, fmnist, name):
    result = fmnist("inspect", EXPORT / name, "--json", "out.json")
    metadata = read_metadata(EXPORT / name)
    assert f"images 10000, agreement {metadata.proof['agreement']:.6g}" in row(result.stdout, "proof")[1]
    golden = metadata.golden
    difference = np.abs(golden.original - golden.artifact).max()
    assert row(result.stdout, "golden")[1] == (
        f"{len(golden.images)} images of 28×28, largest difference from the original {difference:.2g}, "
        f"tolerance {golden.tolerance:.2g}"
    )
    assert "REJECTED" not in result.stdout
    record = json.loads((tmp_path / "out.json").read_text())["metadata"]
    assert record["proof"] == metadata.proof
    assert record["calibration"] == metadata.calibration
    assert np.array_equal(record["golden"]["images"], golden.images)
    if "int8" in name:
        calibration = row(result.stdout, "calibration")[1]
        assert calibration == f"split train, images 500, seed 0, sha256 {metadata.calibration['sha256']}"


def test_a_rejected_artifact_says_why(tmp_path, fmnist):
    metadata, container = read_metadata(INT8), read_container(INT8)
    metadata = replace(metadata, rejected="accuracy is 3 points lower, 0.5 are allowed")
    content = converter("tflite").embed(INT8.read_bytes()[: container.model_bytes], metadata)
    (tmp_path / "model.tflite.rejected").write_bytes(content)
    result = fmnist("inspect", "model.tflite.rejected")
    assert row(result.stdout, "REJECTED")[1] == "accuracy is 3 points lower, 0.5 are allowed"


def test_an_onnx_tells_the_same(fmnist):
    result = fmnist("inspect", ONNX)
    assert (result.returncode, result.stderr) == (0, "")
    assert row(result.stdout, "format")[1] == "onnx float32"
    assert row(result.stdout, "image")[1:4] == ["input", "?×28×28", "float32"]
    assert row(result.stdout, "probabilities/probabilities_1/MatMul/constant_1")[1:3] == ["16×10", "float32"]


def test_without_the_package_onnx_the_rest_is_shown():
    code = """
import sys
sys.modules["onnx"] = None
from fmnist.cli.main import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", code, "inspect", ONNX],
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "image" in result.stdout
    assert (
        "operators and weights: ONNX Runtime does not show them; pip install 'fmnist[train]'" in result.stdout
    )


def test_scales_of_a_quantised_onnx(tmp_path):
    """Others' file, without our metadata: one linear layer whose weights are integers by channel."""
    values = np.arange(-10, 10, dtype=np.int8).reshape(4, 5)
    constants = {
        "kernel": values,
        "kernel_scale": np.linspace(0.1, 0.5, 5).astype(np.float32),
        "kernel_zero_point": np.zeros(5, np.int8),
    }
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", list(constants), ["weights"], axis=1),
            helper.make_node("MatMul", ["pixels", "weights"], ["scores"]),
        ],
        "linear",
        [helper.make_tensor_value_info("pixels", float32, ["batch", 4])],
        [helper.make_tensor_value_info("scores", float32, ["batch", 5])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, tmp_path / "linear.onnx")
    inspection = inspect_model(tmp_path / "linear.onnx")
    assert inspection.metadata is None
    kernel = inspection.weights[0]
    assert (kernel.minimum, kernel.maximum, kernel.zeros) == (-10, 9, 0.05)
    assert kernel.scales == pytest.approx((0.1, 0.2, 0.3, 0.4, 0.5))
    assert kernel.zero_points == (0,) * 5


def test_json_has_figures_and_by_wish_every_weight(tmp_path, fmnist):
    record = json.loads(fmnist("inspect", INT8, "--json", "-").stdout)
    assert record["schema"] == "fmnist.inspect/1"
    assert record["model"]["sha256"] == sha256_file(INT8)
    assert record["metadata"]["scheme"] == "int8"
    assert record["tensors"][0]["shape"] == [None, 28, 28]
    assert all("values" not in weight for weight in record["weights"])
    result = fmnist("inspect", INT8, "--weights", "--json", "out.json")
    assert "hidden_1_1/MatMul" in result.stdout
    record = json.loads((tmp_path / "out.json").read_text())
    kernel = next(weight for weight in record["weights"] if weight["shape"] == [16, 784])
    assert np.shape(kernel["values"]) == (16, 784)


def test_weights_of_a_failed_training_are_shown_as_they_are():
    weight = measure_weight("kernel", np.array([np.inf, 0, 1, np.nan], np.float32))
    assert np.isnan(weight.mean)
    assert weight.zeros == 0.25
    assert json.loads(to_json("inspect", {"weight": weight}))["weight"]["values"] == [None, 0, 1, None]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.tflite", None, "no such file"),
        ("absent.keras", None, "no such file"),
        ("model.txt", b"text", "a model file ends in .tflite or .onnx"),
        ("half.tflite", INT8.read_bytes()[:5000], "not a TFLite classifier"),
        ("random.keras", b"no zip", "not a model that Keras"),
    ],
)
def test_bad_files_are_one_line(tmp_path, fmnist, name, content, complaint):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = fmnist("inspect", name)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"fmnist: {name}: ")
    assert complaint in result.stderr


def test_of_a_thousand_labels_a_few_are_shown_and_json_has_all(tmp_path, fmnist):
    image, scores = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", *shape])
        for name, shape in (("image", (1, 2, 500)), ("scores", (1000,)))
    )
    nodes = [
        onnx.helper.make_node("Flatten", ["image"], ["flat"]),
        onnx.helper.make_node("Softmax", ["flat"], ["scores"]),
    ]
    graph = onnx.helper.make_graph(nodes, "graph", [image], [scores])
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    result = fmnist("inspect", "m.onnx", "--json", "m.json")
    assert row(result.stdout, "labels")[1] == "0, 1, 2, 3, 4, …, 999 (1,000; --json has all)"
    assert json.loads((tmp_path / "m.json").read_text())["labels"] == [str(index) for index in range(1000)]
