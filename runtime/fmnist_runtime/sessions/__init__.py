"""Loading a model file with the engine that runs it."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from fmnist_runtime.carriers import REJECTED, format_suffix
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import require_file
from fmnist_runtime.sessions.base import ModelInfo, Prediction, Session
from fmnist_runtime.soundness import require_sound

__all__ = ["KERAS_SUFFIXES", "SESSIONS", "ModelInfo", "Prediction", "Session", "load"]

KERAS_SUFFIXES = (".keras", ".h5")
"""What originals end in, which a device does not run."""
SESSIONS = {
    ".tflite": "fmnist_runtime.sessions.tflite:TfliteSession",
    ".onnx": "fmnist_runtime.sessions.onnx:OnnxSession",
    ".npz": "fmnist_runtime.sessions.npz:NpzSession",
}
"""By a file's suffix the module and class that run it: ``class(path, threads, labels)``."""


def load(path: str | os.PathLike[str], *, threads: int = 1, labels: tuple[str, ...] | None = None) -> Session:
    """Load an exported model.

    The engine is imported here and not before, so that a device needs only the one it uses.

    Args:
        path: A ``.tflite`` or ``.onnx`` file, ours or anybody's, or an ``.npz`` of ours.
        threads: Threads one inference may use.
        labels: Class names, for a file that carries none or others.

    Returns:
        A session, which is also a context manager.

    Raises:
        ModelError: The file is missing, damaged, or not a classifier of images.
        MissingExtraError: The engine is not installed.
    """
    path = Path(path)
    suffix = format_suffix(path)
    if suffix in KERAS_SUFFIXES and path.is_file():
        raise ModelError(f"{path}: is a Keras model; make one for the device with: fmnist export {path}")
    if suffix not in SESSIONS:
        raise ModelError(f"{path}: a model file ends in {' or '.join(SESSIONS)}, not {suffix or 'this'}")
    require_file(path, "a model file", ModelError)
    require_sound(path)
    module, _, name = SESSIONS[suffix].partition(":")
    session: Session = getattr(import_module(module), name)(path, threads, labels)
    metadata = session.info.metadata
    if metadata and metadata.rejected and path.suffix != REJECTED:
        session.close()
        raise ModelError(f"{path}: was rejected when it was made, {metadata.rejected}; export it again")
    return session
