"""Writing an artifact's description of itself into it. `fmnist_runtime.carriers` says where and reads it."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import version

import onnx

from fmnist_runtime.artifact import Metadata
from fmnist_runtime.carriers import LABELS_FILE, METADATA_FILE, ONNX_KEY, ONNX_SEAL_KEY, SEAL_FILE, seal
from fmnist_runtime.environment import package_version


def versions() -> dict[str, str]:
    """Versions of the packages that decide an artifact's bytes."""
    packages = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy")
    return {"fmnist": package_version(), **{package: version(package) for package in packages}}


def embed_zip(model: bytes, metadata: Metadata) -> bytes:
    """Append ``fmnist.json``, ``labels.txt`` and the seal, to a ZIP's entries or as a ZIP."""
    text = metadata.to_json().encode()
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        sealed = seal(model[: archive.start_dir], text)  # of a ZIP without its directory, which moves
        for name, content in (
            (METADATA_FILE, text),
            (LABELS_FILE, "".join(f"{label}\n" for label in metadata.labels).encode()),
            (SEAL_FILE, sealed.encode()),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)  # ZipInfo: dated 1980, not now
    return buffer.getvalue()


def embed_onnx(model: bytes, metadata: Metadata) -> bytes:
    """Append ``metadata_props``: two protobuf messages one after the other are the two merged."""
    text = metadata.to_json()
    description = onnx.ModelProto()
    for key, value in ((ONNX_KEY, text), (ONNX_SEAL_KEY, seal(model, text.encode()))):
        description.metadata_props.add(key=key, value=value)
    return model + bytes(description.SerializeToString())
