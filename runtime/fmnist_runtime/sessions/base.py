"""What every session can do, whatever engine runs the model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact import Metadata
from fmnist_runtime.errors import ModelError, NonFiniteScoresError, ShapeError

BLOCK = 256
"""Images run at once. Measured on the 784-128-10 MLP: one batch of 10,000 takes 1.4 (int8) to
1.5 times (float32) as long, because its activations no longer fit the cache."""


@dataclass(frozen=True)
class Prediction:
    """One class for one image."""

    label: str
    """Class name."""
    index: int
    """Class index."""
    probability: float
    """Score of the class, from 0 to 1."""


@dataclass(frozen=True)
class ModelInfo:
    """What a session knows of its model."""

    path: Path
    format: str
    """``tflite``, ``onnx``, ``npz`` or ``keras``."""
    scheme: str
    """Quantisation scheme; ``unknown`` for a file without our metadata."""
    engine: str
    """Name and version of the package that runs it."""
    threads: int
    """Threads one inference may use; 0 where the engine decides."""
    input_shape: tuple[int, ...]
    """Shape of one image as the model takes it."""
    labels: tuple[str, ...]
    """Class names; their number is the number of classes."""
    size_bytes: int
    """Size of the model file."""
    metadata: Metadata | None
    """What the artifact says of itself; None for a file without our metadata."""


class Session(ABC):
    """A loaded model. Raw pixels in, probabilities out, for every engine and scheme.

    A session belongs to one thread; threads that run at once load one each.
    """

    info: ModelInfo
    _engine: Any
    """The engine's own object; None once the session is closed."""

    @abstractmethod
    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores of at most ``_block`` images that have the model's own shape.

        Returns:
            float32 ``[N, classes]``. May be a buffer that the next call overwrites.
        """

    _block: int = BLOCK
    """Most images that ``_run`` takes; a model with a fixed batch lowers it."""

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities of images.

        Args:
            images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, raw pixels 0–255.

        Returns:
            float32 ``[N, classes]``, the caller's own.

        Raises:
            ShapeError: The images are not uint8 or do not have the model's shape.
            ModelError: The session is closed, or the engine cannot run the model.
        """
        if self._engine is None:
            raise ModelError(f"{self.info.path}: its session is closed; load it again")
        images = self.fit(images)
        scores = np.empty((len(images), len(self.info.labels)), np.float32)
        try:
            for start in range(0, len(images), self._block):
                stop = start + self._block
                scores[start:stop] = self._run(images[start:stop])
        except (RuntimeError, ValueError) as error:  # ValueError: scores of another number than the images
            raise ModelError(f"{self.info.path}: {self.info.engine} cannot run it ({error})") from error
        return scores

    def top(self, image: NDArray[np.uint8], k: int = 3) -> list[Prediction]:
        """The k most probable classes of one image, best first; of equal ones the lowest index.

        Args:
            image: uint8 ``[H, W]`` or ``[H, W, C]``.
            k: How many; at most all classes.

        Raises:
            ShapeError: The image does not have the model's shape.
            NonFiniteScoresError: The model answered with NaN or infinity.
        """
        scores = require_finite(self.scores(image[np.newaxis]), self.info.path)[0]
        order = np.argsort(-scores, kind="stable")[:k]
        return [Prediction(self.info.labels[i], int(i), float(scores[i])) for i in order]

    def classify(self, image: NDArray[np.uint8]) -> Prediction:
        """The most probable class of one image; see `top`."""
        return self.top(image, 1)[0]

    def close(self) -> None:
        """Let go of the engine and its memory; what is closed stays closed."""
        self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fit(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The images in the model's own shape: a channel axis of 1 and flattening are no obstacle.

        Raises:
            ShapeError: They are not uint8, or no such image.
        """
        shape = self.info.input_shape
        if images.dtype != np.uint8:
            raise ShapeError(f"{self.info.path}: takes raw uint8 pixels, not {images.dtype}")
        given = images.shape[1:]
        flat = len(shape) == 1 and math.prod(given) == shape[0]
        if given and (given in (shape, (*shape, 1)) or (*given, 1) == shape or flat):
            return images.reshape(len(images), *shape)
        raise ShapeError(
            f"{self.info.path}: takes images of shape {_times(shape)}, but these are {_times(given)}; "
            "name the data set it was trained on with --dataset"
        )


def require_finite(scores: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """The scores as they are, once all are known to be numbers.

    Raises:
        NonFiniteScoresError: One is NaN or infinite.
    """
    broken = int(len(scores) - np.isfinite(scores).all(axis=1).sum())
    if broken:
        raise NonFiniteScoresError(
            f"{path}: answers NaN or infinity for {broken:,} of {len(scores):,} images; export it again"
        )
    return scores


def class_labels(
    given: tuple[str, ...] | None, metadata: Metadata | None, classes: int, path: Path
) -> tuple[str, ...]:
    """Class names: those the caller gave, else the artifact's own, else numbers.

    Raises:
        ModelError: There are more or fewer names than the model has classes.
    """
    labels = given or (metadata.labels if metadata else tuple(str(index) for index in range(classes)))
    if len(labels) != classes:
        raise ModelError(f"{path}: has {classes} classes, but there are {len(labels)} labels")
    return labels


def check_rank(rank: int, role: str) -> None:
    """A classifier takes images of any rank by the batch, and gives one row of scores for each.

    Raises:
        ValueError: The tensor has no batch dimension, or an output more than its classes.
    """
    if rank < 2 or (role == "output" and rank != 2):
        raise ValueError(f"its {role} has {rank} dimensions, a classifier's has batch and classes")


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape) or "one number"
