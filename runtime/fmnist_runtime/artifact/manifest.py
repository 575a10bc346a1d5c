"""The list of a folder's artifacts with their sizes and digests, which an export writes beside them."""

from __future__ import annotations

import json
from pathlib import Path

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = "fmnist.manifest/2"
MANIFEST_MARK = b'"schema": "fmnist.manifest/'
"""What is in the manifests of every version, and in nobody else's."""


def recorded_sha256(path: Path) -> str | None:
    """The SHA-256 that the manifest beside a file records for it; None when there is none of ours.

    A manifest of ours that is damaged records an empty one, which no file has.
    """
    try:
        text = (path.parent / MANIFEST).read_bytes()
    except OSError:
        return None
    if MANIFEST_MARK not in text:
        return None  # somebody else's
    try:
        entries = json.loads(text)["artifacts"]
        recorded = {entry["file"]: str(entry["sha256"]) for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return recorded.get(path.name)
