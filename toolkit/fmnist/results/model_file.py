"""The file that a result is of.

It is a module of its own, and imports nothing, because every verb that opens a model loads it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredModel:
    """A model in a file."""

    name: str
    """Name of the file."""
    format: str
    """``keras``, ``tflite``, ``onnx``, ``npz`` or ``c``."""
    scheme: str
    """``original``, a quantisation scheme, or ``unknown``."""
    size_bytes: int
    """Size of the file; 0 where it is missing."""
    sha256: str
    """SHA-256 of the file; of a model with weights in files beside it, of all of them."""


@dataclass(frozen=True)
class ModelFile(StoredModel):
    """Which file a result is of, and how it was run."""

    engine: str
    """What ran it, with version."""
    threads: int
    """Threads one inference may use; 0 where the engine decides."""
    input_range: str | None
    """What pixels 0–255 become in front of it, such as ``0-1``; None where recorded scores were taken."""
    range_known_from: str
    """Where that is known from, such as ``its seal``; empty where recorded scores were taken."""
