"""Opening a model behind one interface, whatever its format.

Little is imported here, for a verb that opens one model and is done in a blink.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_runtime import Session, load
from fmnist_runtime.errors import ModelError, needs_extra
from fmnist_runtime.files import sha256_file
from fmnist_runtime.sessions import KERAS_SUFFIXES

if TYPE_CHECKING:
    from fmnist_exporters.input_range import InputRange


@dataclass(frozen=True)
class ModelFile:
    """Which file a result is of."""

    name: str
    """Name of the file."""
    format: str
    """``keras``, ``tflite``, ``onnx`` or ``npz``."""
    scheme: str
    """``original``, a quantisation scheme, or ``unknown``."""
    engine: str
    """What ran it, with version."""
    threads: int
    """Threads one inference may use; 0 where the engine decides."""
    size_bytes: int
    """Size of the file."""
    sha256: str
    """SHA-256 of the file."""


def is_keras(path: Path) -> bool:
    """Whether a path names a Keras model, by its suffix."""
    return path.suffix.lower() in KERAS_SUFFIXES


def open_model(path: Path, threads: int = 1, input_range: InputRange = "0-255") -> Session:
    """Load an artifact, or a Keras model where TensorFlow is installed.

    Args:
        path: The model file.
        threads: Threads one inference may use.
        input_range: Pixels that a Keras model takes itself; artifacts take raw ones.

    Raises:
        ModelError: The file is missing, damaged or not a classifier.
        MissingExtraError: What runs it is not installed.
    """
    if not is_keras(path):
        return load(path, threads=threads)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the path of a model")
    with needs_extra("train", "running a Keras model"):
        from fmnist.runs import run_of
        from fmnist_exporters.original import KerasSession
    run = run_of(path)
    labels = tuple(run.training()["labels"]) if run else None
    return KerasSession(path, labels, threads, input_range)


def describe(session: Session) -> ModelFile:
    """Which file a session runs, for a result."""
    info = session.info
    return ModelFile(
        name=info.path.name,
        format=info.format,
        scheme=info.scheme,
        engine=info.engine,
        threads=info.threads,
        size_bytes=info.size_bytes,
        sha256=sha256_file(info.path),
    )
