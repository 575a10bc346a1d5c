"""What all sessions share: checks, blocks of images, and runs that are prepared once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact import Metadata
from fmnist_runtime.errors import (
    FmnistError,
    ModelError,
    SessionBusyError,
    ShapeError,
)
from fmnist_runtime.labels import MAX_CLASSES, Labels, fit_labels
from fmnist_runtime.sessions.plan import Plan, Run, are_logits, as_run, with_softmax
from fmnist_runtime.sessions.session import ModelInfo, Prediction

_KEPT_RUNS = 4
"""Prepared runs that a session keeps: for one image, a whole block, a remainder, and one more."""
_UINT8 = np.dtype(np.uint8)


class BaseSession(ABC):
    """All of a `Session` but the engine, which a subclass brings."""

    _engine: Any
    """The engine's own object; None once the session is closed."""

    def __init__(self, info: ModelInfo, block: int) -> None:
        """Prepare for single images, which is what a device mostly runs.

        Args:
            info: What is known of the model.
            block: How many images to run at once when there are many.
        """
        self._info, self._block = info, block
        self._ends_in_logits = False
        self._runs: dict[tuple[int, ...], Run] = {}
        # Whoever takes the one element has the session. A list is safe for that, as a lock is, and takes a
        # sixth of the 90 ns that one costs.
        self._turn = [None]
        self._prepared((1, *info.input_shape))

    def complete(self) -> None:
        """Put a softmax behind a stranger's model that ends in logits, as scores are probabilities.

        It is found by its scores of a black, a white and a noisy image; one of ours has been proved.
        """
        shape = (1, *self._info.input_shape)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        images = (np.zeros_like(noise), np.full_like(noise, 255), noise)
        if any(are_logits(self.scores(image)) for image in images):
            self._ends_in_logits = True
            self._runs.clear()
            self._prepared(shape)

    @abstractmethod
    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        """Allocate all that running images of one shape takes.

        Args:
            shape: ``(N, …)`` with N at most the session's block. One image may have another shape than the
                model's, if its pixels are the same in the same order.
        """

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""
        return self._info

    def scores(
        self, images: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Class probabilities of images; see `Session.scores`."""
        turn = self._turn
        try:
            turn.pop()
        except IndexError:
            raise self._busy() from None
        except BaseException:  # Ctrl-C is raised where a call returns, and this one has
            turn.append(None)
            raise
        try:
            run = self._runs.get(images.shape)
            if run is None or out is not None or images.dtype is not _UINT8:
                return self._in_blocks(images, out)
            return run(images, None)
        except FmnistError:
            raise
        except Exception as error:  # what engines raise has no common base but this
            if not isinstance(images, np.ndarray):
                raise self._no_array(images) from error
            raise ModelError(f"{self._info.path}: {self._info.engine} cannot run it ({error})") from error
        finally:
            turn.append(None)

    def _in_blocks(self, images: NDArray[np.uint8], out: NDArray[np.float32] | None) -> NDArray[np.float32]:
        if self._engine is None:
            raise ModelError(f"{self._info.path}: its session is closed; load it again")
        self._require_fit(images)
        shape = (len(images), len(self._info.labels))
        if out is None:
            out = np.empty(shape, np.float32)
        _require_room(out, shape)
        for first in range(0, len(images), self._block):
            block = images[first : first + self._block]
            self._prepared(block.shape)(block, out[first : first + self._block])
        return out

    def _prepared(self, shape: tuple[int, ...]) -> Run:
        """The run for a shape; the one that was asked for here longest ago makes room for a new one."""
        run = self._runs.pop(shape, None)
        if run is None:
            if len(self._runs) == _KEPT_RUNS:
                del self._runs[next(iter(self._runs))]
            run = as_run(self._plan(shape), self._info.path)
        self._runs[shape] = run
        return run

    def _plan(self, shape: tuple[int, ...]) -> Plan:
        plan = self._prepare(shape)
        return with_softmax(plan) if self._ends_in_logits else plan

    def top(self, image: NDArray[np.uint8], k: int = 3) -> list[Prediction]:
        """The k most probable classes of one image; see `Session.top`."""
        if k < 1:
            raise ValueError(f"the {k} most probable classes; ask for 1 or more")
        [scores] = self.scores(image[np.newaxis] if isinstance(image, np.ndarray) else image)
        order = np.argsort(-scores, kind="stable")[:k]
        return [Prediction(self._info.labels[i], int(i), float(scores[i])) for i in order]

    def classify(self, image: NDArray[np.uint8]) -> Prediction:
        """The most probable class of one image; see `Session.classify`."""
        # What is no array is refused there; a call of one's own for this would take a fiftieth of the time.
        scores = self.scores(image[np.newaxis] if isinstance(image, np.ndarray) else image)
        index = int(scores.argmax())
        return Prediction(self._info.labels[index], index, scores.item(index))

    def _no_array(self, images: object) -> ShapeError:
        return ShapeError(
            f"{self._info.path}: takes a NumPy array of uint8, not {type(images).__name__}; np.array(images, "
            "np.uint8) makes one, or fmnist_runtime.images.read_image of a file"
        )

    def close(self) -> None:
        """Let go of the engine and its memory; what is closed stays closed.

        Raises:
            SessionBusyError: Another thread is using it.
        """
        try:
            self._turn.pop()
        except IndexError:
            raise self._busy() from None
        try:
            self._runs.clear()
            self._engine = None
        finally:
            self._turn.append(None)

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
        self._require_fit(images)
        return images.reshape(len(images), *self._info.input_shape)

    def _require_fit(self, images: NDArray[np.uint8]) -> None:
        shape, given = self._info.input_shape, images.shape[1:]
        if images.dtype != np.uint8:
            first = "multiply by 255 if they reach from 0 to 1, then " if images.dtype.kind == "f" else ""
            raise ShapeError(
                f"{self._info.path}: takes raw pixels, 0 to 255, as uint8, not {images.dtype}; {first}use "
                ".astype(np.uint8)"
            )
        if not _is_alike(given, shape):
            these = f"these are {_times(given)}"
            if _is_alike(images.shape, shape):
                these = "this is one: image[np.newaxis] is a batch"
            raise ShapeError(f"{self._info.path}: takes images of shape {_times(shape)}, but {these}")

    def _busy(self) -> SessionBusyError:
        return SessionBusyError(
            f"{self._info.path}: its session is in use by another thread; load one for each thread"
        )


def class_labels(
    given: tuple[str, ...] | None, metadata: Metadata | None, classes: int, path: Path
) -> Labels:
    """Class names: those the caller gave, else the artifact's own, else numbers; no two are alike.

    Raises:
        ModelError: There are more or fewer names than the model has classes, or no end of classes.
    """
    if not 0 < classes <= MAX_CLASSES:
        raise ModelError(f"{path}: has {classes:,} classes, from 1 to {MAX_CLASSES:,} are possible")
    own = metadata.labels if metadata else tuple(str(index) for index in range(classes))
    try:
        fitted = fit_labels(own if given is None else given, classes)
    except ValueError as error:
        raise ModelError(f"{path}: {error}; each class needs one") from error
    return Labels(fitted.names, tuple(f"{path}: {note}" for note in fitted.notes))


def check_rank(rank: int, role: str) -> None:
    """A classifier takes images of any rank by the batch, and gives one row of scores for each.

    Raises:
        ValueError: The tensor has no batch dimension, or an output more than its classes.
    """
    if role == "output" and rank != 2:
        raise ValueError(f"its output has {rank} dimensions, a classifier's has 2: images and classes")
    if rank < 2:
        raise ValueError(f"its input has {rank} dimensions, a classifier's has images and their pixels")


def _require_room(out: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray):
        raise ShapeError(f"out is a {type(out).__name__}, not a NumPy array of float32 of shape {shape}")
    if out.shape != shape or out.dtype != np.float32:
        raise ShapeError(f"out is {out.dtype} of shape {out.shape}, the scores are float32 of shape {shape}")
    if not out.flags.writeable:
        raise ShapeError("out is read-only; give an array that can be written to")


def _is_alike(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether two shapes have the same pixels in the same order, as with an axis of 1 more, or flattened."""
    if len(shape) == 1:
        return bool(given) and math.prod(given) == shape[0]
    return [size for size in given if size != 1] == [size for size in shape if size != 1]


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape) or "one number"
