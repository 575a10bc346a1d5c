"""Lists a folder's artifacts in ``manifest.json``, and recognises which files are ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NotRequired, TypedDict

from fmnist_exporters.recipes import RECIPES, formats
from fmnist_runtime.artifact.container import (
    MANIFEST,
    MANIFEST_MARK,
    MANIFEST_SCHEMA,
    REJECTED,
    read_container,
    read_metadata,
)
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.errors import FmnistError
from fmnist_runtime.files import FORCE_OR_OUT, NOT_OURS, FileKind, sha256_file, write_atomically


class ManifestEntry(TypedDict):
    """One artifact in ``manifest.json``."""

    file: str
    """Name of the file, in the manifest's folder."""
    format: str
    """``tflite``, ``onnx``, ``npz`` or ``c``."""
    scheme: str
    """Quantisation scheme."""
    size_bytes: int
    """Size of the file."""
    sha256: str
    """SHA-256 of the file."""
    source_sha256: str
    """SHA-256 of the Keras file that it was made from."""
    rejected: NotRequired[str]
    """Only under ``rejected``: why the artifact failed its gate."""


class Manifest(TypedDict):
    """The content of ``manifest.json``."""

    schema: str
    """The layout: ``fmnist.manifest/2``."""
    artifacts: list[ManifestEntry]
    """Artifacts that may be shipped, in the order of the recipes."""
    rejected: list[ManifestEntry]
    """Artifacts that failed their gate and are kept as ``NAME.rejected``."""


def rejected_path(path: Path) -> Path:
    """Return the path of an artifact that fails its gate."""
    return path.with_name(path.name + REJECTED)


def is_ours(path: Path) -> bool:
    """Return whether we wrote a manifest or an artifact, even if it is of another version or damaged."""
    if path.name == MANIFEST:
        return path.is_file() and MANIFEST_MARK in path.read_bytes()
    try:
        return path.is_file() and read_container(path) is not None
    except FmnistError:
        return True


ARTIFACT = FileKind(
    is_ours, NOT_OURS, FORCE_OR_OUT, "is a directory, an artifact is a file; --out goes elsewhere"
)
"""An artifact, or one that was rejected."""
MANIFEST_FILE = FileKind(is_ours, NOT_OURS, FORCE_OR_OUT, "is a directory; --out goes elsewhere")
"""A folder's list of artifacts."""


def write_manifest(folder: Path) -> None:
    """Write ``manifest.json``: the artifacts in a folder, in the order of the recipes, and those rejected."""
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
    """Return the position of an artifact's recipe; adopted models follow all exported ones."""
    keys, key = [(recipe.format, recipe.scheme) for recipe in RECIPES], (metadata.format, metadata.scheme)
    return len(keys) if metadata.adopted else keys.index(key) if key in keys else None


def _candidates(folder: Path) -> list[Path]:
    patterns = [f"*.{format}{end}" for format in formats() for end in ("", REJECTED)]
    found = (path for pattern in patterns for path in folder.glob(pattern))
    return sorted(path for path in found if path.is_file() and path.name[0] != ".")


def _entry(path: Path, metadata: Metadata) -> ManifestEntry:
    entry: ManifestEntry = {
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
