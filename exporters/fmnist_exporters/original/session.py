"""The original Keras model, behind the same interface as the artifacts made from it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fmnist_exporters.original.classifier import Classifier, as_classifier
from fmnist_exporters.original.load import load_keras
from fmnist_runtime.artifact.contract import RAW, parse_range
from fmnist_runtime.engines.base import BaseSession, image_writer
from fmnist_runtime.engines.plan import Plan
from fmnist_runtime.engines.session_options import USER, ImageTensor, SessionOptions
from fmnist_runtime.errors import ModelError


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
        input_range: str | None = RAW,
        known_from: str = USER,
        trained_on: tuple[str, str] = ("", ""),
    ) -> None:
        """Load a ``.keras``, ``.h5`` or ``.hdf5`` file.

        Args:
            path: The file.
            labels: Class names; numbers when not given.
            threads: Threads one inference may use, unless TensorFlow works already in this process.
            input_range: What the model was trained on (see `artifact.contract`); the session takes raw
                pixels all the same. None where it is not known, and nothing can be scored.
            known_from: Where that is known from.
            trained_on: Name of the data set and digest of its test split; empty if unknown.

        Raises:
            ModelError: The file is missing, damaged, or not an image classifier.
        """
        limit_threads(threads)
        try:
            pixels = parse_range(input_range or RAW)
        except ValueError as error:
            raise ModelError(f"{path}: {error}") from error
        self._engine = load_keras(path)
        try:
            self._classifier = as_classifier(self._engine, pixels)
        except ModelError as error:
            raise type(error)(f"{path}: {error}") from error
        except Exception as error:  # what somebody's layers raise when they are called
            raise ModelError(f"{path}: is no classifier of images ({error})") from error
        model = self._classifier.model
        image = ImageTensor(tuple(model.input_shape[1:]), np.dtype(np.float32))
        taken = tf.config.threading.get_intra_op_parallelism_threads()
        options = SessionOptions(path, taken, labels, input_range, known_from)
        engine, classes, (dataset, digest) = f"keras {keras.version()}", self._classifier.classes, trained_on
        info = options.info(
            "keras", engine, image, classes, scheme="original", dataset=dataset, dataset_digest=digest
        )
        if note := self._classifier.head.note:
            info = replace(info, notes=(*info.notes, f"{path}: {note}"))
        self._raw = replace(info.contract, range=RAW)  # what an export puts in front of it, it gets here
        super().__init__(info, self._classifier.block, "none")

    @property
    def model(self) -> Any:
        """The Keras model itself."""
        return self._engine

    @property
    def classifier(self) -> Classifier:
        """The Keras model with what makes it a classifier of raw pixels."""
        return self._classifier

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        pixels = np.empty((shape[0], *self._raw.shape), np.uint8)
        scores = np.empty((shape[0], len(self._info.labels)), np.float32)

        def call() -> None:
            scores[...] = self._classifier.scores(pixels)

        return Plan(image_writer(pixels, shape, self._raw), call, scores)
