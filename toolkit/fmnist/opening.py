"""Opening a model behind one interface, whatever its format.

Little is imported here, for a verb that opens one model and is done in a blink.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.progress import say_notes
from fmnist_runtime import Session, load
from fmnist_runtime.errors import ModelError, ShapeError, needs_extra
from fmnist_runtime.files import sha256_file
from fmnist_runtime.sessions import KERAS_SUFFIXES

if TYPE_CHECKING:
    from fmnist_exporters.input_range import InputRange


@dataclass(frozen=True)
class ModelFile:
    """Which file a result is of."""

    name: str
    """Name of the file."""
    format: str
    """``keras``, ``tflite``, ``onnx`` or ``npz``."""
    scheme: str
    """``original``, a quantisation scheme, or ``unknown``."""
    engine: str
    """What ran it, with version."""
    threads: int
    """Threads one inference may use; 0 where the engine decides."""
    size_bytes: int
    """Size of the file."""
    sha256: str
    """SHA-256 of the file."""


@dataclass(frozen=True)
class Execution:
    """How models are run."""

    threads: int = 1
    """Threads one inference may use."""
    engine: str = "auto"
    """What runs an artifact: a name in `fmnist_runtime.sessions.ENGINES`, or ``auto``."""
    input_range: InputRange = "0-255"
    """Pixels that a Keras model takes itself; artifacts take raw ones."""
    labels: tuple[str, ...] | None = None
    """Class names, for a model that carries none or others."""


@contextmanager
def images_of_a_dataset() -> Iterator[None]:
    """Put into the command's terms what is to be done where a model takes images of another shape."""
    try:
        yield
    except ShapeError as error:
        raise ShapeError(f"{error}; name the data set it was trained on with --dataset") from error


def is_keras(path: Path) -> bool:
    """Whether a path names a Keras model, by its suffix."""
    return path.suffix.lower() in KERAS_SUFFIXES


def open_model(path: Path, how: Execution = Execution()) -> Session:
    """Open a model of any format: raw pixels in, probabilities out.

    A Keras model has the labels of the run it lies in; elsewhere its classes have numbers.

    Raises:
        ModelError: The file is missing, damaged, not a classifier, or not for the engine.
        MissingExtraError: What runs it is not installed.
    """
    session = _open(path, how)
    say_notes(session.info.notes)
    return session


def _open(path: Path, how: Execution) -> Session:
    if not is_keras(path):
        return load(path, threads=how.threads, engine=how.engine, labels=how.labels)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the path of a model")
    if how.engine != "auto":
        raise ModelError(f"{path}: is a Keras model, which Keras runs; leave out --engine {how.engine}")
    with needs_extra("train", "running a Keras model"):
        from fmnist.runs import run_of
        from fmnist_exporters.original import KerasSession
    run = run_of(path)
    recorded = tuple(run.training()["labels"]) if run else None
    return KerasSession(path, how.labels or recorded, how.threads, how.input_range)


def describe(session: Session) -> ModelFile:
    """Which file a session runs, for a result."""
    info = session.info
    return ModelFile(
        name=info.path.name,
        format=info.format,
        scheme=info.scheme,
        engine=info.engine,
        threads=info.threads,
        size_bytes=info.size_bytes,
        sha256=sha256_file(info.path),
    )
