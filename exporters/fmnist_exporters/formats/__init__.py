"""The converter of each format, which is the module of its name, and what they have in common."""

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
"""How operators begin that TensorFlow computes a loop with."""
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "XlaLaunch")
"""What runs a function that was compiled, whatever is in it."""
_CONDITIONS = ("If", "StatelessIf", "Case", "StatelessCase")


class Converter(Protocol):
    """What the module of a format has."""

    def convert(
        self, classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None
    ) -> bytes:
        """Convert a classifier to the bytes of a model.

        Args:
            classifier: The original.
            scheme: One of the schemes that the recipes have for the format.
            calibration: uint8 ``[N, *image_shape]``, training images, for schemes that take some.
        """
        ...

    def embed(self, model: bytes, metadata: Metadata) -> bytes:
        """Put an artifact's description of itself behind the model."""
        ...


def converter(format: str, module: str = "") -> Converter:
    """Import the converter of a format, which loads TensorFlow.

    Args:
        format: Name of the format.
        module: Name of the converter's module; by default the module of this package named like the format.
    """
    return cast(Converter, import_module(module or f"{__name__}.{format}"))


def unsupported(node: str, operator: str, format: str, model: keras.Model) -> UnsupportedError:
    """The error for an operator that cannot be converted.

    Args:
        node: Name of its node in the graph, which begins with the layer's; empty when not known.
        operator: Its name in TensorFlow.
        format: Name of the format, as people write it.
        model: The model that was to be converted.
    """
    layer = node.split("/")[0]
    kind = next((type(found).__name__ for found in model.operations if found.name == layer), "")
    what = f"layer {layer!r}{f' ({kind})' if kind else ''}"
    if operator.startswith(_LOOPS):
        return UnsupportedError(
            f"{what} computes in a loop that cannot be unrolled, and {format} has no operator for such; give "
            "it a fixed number of steps, or replace the layer"
        )
    if operator in _CONDITIONS:
        return UnsupportedError(
            f"{what} decides by its input what to compute, and {format} has no operator for that; replace "
            "the layer"
        )
    if operator in _CALLS:
        return UnsupportedError(
            f"{what} computes by code that TensorFlow compiles for itself, and {format} has no operator for "
            "that; replace the layer"
        )
    return UnsupportedError(f"{what} uses {operator}, which {format} has no operator for; replace the layer")


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
