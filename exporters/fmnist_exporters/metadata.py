"""Writing an artifact's description of itself into it, where `fmnist_runtime.artifact.container` reads it."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import version

from fmnist_runtime.artifact.container import (
    LABELS_FILE,
    METADATA_FILE,
    METADATA_PROPS,
    ONNX_KEY,
    ONNX_SEAL_KEY,
    SEAL_BYTES,
    seal,
)
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.machine.environment import package_version
from fmnist_runtime.safety.protobuf import field


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
        _describe(archive, metadata)
    return _sealed(buffer.getvalue())


def embed_behind(model: bytes, metadata: Metadata) -> bytes:
    """As `embed_zip`, for a model of somebody else's that may end in a ZIP: every byte of it stays as it is.

    The new ZIP has the old one's files, too, as readers look into the last one.
    """
    buffer = io.BytesIO(model)
    old = zipfile.ZipFile(io.BytesIO(model)) if zipfile.is_zipfile(buffer) else None
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in dict.fromkeys(old.namelist()) if old else ():
            if name not in (METADATA_FILE, LABELS_FILE):
                archive.writestr(zipfile.ZipInfo(name), old.read(name) if old else b"")
        _describe(archive, metadata)
    return _sealed(buffer.getvalue())


def _describe(archive: zipfile.ZipFile, metadata: Metadata) -> None:
    for name, text in (
        (METADATA_FILE, metadata.to_json()),
        (LABELS_FILE, "".join(f"{label}\n" for label in metadata.labels)),
    ):
        archive.writestr(zipfile.ZipInfo(name), text)  # ZipInfo: dated 1980, not now
    archive.comment = bytes(SEAL_BYTES)


def embed_onnx(model: bytes, metadata: Metadata) -> bytes:
    """Append ``metadata_props``: two protobuf messages one after the other are the two merged."""
    pairs = ((ONNX_KEY, metadata.to_json()), (ONNX_SEAL_KEY, "0" * SEAL_BYTES))
    entries = [
        field(METADATA_PROPS, field(1, key.encode()) + field(2, value.encode())) for key, value in pairs
    ]
    return _sealed(model + b"".join(entries))


def _sealed(content: bytes) -> bytes:
    """The content with its seal in the place that was left for it, at the end."""
    return content[:-SEAL_BYTES] + seal(content[:-SEAL_BYTES])
