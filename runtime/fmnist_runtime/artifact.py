"""What an exported model says of itself, and where each format keeps it.

TFLite carries ``fmnist.json`` and ``labels.txt`` in a ZIP appended to the flatbuffer, the format's
own convention for associated files (https://ai.google.dev/edge/litert/models/metadata). ONNX
carries the same JSON under the key ``fmnist`` of its ``metadata_props``.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_runtime.errors import ModelError

SCHEMA = "fmnist.artifact/1"
METADATA_FILE = "fmnist.json"
LABELS_FILE = "labels.txt"
ONNX_KEY = "fmnist"

_MAX_METADATA_BYTES = 1_000_000
"""Far above any real metadata: labels and digests of a small classifier take a few kilobytes."""


@dataclass(frozen=True)
class Metadata:
    """An artifact's description of itself. The input is always raw pixels 0–255, the output float scores."""

    format: str
    """``tflite`` or ``onnx``."""
    scheme: str
    """Name of the quantisation scheme, as in the exporters' recipes."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    input_shape: tuple[int, ...]
    """Shape of one image, ``(H, W)`` or ``(H, W, C)``."""
    dataset: str
    """Name of the data set that the original was trained on."""
    source_sha256: str
    """SHA-256 of the ``.keras`` file it was made from."""
    calibration: dict[str, Any]
    """How many images activations were calibrated on, seed and digest; empty for float schemes."""
    versions: dict[str, str]
    """Versions of the packages that made it."""
    schema: str = SCHEMA

    def to_json(self) -> str:
        """The metadata as a JSON object, the same bytes for the same content."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)


def parse_metadata(text: str | bytes, path: Path) -> Metadata:
    """Read metadata that somebody's file carried.

    Raises:
        ModelError: It is not the JSON object that this version knows.
    """
    try:
        fields = json.loads(text)
        if fields["schema"] != SCHEMA:
            raise ModelError(f"{path}: metadata schema {fields['schema']!r} is unknown; this reads {SCHEMA}")
        metadata = Metadata(**fields)
        if not all(isinstance(label, str) for label in metadata.labels):
            raise TypeError("labels are not text")
        shape = tuple(int(size) for size in metadata.input_shape)
        return dataclasses.replace(metadata, labels=tuple(metadata.labels), input_shape=shape)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata is damaged ({error}); export the model again") from error


def read_tflite_metadata(path: Path) -> Metadata | None:
    """Metadata from the ZIP appended to a TFLite file; None when there is none of ours.

    Raises:
        ModelError: There is one, but it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(METADATA_FILE)
            if entry.file_size > _MAX_METADATA_BYTES:
                raise ModelError(f"{path}: its metadata claims {entry.file_size:,} bytes")
            return parse_metadata(archive.read(entry), path)
    except (zipfile.BadZipFile, KeyError):
        return None
