"""Scores held-out images with an original, and determines the input range that it was trained on."""

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
"""Progress is reported after this many images."""


@dataclass(frozen=True)
class OriginalScores:
    """The scores of an original, and how it was run."""

    labels: tuple[str, ...]
    """Class names, by class index."""
    input_shape: tuple[int, ...]
    """Shape of one image in the model's input."""
    input_range: str
    """Pixel range that the model takes (see `fmnist_runtime.artifact.contract`)."""
    notes: tuple[str, ...]
    """Notes for the user on how the model is interpreted, a line each."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``, its probabilities."""


def score_original(
    path: Path, labels: tuple[str, ...] | None, input_range: str | None, sure: bool, held_out: Dataset
) -> OriginalScores:
    """Run an original on labelled images. Loads TensorFlow.

    Args:
        path: The ``.keras``, ``.h5`` or ``.hdf5`` file.
        labels: Class names, by class index; None for numbers.
        input_range: Pixel range that the model takes; None to find it with the images.
        sure: Skip the check of the range.
        held_out: Images with their classes.

    Raises:
        ModelError: The model cannot be loaded, is no classifier, or takes other pixels than declared.
        DatasetError: The data set has more classes than the model.
    """
    from fmnist_exporters.original.plain import loops
    from fmnist_exporters.original.session import KerasSession

    note_step("loading the original")
    with KerasSession(path, labels, input_range=input_range or RAW) as session:
        info, classifier = session.info, session.classifier
        _require_classes(len(info.labels), path, labels, held_out)
        images = session.fit(held_out.images)
        notes = (*info.notes, *_loop_notes(loops(session.model), path))
    taken = input_range or RAW
    if not sure:
        taken, note = _find_range(classifier, input_range, images, held_out.targets, path)
        notes = (*notes, note) if note else notes
    scores = _score(classifier.with_range(parse_range(taken)), images, path)
    return OriginalScores(info.labels, info.input_shape, taken, notes, scores)


def _loop_notes(layers: list[str], path: Path) -> list[str]:
    if not layers:
        return []
    # With TensorFlow's name for the operator, which other converters' messages contain as well.
    loop = f"{', '.join(map(repr, layers))} computes in a loop, for which TFLite has no operators"
    unrolled = "where a format has none, it is unrolled, as by unroll=True"
    return [f"{path}: {loop} (TensorListReserve); {unrolled}"]


def _score(classifier: Classifier, images: NDArray[np.uint8], path: Path) -> NDArray[np.float32]:
    """Return the probabilities of the images, reporting progress."""
    scores = []
    for first in range(0, len(images), _STEP_IMAGES):
        note_step(f"running the original on image {first:,} of {len(images):,}")
        scores.append(classifier.scores(images[first : first + _STEP_IMAGES]))
    found = np.concatenate(scores)
    if not np.isfinite(found).all():
        what = "answers NaN or infinity to held-out images; train it again, on pixels of a smaller range"
        raise ModelError(f"{path}: {what}")
    return found


def _require_classes(classes: int, path: Path, labels: tuple[str, ...] | None, held_out: Dataset) -> None:
    if labels and len(labels) != classes:  # a session adjusts the labels, but an artifact stores them
        raise ModelError(
            f"{path}: has {classes:,} classes, but there are {len(labels):,} labels; each class needs one"
        )
    if int(held_out.targets.max()) >= classes:
        raise DatasetError(f"{path}: has {classes} classes, but {held_out.name} has more")


def _find_range(
    classifier: Classifier,
    declared: str | None,
    images: NDArray[np.uint8],
    targets: NDArray[np.uint8],
    path: Path,
) -> tuple[str, str]:
    """Check the declared input range, or find it with labelled images; return it with a note for the user."""

    def score(range: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        note_step(f"trying pixels of {range}")
        scores = classifier.with_range(parse_range(range)).scores(images)
        return np.nan_to_num(scores)  # NaN counts as wrong

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
