"""Converting the tiny model, and what becomes of files that are there already."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from support import DATA, TINY
from support.artifacts import BY_NAME, FLOAT32, SOURCE, make

from fmnist_exporters.export import Artifact
from fmnist_exporters.formats import tflite
from fmnist_exporters.original.session import KerasSession
from fmnist_exporters.recipes import RECIPES
from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.data.datasets import KNOWN, Dataset, load_dataset
from fmnist_runtime.errors import DatasetError, ModelError, OutputError, UnsupportedError
from fmnist_runtime.files import sha256_file


@dataclass(frozen=True)
class Exported:
    folder: Path
    artifacts: list[Artifact]

    def path(self, format: str, scheme: str) -> Path:
        return BY_NAME[format, scheme].artifact_path("model", self.folder)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("export")
    return Exported(folder, make(folder, *RECIPES))


def operators(path: Path) -> list[str]:
    details = Interpreter(str(path))._get_ops_details()
    return [operator["op_name"] for operator in details if operator["op_name"] != "DELEGATE"]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("float32", "RESHAPE FULLY_CONNECTED FULLY_CONNECTED SOFTMAX"),
        ("dynamic", "RESHAPE FULLY_CONNECTED FULLY_CONNECTED SOFTMAX"),
        ("int8", "RESHAPE FULLY_CONNECTED DEQUANTIZE FULLY_CONNECTED SOFTMAX"),
        ("int8-full", "RESHAPE FULLY_CONNECTED FULLY_CONNECTED SOFTMAX"),
    ],
)
def test_nothing_but_what_two_dense_layers_need(exported, scheme, expected):
    """No multiplication for the normalisation, no shape arithmetic, no variables."""
    assert operators(exported.path("tflite", scheme)) == expected.split()


def test_float16_adds_only_the_weights_way_back(exported):
    found = operators(exported.path("tflite", "float16"))
    assert [name for name in found if name != "DEQUANTIZE"] == [
        "RESHAPE",
        "FULLY_CONNECTED",
        "FULLY_CONNECTED",
        "SOFTMAX",
    ]


def test_onnx_operators_and_versions(exported):
    model = onnx.load(exported.path("onnx", "float32"))
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == [
        "Reshape", "Gemm", "Relu", "Gemm", "Softmax",
    ]  # fmt: skip
    assert model.ir_version == 8
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 18


@pytest.mark.parametrize("scheme", ["int8", "int8-full"])
def test_pixels_map_one_to_one_onto_the_inputs_integers(exported, scheme):
    details = Interpreter(str(exported.path("tflite", scheme))).get_input_details()[0]
    assert details["dtype"] == np.int8
    assert details["quantization"] == (1.0, -128)


def test_int8_weights_are_per_channel(exported):
    """One scale for each of the 16 hidden units."""
    details = Interpreter(str(exported.path("tflite", "int8"))).get_tensor_details()
    scales = [len(t["quantization_parameters"]["scales"]) for t in details if tuple(t["shape"]) == (16, 784)]
    assert scales == [16]


def test_int8_answers_in_float_and_int8_full_in_integers(exported):
    types = {
        scheme: Interpreter(str(exported.path("tflite", scheme))).get_output_details()[0]["dtype"]
        for scheme in ("int8", "int8-full")
    }
    assert types == {"int8": np.float32, "int8-full": np.int8}


def test_the_calibration_images_are_training_images(exported):
    """Their recorded digest is that of the training images which the recorded seed picks."""
    metadata = read_metadata(exported.path("tflite", "int8"))
    assert metadata is not None
    training = load_dataset("fashion-mnist", "train", DATA)
    numbers = metadata.calibration["indices"]
    assert np.bincount(training.targets[numbers]).tolist() == [50] * 10
    assert metadata.calibration == {
        "split": "train",
        "images": 500,
        "seed": 0,
        "sha256": hashlib.sha256(training.images[numbers].tobytes()).hexdigest(),
        "indices": numbers,
    }


def test_float_artifacts_were_calibrated_on_nothing(exported):
    for recipe in RECIPES:
        metadata = read_metadata(recipe.artifact_path("model", exported.folder))
        assert metadata is not None
        assert bool(metadata.calibration) == recipe.calibrated


def test_what_is_current_needs_no_training_images(exported):
    def fail() -> Dataset:
        raise AssertionError("read for nothing")

    [artifact] = make(exported.folder, FLOAT32, source=replace(SOURCE, load_training=fail))
    assert artifact.kept


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.format} {recipe.scheme}")
def test_each_artifact_describes_itself_and_runs(exported, recipe, t10k):
    path = recipe.artifact_path("model", exported.folder)
    with load(path) as session:
        metadata = session.info.metadata
        assert metadata is not None
        assert (metadata.format, metadata.scheme) == (recipe.format, recipe.scheme)
        assert metadata.source_sha256 == sha256_file(TINY / "model.keras")
        assert metadata.labels == KNOWN["fashion-mnist"].labels
        assert metadata.versions.keys() >= {"fmnist", "tensorflow", "keras"}
        assert session.classify(t10k.images[0]).label == "Ankle boot"
    assert read_metadata(path) == metadata


def test_the_same_inputs_give_the_same_bytes(exported, tmp_path):
    make(tmp_path, *RECIPES)
    for artifact in exported.artifacts:
        assert (tmp_path / artifact.path.name).read_bytes() == artifact.path.read_bytes()


def test_what_is_current_is_kept(exported):
    before = {artifact.path: artifact.path.stat().st_mtime_ns for artifact in exported.artifacts}
    again = make(exported.folder, *RECIPES)
    assert [artifact.kept for artifact in again] == [True] * len(RECIPES)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_we_made_from_other_inputs_is_replaced(tmp_path):
    make(tmp_path, FLOAT32)
    other = replace(SOURCE, labels=tuple("abcdefghij"))
    [artifact] = make(tmp_path, FLOAT32, source=other)
    assert not artifact.kept
    metadata = read_metadata(artifact.path)
    assert metadata is not None
    assert metadata.labels == tuple("abcdefghij")


def test_what_is_not_ours_is_refused(tmp_path):
    recipe = BY_NAME["onnx", "float32"]
    foreign = recipe.artifact_path("model", tmp_path)
    foreign.write_bytes(b"somebody's")
    with pytest.raises(OutputError, match=r"model-float32\.onnx: exists and was not made by fmnist; --force"):
        make(tmp_path, recipe)
    assert foreign.read_bytes() == b"somebody's"
    make(tmp_path, recipe, force=True)
    assert read_metadata(foreign) is not None


@pytest.mark.parametrize("recipe", [FLOAT32, BY_NAME["onnx", "float32"]], ids=lambda recipe: recipe.format)
def test_what_another_version_of_us_made_is_replaced(tmp_path, recipe):
    """Its metadata cannot be understood, but that it is ours can."""
    [artifact] = make(tmp_path, recipe)
    content = artifact.path.read_bytes()
    artifact.path.write_bytes(content.replace(b"fmnist.artifact/2", b"fmnist.artifact/9"))
    with pytest.raises(ModelError):
        read_metadata(artifact.path)
    [again] = make(tmp_path, recipe)
    assert not again.kept
    assert again.path.read_bytes() == content


@pytest.mark.parametrize("scheme", ["int8", "int8-full"])
def test_dark_calibration_images_do_not_stretch_the_input(tmp_path, scheme):
    """One's own images may not reach white; pixels map one to one all the same."""
    training = load_dataset("fashion-mnist", "train", DATA)
    source = replace(SOURCE, load_training=lambda: replace(training, images=training.images // 4))
    [artifact] = make(tmp_path, BY_NAME["tflite", scheme], source=source)
    assert Interpreter(str(artifact.path)).get_input_details()[0]["quantization"] == (1.0, -128)


@pytest.mark.parametrize(("scheme", "images"), [("int8", None), ("float32", np.zeros((1, 28, 28), np.uint8))])
def test_a_scheme_without_its_calibration_is_refused(scheme, images):
    """The converter would write a model of another scheme, and say nothing."""
    with pytest.raises(ValueError, match="calibration images"):
        tflite.convert(None, scheme, images)


@pytest.mark.parametrize(("format", "name"), [("tflite", "TFLite"), ("onnx", "ONNX")])
def test_what_a_converter_rejects_is_one_line(format, name, tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28))
    odd = keras.ops.erfinv(0.5 * keras.ops.sigmoid(keras.layers.Flatten()(image)))
    keras.Model(image, keras.layers.Dense(10)(odd)).save(tmp_path / "odd.keras")
    source = replace(SOURCE, path=tmp_path / "odd.keras")
    with pytest.raises(
        ModelError,
        match=rf"odd\.keras: layer 'erfinv(_1)?' \(Erfinv\) uses Erfinv, for which {name} has no operator",
    ):
        make(tmp_path, BY_NAME[format, "float32"], source=source)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.keras"]


def test_wrong_labels_are_refused(tmp_path):
    with pytest.raises(ModelError, match="has 10 classes, but there are 2 labels"):
        make(tmp_path, FLOAT32, source=replace(SOURCE, labels=("a", "b")))


@pytest.mark.parametrize("content", [b"not a zip", (TINY / "model.keras").read_bytes()[:1000]])
def test_a_broken_original_is_named(tmp_path, content):
    path = tmp_path / "broken.keras"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.keras: not a model that Keras"):
        make(tmp_path / "out", FLOAT32, source=replace(SOURCE, path=path))
    assert not (tmp_path / "out").exists()


def test_images_of_more_classes_than_the_model_has_are_refused(tmp_path):
    training = load_dataset("fashion-mnist", "train", DATA)
    targets = training.targets.copy()
    targets[::7] = 10
    source = replace(SOURCE, load_training=lambda: replace(training, targets=targets))
    with pytest.raises(DatasetError, match=r"model\.keras: has 10 classes, but fashion-mnist has more"):
        make(tmp_path, FLOAT32, source=source)


def raw_network(activation: str, folder: Path) -> KerasSession:
    """Trained by nobody, on pixels of 0 to 255: its hidden units reach some hundreds."""
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28))
    hidden = keras.layers.Dense(16, name="hidden")(keras.layers.Flatten()(image))
    if activation == "spelt out":
        active = hidden / (1 + keras.ops.exp(-hidden))
    else:
        active = keras.layers.Activation(activation)(hidden)
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(active / 100))
    model.save(folder / "raw.keras")
    return KerasSession(folder / "raw.keras")


@pytest.mark.parametrize("activation", ["softplus", "mish"])
def test_an_activation_that_overflows_in_tflite_does_not(activation, tmp_path, t10k):
    """TFLite spells out softplus as log(1 + exp(x)), which is infinite from 89 on."""
    session = raw_network(activation, tmp_path)
    wanted = session.scores(t10k.images[:200])
    for scheme, calibration in (("float32", None), ("int8", t10k.images[:50])):
        path = tmp_path / f"{scheme}.tflite"
        path.write_bytes(tflite.convert(session.classifier, scheme, calibration))
        with load(path, input_range="0-255") as converted:
            scores = converted.scores(t10k.images[:200])
        assert np.isfinite(scores).all()
        if scheme == "float32":
            assert np.abs(scores - wanted).max() < 1e-5  # gates.FLOAT32_DIFFERENCE


def test_infinity_inside_is_told_before_the_quantiser_ends_the_process(tmp_path, t10k):
    session = raw_network("spelt out", tmp_path)
    assert np.isfinite(session.scores(t10k.images[:50])).all()
    with pytest.raises(UnsupportedError, match="has infinite numbers inside"):
        tflite.convert(session.classifier, "int8", t10k.images[:50])
