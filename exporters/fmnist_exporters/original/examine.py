"""What an original says itself: the pixels it takes, and its answers to held-out images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.isolation import note_step
from fmnist_runtime.artifact.contract import RAW, parse_range
from fmnist_runtime.artifact.range_search import candidates, find_contradiction, find_other_range
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import DatasetError, ModelError, UnknownInputError

if TYPE_CHECKING:
    from fmnist_exporters.original.classifier import Classifier

_STEP_IMAGES = 1000
"""After so many images there is a word of progress."""


@dataclass(frozen=True)
class Question:
    """An original, and the images that it is asked about."""

    path: Path
    """The ``.keras`` or ``.h5`` file."""
    labels: tuple[str, ...] | None
    """Class names, by class index; None for numbers."""
    input_range: str | None
    """Pixels it takes itself (see `fmnist_runtime.artifact.contract`); None where images are to tell."""
    sure: bool
    """Whether nobody need check the range."""
    held_out: Dataset
    """Images with their classes."""


@dataclass(frozen=True)
class Answers:
    """What an original answered."""

    labels: tuple[str, ...]
    """Class names, by class index."""
    input_shape: tuple[int, ...]
    """Shape of an image for it."""
    input_range: str
    """Pixels it takes itself."""
    notes: tuple[str, ...]
    """What a person should know of how it is taken, a line each."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``, its probabilities."""


def examine(question: Question) -> Answers:
    """Ask an original about images. Loads TensorFlow.

    Raises:
        ModelError: It cannot be loaded, is no classifier, or takes other pixels than declared.
        DatasetError: The images are of more classes than it has.
    """
    from fmnist_exporters.original.plain import loops
    from fmnist_exporters.original.session import KerasSession

    note_step("loading the original")
    with KerasSession(question.path, question.labels, input_range=question.input_range or RAW) as session:
        info, classifier = session.info, session.classifier
        _require_classes(len(info.labels), question)
        images = session.fit(question.held_out.images)
        notes = (*info.notes, *_loop_notes(loops(session.model), question.path))
    taken = question.input_range or RAW
    if not question.sure:
        taken, note = _find_range(classifier, images, question)
        notes = (*notes, note) if note else notes
    scores = _answer(classifier.taking(parse_range(taken)), images, question.path)
    return Answers(info.labels, info.input_shape, taken, notes, scores)


def _loop_notes(layers: list[str], path: Path) -> list[str]:
    """What is to be said of layers that compute in a loop."""
    if not layers:
        return []
    # With TensorFlow's own name of what it would be, as other converters' messages have it.
    loop = f"{', '.join(map(repr, layers))} computes in a loop, for which TFLite has no operators"
    unrolled = "where a format has none, it is unrolled, as by unroll=True"
    return [f"{path}: {loop} (TensorListReserve); {unrolled}"]


def _answer(classifier: Classifier, images: NDArray[np.uint8], path: Path) -> NDArray[np.float32]:
    """The original's probabilities of the images, with a word of progress now and then."""
    scores = []
    for first in range(0, len(images), _STEP_IMAGES):
        note_step(f"running the original on image {first:,} of {len(images):,}")
        scores.append(classifier.scores(images[first : first + _STEP_IMAGES]))
    found = np.concatenate(scores)
    if not np.isfinite(found).all():
        raise ModelError(
            f"{path}: answers NaN or infinity to held-out images; train it again, on pixels of a smaller "
            "range"
        )
    return found


def _require_classes(classes: int, question: Question) -> None:
    path, labels, held_out = question.path, question.labels, question.held_out
    if labels and len(labels) != classes:  # which a session makes fit, an artifact keeps
        raise ModelError(
            f"{path}: has {classes:,} classes, but there are {len(labels):,} labels; each class needs one"
        )
    if int(held_out.targets.max()) >= classes:
        raise DatasetError(f"{path}: has {classes} classes, but {held_out.name} has more")


def _find_range(classifier: Classifier, images: NDArray[np.uint8], question: Question) -> tuple[str, str]:
    """The range that an original takes, checked by images or found by them, and what is to be said of it."""
    path, declared, targets = question.path, question.input_range, question.held_out.targets

    def score(range: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        note_step(f"trying pixels of {range}")
        scores = classifier.taking(parse_range(range)).scores(images)
        return np.nan_to_num(scores)  # to be sure of nothing is to be wrong

    ranges = candidates(3 if images.ndim == 4 and images.shape[-1] == 3 else 1)
    if declared is None:
        found, doubt = find_other_range(score, RAW, ranges, images, targets, path)
        taken = found.best.range
        if doubt:
            return taken, f"{path}: takes pixels of {taken}, as is usual: {doubt}"
        return taken, "" if taken == RAW else f"{path}: takes pixels of {taken}, {found}"
    ranges = [range for range in ranges if range != declared]
    other = find_contradiction(score, declared, ranges, images, targets)
    if other is not None:
        raise UnknownInputError(
            f"{path}: labelled images speak against pixels of {declared}: {other.best}, {other.second}; name "
            f"the right one, such as --input-range {other.best.range}"
        )
    return declared, ""
