"""Writing an artifact's description of itself into it, and reading it without an engine."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import version
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from fmnist_runtime.artifact import (
    LABELS_FILE,
    METADATA_FILE,
    ONNX_KEY,
    Metadata,
    parse_metadata,
    read_tflite_metadata,
)
from fmnist_runtime.environment import package_version


def versions() -> dict[str, str]:
    """Versions of the packages that decide an artifact's bytes."""
    packages = ("tensorflow", "keras", "tf2onnx", "onnx", "numpy")
    return {"fmnist": package_version(), **{package: version(package) for package in packages}}


def add_tflite_metadata(model: bytes, metadata: Metadata) -> bytes:
    """Append a ZIP with ``fmnist.json`` and ``labels.txt`` to a flatbuffer; the same bytes each time."""
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, text in (
            (METADATA_FILE, metadata.to_json()),
            (LABELS_FILE, "".join(f"{label}\n" for label in metadata.labels)),
        ):
            archive.writestr(zipfile.ZipInfo(name), text)  # ZipInfo: dated 1980, not now
    return buffer.getvalue()


def add_onnx_metadata(model: bytes, metadata: Metadata) -> bytes:
    """Put the metadata into ``metadata_props``; the same bytes each time."""
    proto = onnx.load_from_string(model)
    onnx.helper.set_model_props(proto, {ONNX_KEY: metadata.to_json()})
    return bytes(proto.SerializeToString(deterministic=True))


def read_onnx_metadata(path: Path) -> Metadata | None:
    """Metadata from an ONNX file; None when there is none of ours.

    Raises:
        ModelError: There is one, but it is damaged.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return None
    for entry in model.metadata_props:
        if entry.key == ONNX_KEY:
            return parse_metadata(entry.value, path)
    return None


EMBED = {"tflite": add_tflite_metadata, "onnx": add_onnx_metadata}
READ = {"tflite": read_tflite_metadata, "onnx": read_onnx_metadata}
