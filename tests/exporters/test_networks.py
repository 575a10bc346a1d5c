"""Networks of other kinds than ours, trained, converted in every scheme and run as a device runs them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from support import DATA
from support.networks import NETWORKS, input_range, train

from fmnist_exporters.formats import converter
from fmnist_exporters.original.session import KerasSession
from fmnist_runtime import load
from fmnist_runtime.artifact.checked import check_file
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.engines import plan
from fmnist_runtime.parity import compare, default_gate

IMAGES = 1000
FORMATS = {
    "float32": "tflite",
    "float16": "tflite",
    "dynamic": "tflite",
    "int8": "tflite",
    "int8-full": "tflite",
    "onnx": "onnx",
    "onnx-int8": "onnx",
}
"""Format of each artifact, by scheme; the ONNX file in float32 by its format."""
AGREEMENT = {"float16": 0.999, "dynamic": 0.996, "int8": 0.979, "int8-full": 0.94, "onnx-int8": 0.979}
"""Of 10,000 answers the worst of these networks changed 2, 16, 103 and 272. Another machine trains to other
weights, so twice as many are allowed, rounded up; of float32 none but ties."""

TFLITE_OPERATORS = {
    "cnn": "RESHAPE CONV_2D MAX_POOL_2D CONV_2D MAX_POOL_2D RESHAPE FULLY_CONNECTED FULLY_CONNECTED SOFTMAX",
    "separable": (
        "CONV_2D DEPTHWISE_CONV_2D CONV_2D ADD DEPTHWISE_CONV_2D CONV_2D MEAN FULLY_CONNECTED SOFTMAX"
    ),
    "logits": "CONV_2D RESHAPE FULLY_CONNECTED SOFTMAX",
    "unit_range": "RESHAPE FULLY_CONNECTED FULLY_CONNECTED SOFTMAX",
}
# An image of one channel is turned to ONNX's order by a reshape; activations are turned back by a
# transposition, in front of what takes them flat or averages them.
ONNX_OPERATORS = {
    "cnn": "Reshape Conv Relu MaxPool Conv Relu MaxPool Transpose Reshape Gemm Relu Gemm Softmax",
    "separable": "Reshape Conv Clip Conv Clip Conv Add Conv Conv Relu Transpose ReduceMean Gemm Softmax",
    "logits": "Reshape Conv Relu Transpose Reshape Gemm Softmax",
    "unit_range": "Reshape Gemm Relu Gemm Softmax",
}
ACTIVATIONS = ("Relu", "Clip")
LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
LAYERS = {
    "cnn": {"conv_1", "conv_2", "hidden", "head"},
    "separable": {"stem", "depthwise", "pointwise", "both", "head"},
    "logits": {"conv", "head"},
    "unit_range": {"hidden", "head"},
}
"""The layers whose weights remain."""
BLOCKS = {"cnn": 32, "separable": 32, "logits": 64, "unit_range": 256}
"""Images that ONNX Runtime is given at once where the cache is 1 MiB: so many hold their own pixels, and what
the first convolution makes of them: 8 channels of 28×28 numbers, 24 of 14×14 (a row more than there is), 16
of 14×14. The dense layers of the last are narrower than an image."""


@dataclass(frozen=True)
class Exported:
    name: str
    original: KerasSession
    h5: Path
    scores: np.ndarray
    """The original's, of the first test images."""
    paths: dict[str, Path]


def own_scheme(scheme: str) -> str:
    """What the recipes call it."""
    return {"onnx": "float32", "onnx-int8": "int8"}.get(scheme, scheme)


def convert(original: KerasSession, scheme: str) -> bytes:
    calibration = None
    if "int8" in scheme:
        calibration = original.fit(load_dataset("fashion-mnist", "train", DATA).images[:200])
    format = FORMATS[scheme]
    return converter(format).convert(original.classifier, own_scheme(scheme), calibration)


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request, tmp_path_factory, t10k) -> Iterator[Exported]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    model = train(request.param, load_dataset("fashion-mnist", "train", DATA))
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    with KerasSession(folder / "model.keras", input_range=input_range(request.param)) as original:
        paths = {}
        for scheme, format in FORMATS.items():
            paths[scheme] = folder / f"{scheme}.{format}"
            paths[scheme].write_bytes(convert(original, scheme))
        scores = original.scores(t10k.images)
        yield Exported(request.param, original, folder / "model.h5", scores, paths)


def test_it_learnt_and_answers_with_probabilities(exported, t10k):
    assert (exported.scores.argmax(axis=1) == t10k.targets).mean() > 0.5  # chance: 0.1
    assert np.abs(exported.scores.sum(axis=1) - 1).max() < 1e-5


@pytest.mark.parametrize("scheme", FORMATS)
def test_each_passes_its_gate(exported, scheme, t10k):
    """The recipe's, on all test images: accuracy, and of float32 every probability."""
    with load(exported.paths[scheme], input_range="0-255") as session:
        scores = session.scores(t10k.images)
    parity = compare(exported.scores, scores, t10k.targets, default_gate(own_scheme(scheme)))
    assert parity.breaches == ()
    assert parity.answers.agreement >= AGREEMENT.get(scheme, 1 - parity.changes.ties / len(t10k.targets))


@pytest.mark.parametrize("scheme", FORMATS)
def test_one_image_is_answered_as_in_a_batch(exported, scheme, t10k):
    """Integer sums have no order. Float ones have: a sum of values around 1 may differ by a few 2⁻²⁴.

    Of the separable network's int8 in ONNX the engine takes the mean over the image in float.
    """
    images = t10k.images[:256]
    with load(exported.paths[scheme], input_range="0-255") as session:
        together = session.scores(images)
        alone = np.concatenate([session.scores(images[i : i + 1]) for i in range(len(images))])
    exact = "int8" in scheme and (exported.name, scheme) != ("separable", "onnx-int8")
    assert np.abs(together - alone).max() <= (0 if exact else 1e-6)


@pytest.mark.parametrize("scheme", ["onnx", "onnx-int8"])
def test_a_block_of_images_fits_the_cache(exported, scheme, monkeypatch):
    monkeypatch.setattr(plan, "cache_bytes", lambda: 1 << 20)
    path = exported.paths[scheme]
    with load(path, input_range="0-255") as session:
        shape = session.info.input_shape
    assert plan.block_size(check_file(path).summary.image_bytes(shape)) == BLOCKS[exported.name]


def test_h5_is_the_same_model(exported, t10k):
    with KerasSession(exported.h5, input_range=input_range(exported.name)) as session:
        assert np.array_equal(session.scores(t10k.images[:IMAGES]), exported.scores[:IMAGES])


def operators(path: Path) -> str:
    if path.suffix == ".onnx":
        return " ".join(node.op_type for node in onnx.load(path).graph.node)
    names = [operator["op_name"] for operator in Interpreter(str(path))._get_ops_details()]
    return " ".join(name for name in names if name not in ("DELEGATE", "DEQUANTIZE"))  # to float weights


@pytest.mark.parametrize("scheme", FORMATS)
def test_no_operator_that_inference_does_not_need(exported, scheme):
    """No scaling, normalisation, dropout or shape arithmetic, and nothing of TensorFlow's own."""
    found = operators(exported.paths[scheme]).split()
    expected = (TFLITE_OPERATORS if FORMATS[scheme] == "tflite" else ONNX_OPERATORS)[exported.name].split()
    if scheme == "onnx-int8":  # activations are what the range ends at, and no operators any more
        found = [name for name in found if name not in ("QuantizeLinear", "DequantizeLinear", *ACTIVATIONS)]
        expected = [name for name in expected if name not in ACTIVATIONS]
    assert found == expected


@pytest.mark.parametrize("scheme", ["int8", "int8-full"])
def test_pixels_map_one_to_one(exported, scheme):
    details = Interpreter(str(exported.paths[scheme])).get_input_details()[0]
    assert (details["dtype"], details["quantization"]) == (np.int8, (1.0, -128))


def test_int8_is_per_channel_up_to_the_last_layer(exported):
    """Weights of the hidden layers have a scale for each channel; those of the last are float."""
    interpreter = Interpreter(str(exported.paths["int8"]))
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    weights = [tensors[op["inputs"][1]] for op in interpreter._get_ops_details() if op["op_name"] in LINEAR]
    for tensor in weights[:-1]:
        parameters = tensor["quantization_parameters"]
        assert tensor["dtype"] == np.int8
        assert len(parameters["scales"]) == tensor["shape"][parameters["quantized_dimension"]] > 1
    assert weights[-1]["dtype"] == np.float32


def test_artifacts_speak_of_the_layers(exported):
    nodes = onnx.load(exported.paths["onnx"]).graph.node
    assert {node.name.split("/")[0] for node in nodes} >= LAYERS[exported.name]
    tensors = Interpreter(str(exported.paths["int8"])).get_tensor_details()
    named = {part.split("/")[0] for tensor in tensors for part in tensor["name"].split(";")}
    assert named >= LAYERS[exported.name]


AGAIN = """
import hashlib, sys
from pathlib import Path
from fmnist_exporters.formats import onnx
from fmnist_exporters.original.session import KerasSession
content = onnx.convert(KerasSession(Path(sys.argv[1]), input_range=sys.argv[2]).classifier, "float32")
print(hashlib.sha256(content).hexdigest())
"""


def test_the_same_bytes_each_time(exported):
    for scheme in FORMATS:
        assert convert(exported.original, scheme) == exported.paths[scheme].read_bytes()


@pytest.mark.parametrize("exported", ["separable"], indirect=True)
def test_the_same_bytes_in_another_process(exported):
    """Equal constants of two layers become one, and which is chance; this network has such."""
    arguments = [exported.original.info.path, input_range(exported.name)]
    other = subprocess.run(
        [sys.executable, "-c", AGAIN, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == hashlib.sha256(exported.paths["onnx"].read_bytes()).hexdigest()
