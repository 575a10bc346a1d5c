"""What all sessions share: checks, blocks of images, and runs that are prepared once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact import Metadata
from fmnist_runtime.errors import (
    FmnistError,
    ModelError,
    NonFiniteScoresError,
    SessionBusyError,
    ShapeError,
)
from fmnist_runtime.sessions.session import ModelInfo, Prediction

_KEPT_RUNS = 4
"""Prepared runs that a session keeps: for one image, a whole block, a remainder, and one more."""
_UINT8 = np.dtype(np.uint8)

_Run = Callable[[NDArray[np.uint8], NDArray[np.float32] | None], NDArray[np.float32]]


class Plan(NamedTuple):
    """A model made ready for images of one shape, with all the memory that takes."""

    write: Callable[[NDArray[np.uint8]], object]
    """Puts uint8 images of that shape where the engine reads them."""
    invoke: Callable[[], object]
    """Runs the model on them."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``: where the answer is until the next one."""


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
        self._runs: dict[tuple[int, ...], _Run] = {}
        # Whoever takes the one element has the session. A list is safe for that, as a lock is, and takes a
        # sixth of the 90 ns that one costs.
        self._turn = [None]
        self._prepared((1, *info.input_shape))

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
                raise ShapeError(
                    f"{self._info.path}: takes a uint8 array, not {type(images).__name__}"
                ) from error
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

    def _prepared(self, shape: tuple[int, ...]) -> _Run:
        """The run for a shape; the one that was asked for here longest ago makes room for a new one."""
        run = self._runs.pop(shape, None)
        if run is None:
            if len(self._runs) == _KEPT_RUNS:
                del self._runs[next(iter(self._runs))]
            run = _checked(self._prepare(shape), self._info.path)
        self._runs[shape] = run
        return run

    def top(self, image: NDArray[np.uint8], k: int = 3) -> list[Prediction]:
        """The k most probable classes of one image; see `Session.top`."""
        [scores] = self.scores(image[np.newaxis])
        order = np.argsort(-scores, kind="stable")[:k]
        return [Prediction(self._info.labels[i], int(i), float(scores[i])) for i in order]

    def classify(self, image: NDArray[np.uint8]) -> Prediction:
        """The most probable class of one image; see `Session.classify`."""
        scores = self.scores(image[np.newaxis])
        index = int(scores.argmax())
        return Prediction(self._info.labels[index], index, scores.item(index))

    def close(self) -> None:
        """Let go of the engine and its memory; what is closed stays closed.

        Raises:
            SessionBusyError: Another thread is using it.
        """
        try:
            self._turn.pop()
        except IndexError:
            raise self._busy() from None
        self._runs.clear()
        self._engine = None
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
            raise ShapeError(f"{self._info.path}: takes raw uint8 pixels, not {images.dtype}")
        flat = len(shape) == 1 and math.prod(given) == shape[0]
        if not given or not (given in (shape, (*shape, 1)) or (*given, 1) == shape or flat):
            single = images.shape in (shape, (*shape, 1)) or (*images.shape, 1) == shape
            these = f"these are {_times(given)}; name the data set it was trained on with --dataset"
            if single:
                these = "this is one: image[np.newaxis] is a batch"
            raise ShapeError(f"{self._info.path}: takes images of shape {_times(shape)}, but {these}")

    def _busy(self) -> SessionBusyError:
        return SessionBusyError(
            f"{self._info.path}: its session is in use by another thread; load one for each thread"
        )


def _checked(plan: Plan, path: Path) -> _Run:
    """The plan as one call, whose answer is the caller's own and holds nothing but numbers."""
    write, invoke, scores = plan
    copy, isfinite = scores.copy, np.isfinite
    finite = np.empty(scores.shape, np.bool_)
    as_bytes, all_finite = finite.tobytes, bytes([True]) * scores.size

    def run(images: NDArray[np.uint8], out: NDArray[np.float32] | None) -> NDArray[np.float32]:
        write(images)
        invoke()
        isfinite(scores, finite)
        if as_bytes() != all_finite:  # for a few classes a fifth of the time that all() takes
            raise NonFiniteScoresError(
                f"{path}: answers NaN or infinity instead of probabilities; export it again"
            )
        if out is None:
            return copy()
        out[...] = scores
        return out

    return run


_MAX_CLASSES = 100_000
"""Five times those of the largest set of images in use, ImageNet-21k; a file can claim any number."""


def class_labels(
    given: tuple[str, ...] | None, metadata: Metadata | None, classes: int, path: Path
) -> tuple[str, ...]:
    """Class names: those the caller gave, else the artifact's own, else numbers.

    Raises:
        ModelError: There are more or fewer names than the model has classes, or no end of classes.
    """
    if not 0 < classes <= _MAX_CLASSES:
        raise ModelError(f"{path}: has {classes:,} classes, from 1 to {_MAX_CLASSES:,} are possible")
    own = metadata.labels if metadata else tuple(str(index) for index in range(classes))
    labels = own if given is None else given
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


def _require_room(out: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if out.shape != shape or out.dtype != np.float32:
        raise ShapeError(f"out is {out.dtype} of shape {out.shape}, the scores are float32 of shape {shape}")
    if not out.flags.writeable:
        raise ShapeError("out is read-only; give an array that can be written to")


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape) or "one number"
