"""Listing a folder's artifacts in ``manifest.json``, and knowing which files are ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NotRequired, TypedDict

from fmnist_exporters.recipes import RECIPES, formats, position
from fmnist_runtime.artifact.container import REJECTED, read_carried, read_metadata
from fmnist_runtime.artifact.manifest import MANIFEST, MANIFEST_MARK, MANIFEST_SCHEMA
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.errors import FmnistError
from fmnist_runtime.files import FORCE_OR_OUT, NOT_OURS, FileKind, sha256_file, write_atomically


class Entry(TypedDict):
    """One artifact in ``manifest.json``."""

    file: str
    """Name of the file, in the manifest's folder."""
    format: str
    """``tflite``, ``onnx`` or ``npz``."""
    scheme: str
    """Quantisation scheme."""
    size_bytes: int
    """Size of the file."""
    sha256: str
    """SHA-256 of the file."""
    source_sha256: str
    """SHA-256 of the Keras file that it was made from."""
    rejected: NotRequired[str]
    """Under ``rejected`` alone: why the artifact failed its gate."""


class Manifest(TypedDict):
    """The content of ``manifest.json``."""

    schema: str
    """The layout: ``fmnist.manifest/2``."""
    artifacts: list[Entry]
    """What may be shipped, in the order in which it was exported."""
    rejected: list[Entry]
    """What failed its gate and is kept as ``NAME.rejected``."""


def rejected_path(path: Path) -> Path:
    """Where an artifact goes when it fails its gate."""
    return path.with_name(path.name + REJECTED)


def is_ours(path: Path) -> bool:
    """Whether a file carries our metadata, be it of another version or damaged."""
    try:
        return path.is_file() and read_carried(path) is not None
    except FmnistError:
        return True


ARTIFACT = FileKind(
    is_ours, NOT_OURS, FORCE_OR_OUT, "is a directory, an artifact is a file; --out goes elsewhere"
)
"""An artifact, or one that was rejected."""
MANIFEST_FILE = FileKind(
    lambda path: path.is_file() and MANIFEST_MARK in path.read_bytes(),
    NOT_OURS,
    FORCE_OR_OUT,
    "is a directory; --out goes elsewhere",
)
"""A folder's list of artifacts."""


def write_manifest(folder: Path) -> None:
    """List the artifacts in a folder, in the recipes' order, and those that were rejected."""
    found = sorted(
        (place, path.name, _entry(path, metadata))
        for path in _candidates(folder)
        if (metadata := _metadata(path)) and (place := _place(metadata)) is not None
    )
    manifest: Manifest = {
        "schema": MANIFEST_SCHEMA,
        "artifacts": [entry for _, _, entry in found if "rejected" not in entry],
        "rejected": [entry for _, _, entry in found if "rejected" in entry],
    }
    content = (json.dumps(manifest, indent=1) + "\n").encode()
    path = folder / MANIFEST
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)


def _place(metadata: Metadata) -> int | None:
    """Where an artifact stands in the list: as its recipe does, or behind all that were exported."""
    return len(RECIPES) if metadata.adopted else position(metadata.format, metadata.scheme)


def _candidates(folder: Path) -> list[Path]:
    patterns = [f"*.{format}{end}" for format in formats() for end in ("", REJECTED)]
    return sorted(
        path
        for pattern in patterns
        for path in folder.glob(pattern)
        if path.is_file() and path.name[0] != "."
    )


def _entry(path: Path, metadata: Metadata) -> Entry:
    """What the manifest says of a file."""
    entry: Entry = {
        "file": path.name,
        "format": metadata.format,
        "scheme": metadata.scheme,
        "size_bytes": path.stat().st_size,
        "sha256": sha256_file(path),
        "source_sha256": metadata.source_sha256,
    }
    if path.suffix == REJECTED:
        entry["rejected"] = metadata.rejected
    return entry


def _metadata(path: Path) -> Metadata | None:
    try:
        return read_metadata(path)
    except FmnistError:
        return None
