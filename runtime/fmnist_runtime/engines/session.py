"""What a session is: a loaded model, whatever engine runs it."""

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
    """``tflite``, ``onnx``, ``npz`` or ``keras``."""
    scheme: str
    """Quantisation scheme; ``unknown`` for a file without our metadata."""
    engine: str
    """Name and version of the package that runs it."""
    threads: int
    """Threads one inference may use; 0 where the engine decides."""
    input_shape: tuple[int, ...]
    """Shape of one image as the session takes it; channels, if there are several, come last."""
    labels: tuple[str, ...]
    """Class names; their number is the number of classes."""
    size_bytes: int
    """Size of the model file, and of the files beside it that hold its weights."""
    metadata: Metadata | None
    """The artifact's metadata; None for a file without our metadata."""
    contract: InputContract
    """What the model takes for pixels."""
    output: str = ""
    """Name of the output that the scores are read from, where the file has several; else empty."""
    head: Head = "none"
    """What follows the model itself, so that it gives probabilities."""
    order: tuple[int, ...] = ()
    """By the place of a class in ``labels`` its place in the file; empty where they are the same."""
    weights: tuple[Path, ...] = ()
    """Files beside the model that hold its weights."""
    notes: tuple[str, ...] = ()
    """Remarks for the user on how the file is used, a line each."""
    sha256: str = ""
    """SHA-256 of the file, if it was hashed to check its seal; else empty."""
    dataset: str = ""
    """Name of the data set that the model was trained on, as its metadata or its run says; empty if
    unknown."""
    dataset_digest: str = ""
    """Digest of that data set's test split; empty if unknown."""


class Session(Protocol):
    """A loaded model. Raw pixels in, probabilities out, for every engine and scheme.

    A session belongs to one thread at a time. Threads that run at once load one each, which is safe; one
    that calls while another's call has not returned gets a SessionBusyError.
    """

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""

    def scores(
        self, images: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Class probabilities of images.

        Args:
            images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, raw pixels 0–255; any number of them.
            out: float32 ``[N, classes]`` to write into; then nothing is allocated.

        Returns:
            float32 ``[N, classes]``: ``out``, or the caller's own.

        Raises:
            ShapeError: The images are not uint8 or do not have the model's shape, or ``out`` does not fit.
            NonFiniteScoresError: The model answered with NaN or infinity.
            UnknownInputError: Nothing says which numbers the model takes for pixels.
            ModelError: The session is closed, or the engine cannot run the model.
            SessionBusyError: Another thread is using it.
        """

    def top(self, image: NDArray[np.uint8], k: int = 3) -> list[Prediction]:
        """The k most probable classes of one image, best first; of equal ones the lowest index.

        Args:
            image: uint8 ``[H, W]`` or ``[H, W, C]``.
            k: How many; at most all classes.

        Raises:
            FmnistError: As of `scores`.
        """

    def classify(self, image: NDArray[np.uint8]) -> Prediction:
        """The most probable class of one image; see `top`."""

    def close(self) -> None:
        """Let go of the engine and its memory; what is closed stays closed."""

    def __enter__(self) -> Self:
        """The session itself, which is closed when the block ends."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
