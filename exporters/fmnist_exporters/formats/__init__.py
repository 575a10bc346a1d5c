"""The converters, a module for each format, and what they share: errors, metadata and seal."""

from __future__ import annotations

import io
import zipfile
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

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
from fmnist_runtime.errors import UnsupportedError
from fmnist_runtime.safety.protobuf import field

if TYPE_CHECKING:
    import keras

    from fmnist_exporters.original.classifier import Classifier

_LOOPS = ("While", "StatelessWhile", "Loop", "TensorList", "TensorArray")
"""Prefixes of TensorFlow's operators for loops."""
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "XlaLaunch")
"""Operators that run a compiled function."""
_CONDITIONS = ("If", "StatelessIf", "Case", "StatelessCase")


class Converter(Protocol):
    """Interface of a format's module."""

    def convert(
        self, classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None
    ) -> bytes:
        """Convert a classifier to the bytes of a model.

        Args:
            classifier: The original.
            scheme: A scheme that the recipes have for the format.
            calibration: uint8 ``[N, *image_shape]``, training images, for calibrated schemes.
        """
        ...

    def embed(self, model: bytes, metadata: Metadata) -> bytes:
        """Append the metadata and the seal to a model."""
        ...


def converter(format: str, module: str = "") -> Converter:
    """Import the converter of a format, which loads TensorFlow.

    Args:
        format: Name of the format.
        module: Name of the converter's module; by default the module of this package named like the format.
    """
    return cast(Converter, import_module(module or f"{__name__}.{format}"))


def unsupported(node: str, operator: str, format: str, model: keras.Model) -> UnsupportedError:
    """Return the error for an operator that cannot be converted.

    Args:
        node: Name of its node in the graph, which begins with the layer's; empty if unknown.
        operator: Its name in TensorFlow.
        format: Name of the format for the message.
        model: The model to be converted.
    """
    layer, remedy = node.split("/")[0], "replace the layer"
    kind = next((f" ({type(found).__name__})" for found in model.operations if found.name == layer), "")
    reason = f"uses {operator}"
    if operator.startswith(_LOOPS):
        reason = "computes in a loop that cannot be unrolled"
        remedy = f"give it a fixed number of steps, or {remedy}"
    elif operator in _CONDITIONS:
        reason = "computes different things depending on its input"
    elif operator in _CALLS:
        reason = "runs code that TensorFlow compiles for its own use"
    return UnsupportedError(f"layer {layer!r}{kind} {reason}, for which {format} has no operator; {remedy}")


def embed_zip(model: bytes, metadata: Metadata) -> bytes:
    """Append ``fmnist.json``, ``labels.txt`` and the seal to a ZIP, or as a ZIP to any other file."""
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        _describe(archive, metadata)
    return _sealed(buffer.getvalue())


def embed_behind(model: bytes, metadata: Metadata) -> bytes:
    """Append the same to a foreign model, which may end in a ZIP, without changing any of its bytes.

    The new ZIP also has the old one's files, as readers use the last ZIP of a file.
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
    labels = "".join(f"{label}\n" for label in metadata.labels)
    archive.writestr(zipfile.ZipInfo(METADATA_FILE), metadata.to_json())  # ZipInfo: dated 1980, not now
    archive.writestr(zipfile.ZipInfo(LABELS_FILE), labels)
    archive.comment = bytes(SEAL_BYTES)


def embed_onnx(model: bytes, metadata: Metadata) -> bytes:
    """Append ``metadata_props``, as concatenated protobuf messages are merged."""
    for key, value in ((ONNX_KEY, metadata.to_json()), (ONNX_SEAL_KEY, "0" * SEAL_BYTES)):
        model += field(METADATA_PROPS, field(1, key.encode()) + field(2, value.encode()))
    return _sealed(model)


def _sealed(content: bytes) -> bytes:
    """Return the content with its seal in the last bytes, which are reserved for it."""
    return content[:-SEAL_BYTES] + seal(content[:-SEAL_BYTES])
