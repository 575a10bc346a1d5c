"""Converting the tiny model, and what becomes of files that are there already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from support import DATA, TINY

from fmnist_exporters.export import Artifact, Source, export, read_metadata, write_manifest
from fmnist_exporters.recipes import RECIPES, Recipe
from fmnist_runtime import load
from fmnist_runtime.datasets import KNOWN, load_dataset
from fmnist_runtime.errors import ModelError, OutputError
from fmnist_runtime.files import sha256_file

BY_NAME = {(recipe.format, recipe.scheme): recipe for recipe in RECIPES}
FLOAT32 = BY_NAME["tflite", "float32"]
SOURCE = Source(
    path=TINY / "model.keras",
    dataset="fashion-mnist",
    labels=KNOWN["fashion-mnist"].labels,
    load_training=lambda: load_dataset("fashion-mnist", "train", DATA),
)


def make(folder: Path, *recipes: Recipe, source: Source = SOURCE, force: bool = False) -> list[Artifact]:
    return list(export(source, {recipe: recipe.artifact_path("model", folder) for recipe in recipes}, force))


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
        "Reshape", "MatMul", "Add", "Relu", "MatMul", "Add", "Softmax",
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


def test_the_calibration_images_are_training_images(exported, monkeypatch):
    """Their digest is that of images that are in the training split, and it is recorded."""
    metadata = read_metadata(exported.path("tflite", "int8"))
    assert metadata is not None
    assert metadata.calibration["split"] == "train"
    assert metadata.calibration["images"] == 500
    float_metadata = read_metadata(exported.path("tflite", "float32"))
    assert float_metadata is not None
    assert float_metadata.calibration == {}


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


def test_what_is_not_ours_is_refused_before_anything_is_written(tmp_path):
    foreign = BY_NAME["onnx", "float32"].artifact_path("model", tmp_path)
    foreign.write_bytes(b"somebody's")
    with pytest.raises(OutputError, match=r"model-float32\.onnx: exists and was not made by fmnist; --force"):
        make(tmp_path, FLOAT32, BY_NAME["onnx", "float32"])
    assert [path.name for path in tmp_path.iterdir()] == ["model-float32.onnx"]
    assert foreign.read_bytes() == b"somebody's"
    make(tmp_path, BY_NAME["onnx", "float32"], force=True)
    assert read_metadata(foreign) is not None


def test_the_manifest_lists_the_artifacts_of_this_original_only(tmp_path):
    make(tmp_path, FLOAT32)
    (tmp_path / "foreign.tflite").write_bytes(b"somebody's")
    write_manifest(tmp_path, TINY / "model.keras")
    assert '"file": "model-float32.tflite"' in (tmp_path / "manifest.json").read_text()
    assert "foreign" not in (tmp_path / "manifest.json").read_text()
    other = tmp_path / "other.keras"
    other.write_bytes(b"another original")
    write_manifest(tmp_path, other)
    assert "model-float32.tflite" not in (tmp_path / "manifest.json").read_text()


def test_calibration_on_images_without_white_is_refused(tmp_path):
    """They would stretch the input's scale, and quantising the input would lose pixels' last bits."""
    dark = load_dataset("fashion-mnist", "train", DATA)
    source = replace(SOURCE, load_training=lambda: replace(dark, images=dark.images // 2))
    with pytest.raises(ModelError, match="do not span 0 to 255"):
        make(tmp_path, BY_NAME["tflite", "int8"], source=source)
    assert list(tmp_path.iterdir()) == []


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
