"""Files that are downloaded or written where a model should be: what they are is said, and what to do."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from support import DATA, TINY

from fmnist_runtime import load
from fmnist_runtime.data.idx import read_idx
from fmnist_runtime.data.images import read_image
from fmnist_runtime.data.labels import read_labels
from fmnist_runtime.errors import DatasetError, FmnistError, IdxError, ImageError, ModelError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html>\n<html lang=en><title>404</title></html>"
TFLITE = (TINY / "export" / "model-int8.tflite").read_bytes()


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(zipfile.ZipInfo(name), b"content")  # not dated now: test names are of bytes
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (POINTER, "is a Git LFS pointer, which stands for the file; fetch that with: git lfs pull"),
        (PAGE, "is a web page, not"),
    ],
)
@pytest.mark.parametrize(
    ("name", "read", "kind"),
    [
        ("m.tflite", load, ModelError),
        ("m.onnx", load, ModelError),
        ("m.npz", load, ModelError),
        ("t10k-images-idx3-ubyte.gz", read_idx, IdxError),
        ("a.png", lambda path: read_image(path, (28, 28)), ImageError),
        ("labels.txt", read_labels, DatasetError),
    ],
)
def test_what_was_downloaded_instead_of_a_file(tmp_path, content, complaint, name, read, kind):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(kind) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("m.lite", TFLITE, "is a TFLite model; give it a name that ends in .tflite"),
        ("m.onnx", TFLITE, "is a TFLite model; give it a name that ends in .tflite"),
        (
            "converted_tflite.zip",  # Teachable Machine
            archive("labels.txt", "model_unquant.tflite"),
            "is a ZIP archive; unpack it with: unzip {path}, and take model_unquant.tflite",
        ),
        ("m.tflite", archive("labels.txt", "model_unquant.tflite"), "is a ZIP archive; unpack it with"),
        ("m.zip", archive("model.json", "weights.bin"), "is a model of TensorFlow.js"),
        (
            "m.zip",
            archive("m/saved_model.pb", "m/variables/variables.index"),
            "is a ZIP archive of a SavedModel",
        ),
        ("m.zip", archive("edge-impulse-sdk/README.md"), "is a ZIP archive without a model in it"),
        ("m.onnx", archive("config.json", "model.weights.h5"), "is a Keras model; give it a name that ends"),
        ("m.pt", archive("m/data.pkl", "m/version"), "is a PyTorch file, .* torch.onnx.export"),
        ("m.onnx", archive("m/data.pkl", "m/version"), "is a PyTorch file"),
        ("m.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is a PyTorch file"),
        ("m.bin", b"\x89HDF\r\n\x1a\n", "is a Keras model in HDF5; .* fmnist export NAME.h5"),
        ("m.tar.gz", gzip.compress(b"tar", mtime=0), "is compressed; .* tar -xf {path}"),
        ("m.tflite", gzip.compress(TFLITE, mtime=0), "is compressed; .* zcat {path} > NAME.tflite"),
        (
            "model.json",
            json.dumps({"format": "layers-model", "modelTopology": {}}).encode(),
            "is a model of TensorFlow.js; download it as TensorFlow Lite",
        ),
        ("m.mlmodel", b"\x08\x04\x12", "is a Core ML model"),
        ("frozen.pb", b"\n\x01", "is a TensorFlow graph"),
        ("m.safetensors", b"\x10\0\0\0", "holds weights without a network"),
    ],
)
def test_another_kind_of_model(tmp_path, name, content, complaint):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"^{path}: {complaint.format(path=path)}"):
        load(path)


def test_folders(tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    with pytest.raises(ModelError, match=r"is a SavedModel .*from_saved_model\('.*/saved'\)"):
        load(tmp_path / "saved")
    with pytest.raises(
        ModelError, match=r"is a directory; name a model in it: .*model\.keras, .*model-float32\.onnx"
    ):
        load(TINY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ModelError, match=r"a model file ends in \.tflite or \.onnx or \.npz or \.c, not this"
    ):
        load(tmp_path / "empty")


def test_a_name_that_is_not_there(tmp_path):
    with pytest.raises(
        ModelError, match=r"no such file; give the path of a model, which ends in \.tflite or"
    ):
        load(tmp_path / "modell")


@pytest.mark.parametrize("content", [b"PK\3\4", b"PK\3\4" + bytes(100), b"\x1f\x8b", b"{", b"\x80\x02"])
def test_the_start_of_a_format_and_nothing_behind_it(tmp_path, content):
    for suffix in (".tflite", ".onnx", ".npz", ".zip", ""):
        path = Path(tmp_path, f"m{suffix}")
        path.write_bytes(content)
        with pytest.raises(FmnistError):
            load(path)


def test_our_data_and_models_are_not_mistaken(t10k):
    assert read_idx(DATA / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").shape == (10_000,)
    for path in (TINY / "export").glob("model-*"):
        load(path).close()
