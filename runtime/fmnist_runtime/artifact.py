"""What an exported model says of itself, and where each format keeps it.

TFLite carries ``fmnist.json`` and ``labels.txt`` in a ZIP appended to the flatbuffer, the format's
own convention for associated files (https://ai.google.dev/edge/litert/models/metadata). ONNX
carries the same JSON under the key ``fmnist`` of its ``metadata_props``.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_runtime.errors import ModelError

SCHEMA = "fmnist.artifact/1"
METADATA_FILE = "fmnist.json"
LABELS_FILE = "labels.txt"
ONNX_KEY = "fmnist"
INPUT_CONTRACT = "raw pixels 0-255; normalisation is inside the model"

_MAX_METADATA_BYTES = 1_000_000
"""Far above any real metadata: labels and digests of a small classifier take a few kilobytes."""


@dataclass(frozen=True)
class Metadata:
    """An artifact's description of itself. Its input is raw pixels 0–255, its output float scores."""

    format: str
    """``tflite`` or ``onnx``."""
    scheme: str
    """Name of the quantisation scheme, as in the exporters' recipes."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    dataset: str
    """Name of the data set that the original was trained on; empty when it is not known."""
    dataset_digest: str
    """Digest of that data set's test split; empty when it is not known."""
    source_sha256: str
    """SHA-256 of the ``.keras`` file it was made from."""
    calibration: dict[str, Any]
    """How many images activations were calibrated on, seed and digest; empty for float schemes."""
    versions: dict[str, str]
    """Versions of the packages that made it."""

    def to_json(self) -> str:
        """The metadata as a JSON object, the same bytes for the same content."""
        fields = {"schema": SCHEMA, "input": INPUT_CONTRACT, **dataclasses.asdict(self)}
        return json.dumps(fields, indent=1, sort_keys=True)


def parse_metadata(text: str | bytes, path: Path) -> Metadata:
    """Read metadata that somebody's file carried. What a later version may have added is passed over.

    Raises:
        ModelError: It is not the JSON object that this version knows.
    """
    try:
        fields = json.loads(text)
        if fields["schema"] != SCHEMA:
            raise ModelError(f"{path}: metadata schema {fields['schema']!r} is unknown; this reads {SCHEMA}")
        metadata = Metadata(**{field.name: fields[field.name] for field in dataclasses.fields(Metadata)})
        texts = (metadata.format, metadata.scheme, metadata.dataset, metadata.source_sha256)
        if not all(isinstance(text, str) for text in (*texts, *metadata.labels)):
            raise TypeError("text is expected for names and labels")
        return dataclasses.replace(metadata, labels=tuple(metadata.labels))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata is damaged ({error}); export the model again") from error


def read_tflite_metadata(path: Path) -> Metadata | None:
    """Metadata from the ZIP appended to a TFLite file; None when there is none of ours.

    Raises:
        ModelError: There is one, but it is damaged.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        if METADATA_FILE.encode() in path.read_bytes():
            raise ModelError(f"{path}: its end is cut off or damaged ({error}); copy it again") from error
        return None
    with archive:
        if METADATA_FILE not in archive.namelist():
            return None
        try:
            entry = archive.getinfo(METADATA_FILE)
            if entry.file_size > _MAX_METADATA_BYTES:
                raise ValueError(f"it claims {entry.file_size:,} bytes")
            text = archive.read(entry)
        except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError) as error:
            raise ModelError(f"{path}: its metadata is damaged ({error}); export the model again") from error
    return parse_metadata(text, path)
