"""The original Keras model, behind the same interface as the artifacts made from it."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import require_file
from fmnist_runtime.sessions.base import ModelInfo, Session, check_rank, class_labels


def limit_threads(threads: int) -> None:
    """Let TensorFlow use so many threads for one operation, if it has not begun to work with others."""
    with contextlib.suppress(RuntimeError):  # too late; `KerasSession.info` says how many there are
        tf.config.threading.set_intra_op_parallelism_threads(threads)


class KerasSession(Session):
    """A Keras classifier that takes raw pixels 0–255."""

    _block = 1000

    def __init__(self, path: Path, labels: tuple[str, ...] | None = None, threads: int = 1) -> None:
        """Load a ``.keras`` file.

        Args:
            path: The file.
            labels: Class names; numbers when not given.
            threads: Threads one inference may use, unless TensorFlow works already in this process.

        Raises:
            ModelError: The file is missing, damaged, or not an image classifier.
        """
        limit_threads(threads)
        self._engine = _load(path)
        shapes = [getattr(self.model, name, None) for name in ("input_shape", "output_shape")]
        if not all(isinstance(shape, tuple) and None not in shape[1:] for shape in shapes):
            raise ModelError(
                f"{path}: maps {shapes[0]} to {shapes[1]}; a classifier has one input and one output"
            )
        try:
            check_rank(len(self.model.input_shape), "input")
            check_rank(len(self.model.output_shape), "output")
        except ValueError as error:
            raise ModelError(f"{path}: is no classifier of images ({error})") from error
        self.info = ModelInfo(
            path=path,
            format="keras",
            scheme="original",
            engine=f"keras {keras.version()}",
            threads=tf.config.threading.get_intra_op_parallelism_threads(),
            input_shape=tuple(self.model.input_shape[1:]),
            labels=class_labels(labels, None, self.model.output_shape[-1], path),
            size_bytes=path.stat().st_size,
            metadata=None,
        )

    @property
    def model(self) -> Any:
        """The Keras model itself."""
        return self._engine

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        scores: Any = self.model(images.astype(np.float32), training=False)
        return np.asarray(scores)


def _load(path: Path) -> Any:
    if path.suffix.lower() != ".keras":
        raise ModelError(f"{path}: a Keras model's file ends in .keras")
    require_file(path, "a .keras model", ModelError)
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: not a model that Keras {keras.version()} can load ({error})") from error
