"""The common part of all sessions: checks, blocks of images, and prepared runs."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.machinery import PathFinder
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.contract import RAW, InputContract, parse_range
from fmnist_runtime.artifact.metadata import Head
from fmnist_runtime.engines.plan import HEAD_NOTES, Plan, Run, as_run, find_head, with_head, with_order
from fmnist_runtime.engines.quantization import Writer, pixel_writer
from fmnist_runtime.engines.session import ModelInfo, Prediction
from fmnist_runtime.errors import (
    FmnistError,
    MissingExtraError,
    ModelError,
    NonFiniteScoresError,
    SessionBusyError,
    ShapeError,
)

_KEPT_RUNS = 4
"""Prepared runs of a session: for one image, a whole block, a remainder, and one more."""
_UINT8 = np.dtype(np.uint8)


class BaseSession(ABC):
    """A `Session` without its engine, which a subclass adds."""

    _engine: Any
    """The engine's own object; None when the session is closed."""

    def __init__(self, info: ModelInfo, block: int, head: Head | None = "none", producer: str = "") -> None:
        """Prepare for single images, which is a device's most frequent case.

        Args:
            info: Description of the model.
            block: Number of images to run at once, if there are many.
            head: What is added after the model so that it gives probabilities; None to find it out.
            producer: The operator that computes the model's output.
        """
        self._info, self._block = info, block
        self._runs: dict[tuple[int, ...], Run] = {}
        # A thread that takes the one element has the session. A list is as safe as a lock, and takes a sixth
        # of its 90 ns.
        self._turn = [None]
        if head is None:
            head = "none" if info.contract.range is None else self._find_head(producer)
            notes = (f"{info.path}: {note}" for note in HEAD_NOTES.get(head, ()))
            info = replace(info, notes=(*info.notes, *notes))
        self._info = replace(info, head=head)
        if info.contract.range is not None:
            self._prepared((1, *info.input_shape))

    def _find_head(self, producer: str) -> Head:
        """Find what must be added after a model, by its raw outputs for a black, a white and a noisy image.

        A model that divides by an image's own deviation returns NaN for some of them.
        """
        run = as_run(self._prepare((1, *self._info.input_shape)), self._info.path)
        noise = np.random.default_rng(0).integers(0, 256, (1, *self._info.input_shape), np.uint8)
        images = (np.zeros_like(noise), np.full_like(noise, 255), noise)
        answers = []
        for image in images:
            with suppress(NonFiniteScoresError):
                answers.append(run(image, None))
        return find_head(producer, np.concatenate(answers or [run(noise, None)]))

    @abstractmethod
    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        """Allocate everything that is needed to run images of one shape.

        Args:
            shape: ``(N, …)`` with N at most the session's block. A single image may have another shape than
                the model's input if its pixels are the same in the same order.
        """

    @property
    def info(self) -> ModelInfo:
        """Description of the model."""
        return self._info

    def scores(
        self, images: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the class probabilities of images; see `Session.scores`."""
        turn = self._turn
        try:
            turn.pop()
        except IndexError:
            raise self._busy() from None
        except BaseException:  # Ctrl-C is raised when a call returns, and pop has returned
            turn.append(None)
            raise
        try:
            run = self._runs.get(images.shape)
            if run is None or out is not None or images.dtype is not _UINT8:
                return self._in_blocks(images, out)
            return run(images, None)
        except FmnistError:
            raise
        except Exception as error:  # engines raise exceptions without another common base
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
        """Return the run for a shape. A new run replaces the least recently used one."""
        run = self._runs.pop(shape, None)
        if run is None:
            if len(self._runs) == _KEPT_RUNS:
                del self._runs[next(iter(self._runs))]
            self._info.contract.require_range(self._info.path)
            run = self._run(shape)
        self._runs[shape] = run
        return run

    def _run(self, shape: tuple[int, ...]) -> Run:
        """Return a new run for a shape."""
        plan = with_order(with_head(self._prepare(shape), self._info.head), self._info.order)
        return as_run(plan, self._info.path)

    def top(self, image: NDArray[np.uint8], k: int = 3) -> list[Prediction]:
        """Return the k most probable classes of one image; see `Session.top`."""
        if k < 1:
            raise ValueError(f"the {k} most probable classes; ask for 1 or more")
        [scores] = self.scores(image[np.newaxis] if isinstance(image, np.ndarray) else image)
        order = np.argsort(-scores, kind="stable")[:k]
        return [Prediction(self._info.labels[i], int(i), float(scores[i])) for i in order]

    def classify(self, image: NDArray[np.uint8]) -> Prediction:
        """Return the most probable class of one image; see `Session.classify`."""
        # scores() refuses other types; a separate check would take a fiftieth of the time.
        scores = self.scores(image[np.newaxis] if isinstance(image, np.ndarray) else image)
        index = int(scores.argmax())
        return Prediction(self._info.labels[index], index, scores.item(index))

    def _no_array(self, images: object) -> ShapeError:
        return ShapeError(
            f"{self._info.path}: takes a NumPy array of uint8, not {type(images).__name__}; np.array(images, "
            "np.uint8) makes one, or fmnist_runtime.data.images.read_image of a file"
        )

    def close(self) -> None:
        """Release the engine and its memory. A closed session stays closed.

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
        """Return images in the model's own shape; a channel axis of 1 and flattening are accepted.

        Raises:
            ShapeError: They are not uint8, or not such images.
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


def image_writer(
    tensor: NDArray[Any],
    shape: tuple[int, ...],
    contract: InputContract,
    scale: float = 0.0,
    zero_point: int = 0,
) -> Writer:
    """Return a function that writes images into a model's input.

    Args:
        tensor: The input, ``[N, …]`` in the model's own layout.
        shape: Shape of the images, ``(N, …)`` with N at most that of the tensor.
        contract: The model's input contract.
        scale: Scale of a quantised input; else 0.
        zero_point: Its zero point.

    Raises:
        ValueError: There is no such encoding.
    """
    pixels = parse_range(contract.range or RAW)
    rows = tensor[: shape[0]]
    if contract.layout != "CHW" or contract.shape[0] == 1:
        return pixel_writer(rows.reshape(shape), scale, zero_point, pixels)
    write = pixel_writer(np.moveaxis(rows, 1, -1), scale, zero_point, pixels)
    upright = (shape[0], *contract.shape[1:], contract.shape[0])
    return lambda images: write(images.reshape(upright))


class Output(NamedTuple):
    """An output of a model."""

    name: str
    """Its name in the file."""
    shape: tuple[int | None, ...]
    """Its shape; None for an open size."""
    dtype: np.dtype[Any] | None
    """Type of its elements; None if it is not an array of numbers."""
    producer: str
    """The operator that computes it."""

    @property
    def holds_scores(self) -> bool:
        """Whether it can hold a score for each class: one row of numbers for each image, or one number."""
        if self.shape == (None,):
            return self.dtype is not None and self.dtype.kind == "f"
        plain = len(self.shape) >= 2 and len([size for size in self.shape[1:] if size != 1]) <= 1
        return plain and self.dtype is not None and (self.dtype.kind == "f" or self.dtype.itemsize <= 2)

    @property
    def units(self) -> int | None:
        """Number of scores for an image, if it can hold scores; None if that is open."""
        return next((size for size in self.shape[1:] if size != 1), 1)


_PROBABILITIES = {"softmax", "logistic", "sigmoid", "logsoftmax", "zipmap", "normalizer", "linearclassifier"}
_PROBABILITIES |= {"treeensembleclassifier", "svmclassifier"}
"""Operators that return probabilities, without regard to case."""


def choose_output(outputs: Sequence[Output], wanted: str | None) -> int:
    """Return the index of the output with the scores: the named one, or else the only possible one.

    Raises:
        ValueError: There is no output of that name, or not exactly one that is possible.
    """
    names = ", ".join(f"{output.name} {_times(output.shape)}" for output in outputs)
    if wanted is not None:
        places = [place for place, output in enumerate(outputs) if output.name == wanted]
        if not places:
            raise ValueError(f"it has no output {wanted!r}; it has {names}")
    else:
        places = [place for place, output in enumerate(outputs) if output.holds_scores]
        places = [place for place in places if len(outputs[place].shape) > 1] or places
        producers = {place: outputs[place].producer.replace("_", "").lower() for place in places}
        likely = [place for place, producer in producers.items() if producer in _PROBABILITIES]
        if len(places) > 1 and len(likely) == 1:
            places = likely
    if len(places) > 1:
        raise ValueError(
            f"it has {len(outputs)} outputs, and it is not clear which one has the scores: {names}; name it "
            "with --output, in Python with load(path, output=…)"
        )
    if not places or not outputs[places[0]].holds_scores:
        what = f"its output {wanted}" if wanted else "none of its outputs"
        types = ", ".join(f"{output.name} {_times(output.shape)} {output.dtype}" for output in outputs)
        raise ValueError(
            f"{what} is a row of float, 8-bit or 16-bit scores for each image, as a classifier's is; it has "
            f"{types}"
        )
    return places[0]


def check_inputs(shapes: Sequence[Sequence[object]]) -> None:
    """Check that there is one input, and that it has a batch dimension.

    Raises:
        ValueError: There is none, or another number of inputs.
    """
    if len(shapes) != 1:
        raise ValueError(f"it has {len(shapes)} inputs, a classifier has one")
    [shape] = shapes
    if len(shape) < 2:
        raise ValueError(f"its input has {len(shape)} dimensions, a classifier's has images and their pixels")


def _require_room(out: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray):
        raise ShapeError(f"out is a {type(out).__name__}, not a NumPy array of float32 of shape {shape}")
    if out.shape != shape or out.dtype != np.float32:
        raise ShapeError(f"out is {out.dtype} of shape {out.shape}, the scores are float32 of shape {shape}")
    if not out.flags.writeable:
        raise ShapeError("out is read-only; give an array that can be written to")


def _is_alike(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether two shapes have the same pixels in the same order, up to axes of 1 and flattening."""
    if len(shape) == 1:
        return bool(given) and math.prod(given) == shape[0]
    return [size for size in given if size != 1] == [size for size in shape if size != 1]


def _times(shape: Sequence[int | None]) -> str:
    return "×".join("?" if size is None else str(size) for size in shape) or "one number"


_FIRST_FOR_NUMPY_2 = {
    "onnxruntime": ((1, 19), "pip install --upgrade onnxruntime"),
    "ai_edge_litert": ((1, 1), "pip install --upgrade ai-edge-litert"),
    # The last wheel is 2.14; TensorFlow, which it is built from, takes NumPy 2 since 2.18.
    "tflite_runtime": ((2, 18), "pip install 'numpy<2'"),
}
"""By package: the first version that was built for NumPy 2, as found by trying, and the line to type."""
_VERSION = re.compile(r"""^__version__ = ['"]((\d+)\.(\d+)[^'"]*)""", re.MULTILINE)


def require_numpy_fits(package: str) -> None:
    """Check that an engine was built for the installed NumPy, before it is imported.

    An engine built for NumPy 2 also runs on NumPy 1, but not the other way round
    (https://numpy.org/doc/stable/dev/depending_on_numpy.html). pip installs it anyway, as most wheels set no
    upper bound for NumPy. Such an engine prints a page when it is imported, and fails with a traceback or a
    segmentation fault when it runs a model.

    The version is read from the package's ``__init__.py``: importing it would be too late, and
    `importlib.metadata` would take a tenth of the time of a whole prediction.

    Args:
        package: The name it is imported by. A package that is not installed passes.

    Raises:
        MissingExtraError: It was not.
    """
    if np.__version__.startswith("1."):
        return
    spec = PathFinder.find_spec(package)
    if spec is None or spec.origin is None:
        return
    found = _VERSION.search(Path(spec.origin).read_text(encoding="utf-8", errors="replace"))
    first, remedy = _FIRST_FOR_NUMPY_2[package]
    if found and (int(found[2]), int(found[3])) < first:
        raise MissingExtraError(
            f"{package.replace('_', '-')} {found[1]} fails with numpy {np.__version__}, "
            f"as it was built for NumPy 1: {remedy}"
        )
