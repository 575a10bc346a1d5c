"""The original Keras model, behind the same interface as the artifacts made from it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fmnist_exporters.classifier import Classifier, as_classifier
from fmnist_exporters.input_range import INPUT_RANGES, InputRange
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import require_file
from fmnist_runtime.mistaken import mistaken
from fmnist_runtime.quantization import pixel_writer
from fmnist_runtime.sessions import KERAS_SUFFIXES
from fmnist_runtime.sessions.base import BaseSession, class_labels
from fmnist_runtime.sessions.plan import Plan
from fmnist_runtime.sessions.session import ModelInfo

_BLOCK = 1000
"""Images that Keras is called with at once: its own cost for a call is that of some hundred images."""


def limit_threads(threads: int) -> None:
    """Let TensorFlow use so many threads for one operation, if it has not begun to work with others."""
    with contextlib.suppress(RuntimeError):  # too late; `KerasSession.info` says how many there are
        tf.config.threading.set_intra_op_parallelism_threads(threads)


class KerasSession(BaseSession):
    """A Keras classifier, anybody's; raw pixels in, probabilities out."""

    def __init__(
        self,
        path: Path,
        labels: tuple[str, ...] | None = None,
        threads: int = 1,
        input_range: InputRange = "0-255",
    ) -> None:
        """Load a ``.keras`` or ``.h5`` file.

        Args:
            path: The file.
            labels: Class names; numbers when not given.
            threads: Threads one inference may use, unless TensorFlow works already in this process.
            input_range: What the model was trained on, one of `INPUT_RANGES`; the session takes raw
                pixels all the same.

        Raises:
            ModelError: The file is missing, damaged, or not an image classifier.
        """
        limit_threads(threads)
        self._engine = _load(path)
        try:
            self._classifier = as_classifier(self._engine, INPUT_RANGES[input_range])
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        except Exception as error:  # what somebody's layers raise when they are called
            raise ModelError(f"{path}: is no classifier of images ({error})") from error
        names = class_labels(labels, None, self._classifier.model.output_shape[-1], path)
        info = ModelInfo(
            path=path,
            format="keras",
            scheme="original",
            engine=f"keras {keras.version()}",
            threads=tf.config.threading.get_intra_op_parallelism_threads(),
            input_shape=tuple(self._classifier.model.input_shape[1:]),
            labels=names.names,
            size_bytes=path.stat().st_size,
            metadata=None,
            notes=names.notes,
        )
        super().__init__(info, _BLOCK)

    @property
    def model(self) -> Any:
        """The Keras model itself."""
        return self._engine

    @property
    def classifier(self) -> Classifier:
        """The Keras model with what makes it a classifier of raw pixels."""
        return self._classifier

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        pixels = np.empty((shape[0], *self._info.input_shape), np.uint8)
        scores = np.empty((shape[0], len(self._info.labels)), np.float32)

        def call() -> None:
            scores[...] = self._classifier.scores(pixels)

        return Plan(pixel_writer(pixels.reshape(shape), 1.0), call, scores)


def _load(path: Path) -> Any:
    if path.suffix.lower() not in KERAS_SUFFIXES:
        raise ModelError(f"{path}: a Keras model's file ends in {' or '.join(KERAS_SUFFIXES)}")
    require_file(path, "a Keras model", ModelError)
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # what Keras raises for damaged files has no common base but this
        what = mistaken(path) or f"not a model that Keras {keras.version()} can load ({error})"
        raise ModelError(f"{path}: {what}") from error
