"""Writing an artifact's description of itself into it. `fmnist_runtime.carriers` says where and reads it."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import version

import onnx

from fmnist_runtime.artifact import Metadata
from fmnist_runtime.carriers import LABELS_FILE, METADATA_FILE, ONNX_KEY, ONNX_SEAL_KEY, SEAL_BYTES, seal
from fmnist_runtime.environment import package_version


def versions() -> dict[str, str]:
    """Versions of the packages that decide an artifact's bytes."""
    packages = (
        "tensorflow",
        "keras",
        "ai-edge-litert",
        "flatbuffers",
        "tf2onnx",
        "onnx",
        "onnxruntime",
        "numpy",
    )
    return {"fmnist": package_version(), **{package: version(package) for package in packages}}


def embed_zip(model: bytes, metadata: Metadata) -> bytes:
    """Append ``fmnist.json`` and ``labels.txt`` to a ZIP's entries, or as a ZIP, and the seal."""
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, text in (
            (METADATA_FILE, metadata.to_json()),
            (LABELS_FILE, "".join(f"{label}\n" for label in metadata.labels)),
        ):
            archive.writestr(zipfile.ZipInfo(name), text)  # ZipInfo: dated 1980, not now
        archive.comment = bytes(SEAL_BYTES)
    return _sealed(buffer.getvalue())


def embed_onnx(model: bytes, metadata: Metadata) -> bytes:
    """Append ``metadata_props``: two protobuf messages one after the other are the two merged."""
    description = onnx.ModelProto()
    for key, value in ((ONNX_KEY, metadata.to_json()), (ONNX_SEAL_KEY, "0" * SEAL_BYTES)):
        description.metadata_props.add(key=key, value=value)
    return _sealed(model + bytes(description.SerializeToString()))


def _sealed(content: bytes) -> bytes:
    """The content with its seal in the place that was left for it, at the end."""
    return content[:-SEAL_BYTES] + seal(content[:-SEAL_BYTES])
