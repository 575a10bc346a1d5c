"""Opening a model behind one interface, whatever its format.

Little is imported here, for a verb that opens one model and is done in a blink.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist.devices.emulation.targets import HOST
from fmnist.results.model_file import ModelFile
from fmnist.text.progress import Progress, say, say_notes
from fmnist_runtime import Session, load
from fmnist_runtime.artifact.container import REJECTED, format_suffix
from fmnist_runtime.artifact.contract import RAW, parse_range
from fmnist_runtime.engines import ENGINES, KERAS_SUFFIXES
from fmnist_runtime.engines.session_options import SEAL, USER, SessionOptions
from fmnist_runtime.errors import ModelError, ShapeError, UnfitRangeError, UnknownInputError, needs_extra
from fmnist_runtime.files import require_file, sha256_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fmnist_runtime.artifact.range_search import FoundRange
    from fmnist_runtime.data.datasets import Dataset
    from fmnist_runtime.engines.session import ModelInfo

_SUFFIXES = {*KERAS_SUFFIXES, *(suffix for suffixes, _ in ENGINES.values() for suffix in suffixes)}
"""What model files end in."""
FOUND, RUN = "labelled images", "its run"
"""Where a range is known from that was found out, or that its training or import recorded."""


@dataclass(frozen=True)
class Execution:
    """How models are run."""

    threads: int = 1
    """Threads one inference may use."""
    engine: str = "auto"
    """What runs an artifact: a name in `fmnist_runtime.engines.ENGINES`, or ``auto``."""
    input_range: str | None = None
    """What pixels become in front of a model that does not say it (see `artifact.contract`)."""
    known_from: str = USER
    """Where that is known from."""
    labels: tuple[str, ...] | None = None
    """Class names, for a model that carries none or others."""
    output: str | None = None
    """Name of the output that the scores are, of a model that has several."""
    order: tuple[str, ...] | None = None
    """A file's own class names, in the order in which scores are wanted."""
    target: str = HOST
    """Processor that a C model runs on: a name in `fmnist.devices.emulation.targets`."""


@contextmanager
def images_of_a_dataset(named: str | None = None) -> Iterator[None]:
    """Put into the command's terms what is to be done where a model takes images of another shape.

    The user may have named the data set; else it is the model's own or a usual one.
    """
    try:
        yield
    except ShapeError as error:
        what = f", of {named}; name the one" if named else "; name the data set"
        raise ShapeError(f"{error}{what} it was trained on with --dataset") from error


def is_model_file(path: Path) -> bool:
    """Whether a path names a model file, by its suffix; also where it is missing or damaged."""
    return format_suffix(path) in _SUFFIXES


def is_keras(path: Path) -> bool:
    """Whether a path names a Keras model, by its suffix."""
    return path.suffix.lower() in KERAS_SUFFIXES


def open_model(path: Path, how: Execution = Execution()) -> Session:
    """Open a model of any format: raw pixels in, probabilities out.

    A Keras model has the labels of the run it lies in, and takes raw pixels there; elsewhere its classes have
    numbers. What a person should know of how the file is taken is said.

    Raises:
        ModelError: The file is missing, damaged, not a classifier, or not for the engine.
        MissingExtraError: What runs it is not installed.
    """
    session = _open(path, how)
    _tell(session, how)
    return session


def _tell(session: Session, how: Execution) -> None:
    """Say what a person should know of how a file is taken."""
    path, contract = session.info.path, session.info.contract
    say_notes(session.info.notes)
    if contract.known_from not in ("", SEAL, RUN, how.known_from):
        say(f"{path}: takes pixels of {contract.range}, known from {contract.known_from}")
    if how.input_range not in (None, contract.range) and contract.known_from == SEAL:
        say(f"{path}: takes pixels of {contract.range}, known from {SEAL}; --input-range is not for it")


def open_on(path: Path, how: Execution, dataset: Callable[[Session], Dataset]) -> tuple[Session, Dataset]:
    """Open a model to run it on labelled images, which tell its input range where nothing else does.

    ``dataset`` finds the images for an open model.

    Returns:
        The model and the images. Its range is said if it was found out by them.

    Raises:
        UnknownInputError: The images do not tell, either.
        FmnistError: As of `open_model`, or of finding the images.
    """
    session = _open(path, how)
    try:
        images = dataset(session)
        labels = session.info.labels
        if labels != images.labels and sorted(labels) == sorted(images.labels):
            if is_keras(path):
                raise ModelError(
                    f"{path}: has the classes of {images.name} in another order by its labels; name them in "
                    "the order of the model's outputs, which must be that of the data set"
                )
            session.close()
            session = _open(path, how := replace(how, order=images.labels))
            say(
                f"{path}: has the classes of {images.name} in another order by its labels; scores are put "
                "into its order (--labels FILE names them otherwise)"
            )
        found = _find_range(session, how, images)
        if found is None:
            _tell(session, how)
            return session, images
    except BaseException:
        session.close()
        raise
    session.close()
    say(f"{path}: takes pixels of {found.best.range}, {found}")
    session = _open(path, replace(how, input_range=found.best.range, known_from=FOUND))
    say_notes(session.info.notes)
    return session, images


def _find_range(session: Session, how: Execution, dataset: Dataset) -> FoundRange | None:
    """The input range of a model, by labelled images; None where it is known and they do not contradict it.

    Raises:
        UnknownInputError: They do not tell, or contradict what the file says of itself.
    """
    import numpy as np

    from fmnist_runtime.artifact.range_search import candidates, find_contradiction, find_range
    from fmnist_runtime.evaluate import require_classes

    info, contract = session.info, session.info.contract
    if contract.known_from in (SEAL, RUN, how.known_from):
        return None
    require_classes(session, dataset)
    images, targets = dataset.images, dataset.targets
    colour = contract.layout in ("HWC", "CHW") and images.ndim == 4 and images.shape[-1] == 3
    ranges = [range for range in candidates(3 if colour else 1) if range != contract.range]
    progress = Progress("input range", 0)

    def score(range: str, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        progress.step()
        if is_keras(info.path):  # whose file takes seconds to open
            keras: Any = session
            with images_of_a_dataset():
                fitted = keras.fit(images)
            scores: NDArray[np.float32] = keras.classifier.with_range(parse_range(range)).scores(fitted)
            return np.nan_to_num(scores)
        try:
            trial = _open(info.path, replace(how, input_range=range))
        except UnfitRangeError:
            return None
        with images_of_a_dataset(), trial:
            return trial.scores(images)

    if contract.range is None:
        return find_range(score, ranges, images, targets, info.path)
    other = find_contradiction(score, contract.range, ranges, images, targets)
    if other is not None:
        raise UnknownInputError(
            f"{info.path}: takes pixels of {contract.range} by {contract.known_from}, but labelled images "
            f"speak against it: {other.best}, {other.second}; name the right one, such as --input-range "
            f"{other.best.range}"
        )
    return None


def _open(path: Path, how: Execution) -> Session:
    if how.target != HOST:
        return _emulated(path, how)
    if not is_keras(path):
        return load(
            path,
            threads=how.threads,
            engine=how.engine,
            labels=how.labels,
            input_range=how.input_range,
            output=how.output,
            order=how.order,
            known_from=how.known_from,
        )
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the path of a model")
    if how.engine != "auto":
        raise ModelError(f"{path}: is a Keras model, which Keras runs; leave out --engine {how.engine}")
    with needs_extra("train", "running a Keras model"):
        from fmnist.runs.run import training_of
        from fmnist_exporters.original.session import KerasSession
    input_range, known_from, labels, trained_on = how.input_range, how.known_from, how.labels, ("", "", "")
    if found := training_of(path):
        run, record = found
        labels = labels or tuple(record["labels"])
        settings = record["settings"]
        trained_on = settings["dataset"], record["test_digest"], str(settings.get("preparation", ""))
        if input_range is None and run.model == path.absolute():
            input_range, known_from = record.get("input_range", RAW), RUN  # of an imported model
    return KerasSession(path, labels, how.threads, input_range, known_from, trained_on)


def _emulated(path: Path, how: Execution) -> Session:
    from fmnist.devices.emulation.session import EmulatedSession

    if format_suffix(path) != ".c":
        raise ModelError(
            f"{path}: only a C model runs on {how.target}; make one with: fmnist export MODEL --format c"
        )
    require_file(path, "a C model", ModelError)
    if how.engine != "auto" or how.output:
        raise ModelError(f"{path}: runs on {how.target} by itself; leave out --engine and --output")
    session = EmulatedSession(SessionOptions(path, labels=how.labels, order=how.order), how.target)
    metadata = session.info.metadata
    if metadata is not None and metadata.rejected and path.suffix != REJECTED:
        session.close()
        raise ModelError(f"{path}: was rejected when it was made, {metadata.rejected}; export it again")
    return session


def known_preparation(info: ModelInfo) -> str:
    """Return how a picture becomes a model's input, as it or its data set says; empty if neither does."""
    from fmnist_runtime.data.datasets import preparation_of

    return info.preparation or preparation_of(info.dataset)


def describe(session: Session) -> ModelFile:
    """Which file a session runs, for a result."""
    info = session.info
    digests = [info.sha256 or sha256_file(info.path), *map(sha256_file, info.weights)]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return ModelFile(
        name=info.path.name,
        format=info.format,
        scheme=info.scheme,
        engine=info.engine,
        threads=info.threads,
        size_bytes=info.size_bytes,
        sha256=digest,  # with weights in files beside it, of the digests of all of them in a row
        input_range=info.contract.range,
        range_known_from=info.contract.known_from,
    )
