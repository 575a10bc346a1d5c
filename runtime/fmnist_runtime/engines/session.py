"""The session: a loaded model, whatever its engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.contract import InputContract
from fmnist_runtime.artifact.metadata import Head, Metadata


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
    """``tflite``, ``onnx``, ``npz``, ``c`` or ``keras``."""
    scheme: str
    """Quantisation scheme; ``unknown`` for a file without our metadata."""
    engine: str
    """Name and version of the package that runs it."""
    threads: int
    """Threads of one inference; 0 if the engine decides."""
    input_shape: tuple[int, ...]
    """Shape of one image; if there are several channels, they come last."""
    labels: tuple[str, ...]
    """Class names, one for each class."""
    size_bytes: int
    """Size of the model file and of its weights files."""
    metadata: Metadata | None
    """The artifact's metadata; None for a file without our metadata."""
    contract: InputContract
    """The model's input contract."""
    output: str = ""
    """Name of the output with the scores, if the file has several; else empty."""
    head: Head = "none"
    """What is added after the model so that it gives probabilities."""
    order: tuple[int, ...] = ()
    """By the index of a class in ``labels``: its index in the file; empty if they are the same."""
    weights: tuple[Path, ...] = ()
    """Files beside the model with its weights."""
    notes: tuple[str, ...] = ()
    """Remarks for the user on how the file is used, a line each."""
    sha256: str = ""
    """SHA-256 of the file, if it was hashed to check its seal; else empty."""
    dataset: str = ""
    """Name of the data set that the model was trained on, by its metadata or its run; empty if unknown."""
    dataset_digest: str = ""
    """Digest of that data set's test split; empty if unknown."""
    preparation: str = ""
    """How a picture becomes its input (see `fmnist_runtime.data.preparation`); empty if unknown."""


class Session(Protocol):
    """A loaded model. Raw pixels in, probabilities out, for every engine and scheme.

    A session belongs to one thread at a time. Concurrent threads load one each. A call during another
    thread's call raises a SessionBusyError.
    """

    @property
    def info(self) -> ModelInfo:
        """Description of the model."""

    def scores(
        self, images: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return class probabilities of images.

        Args:
            images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, raw pixels 0–255; any number of them.
            out: float32 ``[N, classes]`` to write into, which avoids any allocation.

        Returns:
            float32 ``[N, classes]``: ``out``, or a new array.

        Raises:
            ShapeError: The images are not uint8 or do not have the model's shape, or ``out`` does not fit.
            NonFiniteScoresError: The scores are NaN or infinite.
            UnknownInputError: The model's input range is unknown.
            ModelError: The session is closed, or the engine cannot run the model.
            SessionBusyError: Another thread is using it.
        """

    def top(self, image: NDArray[np.uint8], k: int = 3) -> list[Prediction]:
        """Return the k most probable classes of one image, best first. Ties are in order of the index.

        Args:
            image: uint8 ``[H, W]`` or ``[H, W, C]``.
            k: Number of classes; at most all.

        Raises:
            FmnistError: As in `scores`.
        """

    def classify(self, image: NDArray[np.uint8]) -> Prediction:
        """Return the most probable class of one image; see `top`."""

    def close(self) -> None:
        """Release the engine and its memory. A closed session stays closed."""

    def __enter__(self) -> Self:
        """Return the session, which is closed at the end of the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
