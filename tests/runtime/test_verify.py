"""An artifact proves on a device that it arrived whole and answers as it did."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import TINY

from fmnist_exporters.formats import converter
from fmnist_runtime.artifact.container import read_container, read_metadata
from fmnist_runtime.errors import ModelError, ShapeError
from fmnist_runtime.verify import verify

ARTIFACTS = sorted(path for path in (TINY / "export").iterdir() if path.suffix != ".json")


@pytest.fixture(params=ARTIFACTS, ids=lambda path: path.name)
def artifact(request) -> Path:
    return request.param


def rewritten(source: Path, folder: Path, **changes: object) -> Path:
    """A copy that says something else of itself, sealed anew, for which there must be exporters."""
    pytest.importorskip("keras")
    metadata, container = read_metadata(source), read_container(source)
    assert metadata is not None
    assert container is not None
    golden = {key: changes.pop(key) for key in ("images", "original", "artifact") if key in changes}
    assert metadata.golden is not None
    metadata = replace(metadata, golden=replace(metadata.golden, **golden), **changes)
    model = source.read_bytes()[: container.model_bytes]
    path = folder / source.name
    path.write_bytes(converter(metadata.format).embed(model, metadata))
    return path


def test_it_is_verified_where_it_was_made(artifact):
    result = verify(artifact)
    assert result.passed, result.failures
    assert result.images == 3
    assert result.difference is not None
    assert result.difference <= (1e-5 if "float32" in artifact.name else 1 / 256)


def test_it_is_verified_alone_without_its_folder(artifact, tmp_path):
    assert verify(Path(shutil.copy(artifact, tmp_path))).passed


def test_changed_bytes_are_not_run(artifact, tmp_path):
    content = bytearray(artifact.read_bytes())
    content[len(content) // 3] ^= 0x40
    path = tmp_path / artifact.name
    path.write_bytes(content)
    result = verify(path)
    assert not result.passed
    assert result.engine == ""
    [failure] = result.failures
    assert "sealed" in failure or "damaged" in failure


def test_a_cut_off_file_differs(artifact, tmp_path):
    path = tmp_path / artifact.name
    for lost in (1, 50, 200):
        path.write_bytes(artifact.read_bytes()[:-lost])
        [failure] = verify(path).failures
        assert failure.startswith(("is cut off or damaged", "its bytes are not those it was sealed with"))


def test_what_is_added_is_seen(artifact, tmp_path):
    """A second graph behind the first, which protobuf would merge with it; or a byte behind the end."""
    path = tmp_path / artifact.name
    for more in (b"\0", artifact.read_bytes()):
        path.write_bytes(artifact.read_bytes() + more)
        assert not verify(path).passed


def test_labels_are_sealed_too(tmp_path):
    """Other programs read them from here."""
    content = (TINY / "export" / "model-int8.tflite").read_bytes()
    path = tmp_path / "m.tflite"
    path.write_bytes(content.replace(b"Pullover\n", b"Pullovar\n"))
    assert not verify(path).passed


@pytest.mark.parametrize("text", ['{"name": "web app"}', "[" * 100_000, ""])
def test_somebodys_manifest_says_nothing(tmp_path, text):
    path = Path(shutil.copy(TINY / "export" / "model-int8.tflite", tmp_path))
    (tmp_path / "manifest.json").write_text(text)
    assert verify(path).passed
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").mkdir()
    assert verify(path).passed


def test_a_damaged_manifest_of_ours_is_one_that_differs(tmp_path):
    path = Path(shutil.copy(TINY / "export" / "model-int8.tflite", tmp_path))
    (tmp_path / "manifest.json").write_text((TINY / "export" / "manifest.json").read_text()[:-20])
    assert not verify(path).passed


def test_another_file_of_the_same_name_is_seen_by_the_manifest(tmp_path):
    folder = Path(shutil.copytree(TINY / "export", tmp_path / "export"))
    shutil.copy(folder / "model-int8-full.tflite", folder / "model-int8.tflite")
    [failure] = verify(folder / "model-int8.tflite").failures
    assert failure == "its SHA-256 is not the one in manifest.json; copy both again"


@pytest.mark.parametrize("name", ["model-float32.onnx", "model-int8.tflite"])
def test_other_answers_are_counted_by_image(tmp_path, name):
    """What a device with another arithmetic would give: here the record is changed, not the engine."""
    metadata = read_metadata(TINY / "export" / name)
    assert metadata is not None
    assert metadata.golden is not None
    moved = metadata.golden.artifact.copy()
    moved[2, 0] += np.float32(2 * metadata.golden.tolerance)
    result = verify(rewritten(TINY / "export" / name, tmp_path, artifact=moved))
    [failure] = result.failures
    allowed = "1e-05" if "float32" in name else "0.0039"
    assert failure.startswith("golden image 2: a probability differs by ")
    assert failure.endswith(f", {allowed} is allowed")


@pytest.mark.parametrize("name", ["model-float32.onnx", "model-int8.tflite"])
def test_a_difference_within_the_tolerance_is_no_failure(tmp_path, name):
    metadata = read_metadata(TINY / "export" / name)
    assert metadata is not None
    assert metadata.golden is not None
    moved = metadata.golden.artifact + np.float32(metadata.golden.tolerance / 2)
    result = verify(rewritten(TINY / "export" / name, tmp_path, artifact=moved))
    assert result.passed
    assert result.difference == pytest.approx(metadata.golden.tolerance / 2, rel=0.1)


def test_what_was_rejected_stays_rejected(tmp_path):
    path = rewritten(TINY / "export" / "model-int8.tflite", tmp_path, rejected="accuracy is 3 points lower")
    [failure] = verify(path).failures
    assert failure == "it was rejected when it was made: accuracy is 3 points lower"


def test_golden_images_of_another_shape_are_an_error(tmp_path):
    path = rewritten(TINY / "export" / "model-int8.tflite", tmp_path, images=np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(ShapeError, match="takes images of shape 28×28"):
        verify(path)


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx"])
def test_a_foreign_model_cannot_be_verified(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"somebody's")
    with pytest.raises(ModelError, match="carries no golden samples of fmnist export"):
        verify(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.tflite: no such file"):
        verify(tmp_path / "absent.tflite")
