"""Which models a verb works on, opened behind one interface whatever their format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fmnist.runs import Run, is_run, newest_run, run_of
from fmnist_exporters.input_range import InputRange
from fmnist_runtime import Session, load
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.datasets import Dataset, load_dataset
from fmnist_runtime.errors import DatasetError, ModelError, ResultError, needs_extra
from fmnist_runtime.files import sha256_file
from fmnist_runtime.sessions import KERAS_SUFFIXES


@dataclass(frozen=True)
class Selection:
    """The models a verb works on."""

    paths: tuple[Path, ...]
    """Model files; for a run its artifacts, in the order of its manifest."""
    run: Run | None
    """The run they are all of; None when the user named files."""


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


def select_models(named: list[Path]) -> Selection:
    """The models the user named, a run's folder standing for its artifacts; else those of the newest run.

    Raises:
        ResultError: None is named and there is no finished run.
    """
    if len(named) == 1 and is_run(named[0]):
        return Selection(tuple(Run(named[0]).artifacts()), Run(named[0]))
    if named:
        return Selection(tuple(named), None)
    run = newest_run()
    return Selection(tuple(run.artifacts()), run)


def select_artifacts(named: list[Path]) -> Selection:
    """As `select_models`, for a verb that can do nothing without an artifact.

    Raises:
        ResultError: There is none.
    """
    selection = select_models(named)
    if not selection.paths:
        run = selection.run.folder if selection.run else ""
        raise ResultError(f"{run}: nothing is exported yet; run: fmnist export --format all --quantize all")
    return selection


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
    if not is_keras(path):
        return load(path, threads=how.threads, engine=how.engine)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the path of a model")
    if how.engine != "auto":
        raise ModelError(f"{path}: is a Keras model, which Keras runs; leave out --engine {how.engine}")
    with needs_extra("train", "running a Keras model"):
        from fmnist_exporters.original import KerasSession
    run = run_of(path)
    labels = tuple(run.training()["labels"]) if run else None
    return KerasSession(path, labels, how.threads, how.input_range)


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


def dataset_of(path: Path, metadata: Metadata | None = None) -> str | None:
    """The data set a model was trained on, by its own metadata or its run; None when neither says."""
    if metadata:
        return metadata.dataset or None
    run = run_of(path)
    return str(run.training()["settings"]["dataset"]) if run else None


def _recorded_digest(path: Path) -> str:
    run = run_of(path)
    return str(run.training()["test_digest"]) if run else ""


class Splits:
    """Test splits by data set, each read once."""

    def __init__(self, dataset: str | None, data_dir: Path | None) -> None:
        """Take every model's own data set, unless one is named for all."""
        self._named = dataset
        self._load = cache(lambda name: load_dataset(name, "test", data_dir))

    def of(self, session: Session) -> Dataset:
        """The test split to run a model on; see `named`."""
        path, metadata = session.info.path, session.info.metadata
        split = self.named(dataset_of(path, metadata), path)
        digest = metadata.dataset_digest if metadata else _recorded_digest(path)
        if not self._named and digest not in ("", split.digest):
            raise DatasetError(
                f"{split.name}: is not the data set that {path} was trained on, though its name is; "
                "name it with --dataset or --data-dir"
            )
        return split

    def named(self, dataset: str | None, path: Path) -> Dataset:
        """The test split of a data set.

        Raises:
            DatasetError: It is missing or damaged, or nobody says which to take for the model at the path.
        """
        name = self._named or dataset
        if name is None:
            raise DatasetError(f"{path}: says nothing of its data set; name it with --dataset")
        return self._load(name)
