"""What artifacts carry, read without an engine, whatever became of the file on its way."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import TINY

from fmnist_runtime import load
from fmnist_runtime.artifact.container import is_intact, read_container, read_metadata
from fmnist_runtime.artifact.metadata import parse_metadata
from fmnist_runtime.data.datasets import KNOWN
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import sha256_file

ARTIFACTS = sorted(path for path in (TINY / "export").iterdir() if path.suffix != ".json")
LABELS = KNOWN["fashion-mnist"].labels


@pytest.fixture(params=ARTIFACTS, ids=lambda path: path.name)
def artifact(request) -> Path:
    return request.param


def test_each_says_what_it_is(artifact):
    metadata = read_metadata(artifact)
    assert metadata is not None
    assert f"model-{metadata.scheme}.{metadata.format}" == artifact.name
    assert metadata.labels == LABELS
    assert metadata.source_sha256 == sha256_file(TINY / "model.keras")
    assert (metadata.dataset, metadata.source_range, metadata.rejected) == ("fashion-mnist", "0-255", "")
    assert metadata.proof["images"] == 10_000


def test_each_carries_golden_samples(artifact):
    """Three images of different classes, of which the original is neither sure nor at a loss."""
    metadata = read_metadata(artifact)
    assert metadata is not None
    golden = metadata.golden
    assert golden is not None
    assert golden.images.shape == (3, 28, 28)
    assert golden.images.std(axis=(1, 2)).min() > 10  # images, not blanks
    assert np.abs(golden.original.max(axis=1) - 0.8).max() < 0.05
    assert np.abs(golden.artifact.sum(axis=1) - 1).max() < 0.02  # int8-full counts in 256ths
    assert golden.tolerance == (1e-5 if metadata.scheme == "float32" else 1 / 256)


def test_metadata_takes_less_than_8_kb(artifact):
    container = read_container(artifact)
    assert container is not None
    assert artifact.stat().st_size - container.model_bytes < 8000


def test_what_is_written_is_what_is_read(artifact):
    metadata = read_metadata(artifact)
    assert metadata is not None
    again = parse_metadata(metadata.to_json(), artifact)
    assert again == metadata
    assert again.to_json() == metadata.to_json()


def test_the_seal_breaks_with_any_byte(artifact, tmp_path):
    """One bit, at ten places of the model and ten of its description."""
    content = artifact.read_bytes()
    container = read_container(artifact)
    assert container is not None
    assert is_intact(artifact)
    start = content.index(container.text)
    places = [
        *np.linspace(0, container.model_bytes - 1, 10),
        *np.linspace(start, start + len(container.text) - 1, 10),
    ]
    for place in map(int, places):
        path = tmp_path / artifact.name
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            assert not is_intact(path), place
        except ModelError:
            continue  # a checksum of the format itself was faster


def test_onnx_metadata_is_where_onnx_looks_for_it():
    model = onnx.load(TINY / "export" / "model-float32.onnx")
    props = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(props["fmnist"])["labels"] == list(LABELS)
    onnx.checker.check_model(model)


@pytest.mark.parametrize("name", ["model-int8.tflite", "model-float32.npz"])
def test_labels_are_found_by_name(name):
    with zipfile.ZipFile(TINY / "export" / name) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(LABELS)
        assert archive.testzip() is None


def test_an_onnx_file_that_was_edited_is_not_intact(tmp_path):
    """Tools that rewrite a file keep its metadata, but the model is another."""
    model = onnx.load(TINY / "export" / "model-float32.onnx")
    model.graph.name = "edited"
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    assert read_metadata(path) == read_metadata(TINY / "export" / "model-float32.onnx")
    assert not is_intact(path)


def test_a_cut_off_artifact_is_not_taken_for_a_foreign_one(artifact, tmp_path):
    path = tmp_path / artifact.name
    path.write_bytes(artifact.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is cut off or damaged"):
        load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"images": "AAAA"},
        {"images": "not base64!"},
        {"images": 3},
        {"shape": [4, 28]},
        {"shape": [1 << 40, 1 << 40]},
        {"shape": [-4, -784]},
        {"shape": []},
        {"original": [[0.1] * 10] * 2},
        {"artifact": [[0.1] * 9] * 4},
        {"artifact": [["a"] * 10] * 4},
        {"artifact": [[float("nan")] * 10] * 4},
        {"tolerance": 2},
        {"tolerance": "wide"},
    ],
    ids=str,
)
def test_damaged_golden_samples_are_one_line(change):
    container = read_container(TINY / "export" / "model-int8.tflite")
    assert container is not None
    fields = json.loads(container.text)
    fields["golden"] |= change
    with pytest.raises(ModelError, match=r"model\.tflite: its metadata is damaged \("):
        parse_metadata(json.dumps(fields), Path("model.tflite"))


def test_a_bomb_of_golden_images_stays_folded():
    """A hundred million zeros in a few kilobytes, said to be four images."""
    import base64
    import zlib

    container = read_container(TINY / "export" / "model-int8.tflite")
    assert container is not None
    fields = json.loads(container.text)
    fields["golden"]["images"] = base64.b64encode(zlib.compress(bytes(100_000_000), 9)).decode()
    with pytest.raises(ModelError, match="its metadata is damaged"):
        parse_metadata(json.dumps(fields), Path("model.tflite"))


def test_foreign_files_carry_nothing(tmp_path):
    for name in ("model.onnx", "model.tflite", "model.npz", "model.txt"):
        path = tmp_path / name
        path.write_bytes(b"somebody's")
        assert read_metadata(path) is None
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    assert read_metadata(tmp_path / "other.npz") is None


def test_labels_cannot_move_the_cursor():
    """Those of a stranger's file are printed."""
    container = read_container(TINY / "export" / "model-int8.tflite")
    assert container is not None
    text = container.text.replace(b"Pullover", b"\\u001b[2J")
    with pytest.raises(ModelError, match="control characters"):
        parse_metadata(text, Path("model.tflite"))


def test_an_error_is_one_line_whatever_it_speaks_of():
    error = ModelError("\x1b[31mred\x1b[0m.tflite: is\nno\x07 model")
    assert str(error) == "red.tflite: is no model"
