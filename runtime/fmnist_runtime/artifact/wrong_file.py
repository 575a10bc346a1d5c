"""Explain what a file or folder is that cannot be loaded as a model, and what to do with it.

A file is recognised by its first bytes, or else by its suffix.
"""

from __future__ import annotations

import shlex
import zipfile
import zlib
from pathlib import Path

from fmnist_runtime.safety.zip import open_archive

_MODELS = (".tflite", ".onnx", ".keras", ".h5", ".hdf5")
_HEAD = 4096
"""Bytes by which a file is recognised."""
_SHOWN = 3
"""Number of models in an archive or folder that are named."""
_PYTORCH = (
    "is a PyTorch file, which only PyTorch can read; write an ONNX file there with: "
    "torch.onnx.export(model, image, 'model.onnx', dynamo=False)"
)
_CORE_ML = "is a Core ML model, which only Apple's systems run; take the model that it was made from"
_GRAPH = "is a TensorFlow graph; convert it to .tflite with tf.lite.TFLiteConverter"
_TFJS = (
    "is a model of TensorFlow.js; download it as TensorFlow Lite, which Teachable Machine offers, too, or "
    "make a Keras model of it with tensorflowjs_converter"
)
_BY_SUFFIX = {
    ".pt": _PYTORCH,
    ".pth": _PYTORCH,
    ".pb": _GRAPH,
    ".mlmodel": _CORE_ML,
    ".safetensors": "holds weights without a network; take an .onnx, .tflite or Keras model",
}
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_BROKEN = (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)


def explain_wrong_file(path: Path) -> str:
    """Return what is wrong with a path that cannot be loaded, to follow its name in a message.

    Returns:
        A sentence without its subject, with what to do; empty if that is not known.
    """
    try:
        return _folder(path) if path.is_dir() else _file(path)
    except _BROKEN:
        return ""


def _folder(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        return (
            "is a SavedModel of TensorFlow, which makes the bytes of a .tflite file of it: "
            f"tf.lite.TFLiteConverter.from_saved_model({str(path)!r}).convert()"
        )
    if path.suffix.lower() == ".mlpackage":
        return _CORE_ML
    if (path / "model.json").is_file():
        return _TFJS
    inside = [file for folder in (path, path / "export") for file in sorted(folder.glob("*"))]
    models = [str(file) for file in inside if file.suffix.lower() in _MODELS]
    return f"is a directory; name a model in it: {_listed(models)}" if models else ""


def _file(path: Path) -> str:
    suffix, quoted = path.suffix.lower(), shlex.quote(str(path))
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[4:8] == b"TFL3" and suffix != ".tflite":
        return "is a TFLite model; give it a name that ends in .tflite"
    if head.startswith(b"PK\3\4"):
        return _archive(path)
    if head.startswith(_HDF5) and suffix not in (".h5", ".hdf5"):
        return "is a Keras model in HDF5; give it a name that ends in .h5, and run: fmnist export NAME.h5"
    if head.startswith(b"\x1f\x8b"):
        tar = ".tar" in path.name or suffix == ".tgz"
        unpack = f"tar -xf {quoted}" if tar else f"zcat {quoted} > NAME.tflite"
        return f"is compressed; unpack it, and take the model: {unpack}"
    if head.lstrip().startswith(b"{") and (b"modelTopology" in head or b"weightsManifest" in head):
        return _TFJS
    if head.startswith(_PICKLE):
        return _PYTORCH
    return _BY_SUFFIX.get(suffix, "")


def _archive(path: Path) -> str:
    """Return what a ZIP is. Several model formats are ZIPs, and websites send models in ZIPs."""
    with open_archive(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return _PYTORCH
    if "config.json" in names:
        named = "is a Keras model; give it a name that ends in .keras, and run: fmnist export NAME.keras"
        return "" if path.suffix.lower() == ".keras" else named  # it is damaged
    models = [name for name in names if Path(name).suffix.lower() in _MODELS]
    if models:
        return f"is a ZIP archive; unpack it with: unzip {shlex.quote(str(path))}, and take {_listed(models)}"
    if any(Path(name).name == "model.json" for name in names):
        return _TFJS
    if any(Path(name).name == "saved_model.pb" for name in names):
        return "is a ZIP archive of a SavedModel; unpack it, and convert it with tf.lite.TFLiteConverter"
    return "" if any(name.endswith(".npy") for name in names) else "is a ZIP archive without a model in it"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} or {len(names) - _SHOWN:,} others" if len(names) > _SHOWN else shown
