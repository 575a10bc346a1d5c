"""The results in a folder, as `fmnist` wrote them, taken apart by model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fmnist.bench.reading import read_figures
from fmnist.results.json_records import read_record
from fmnist.results.read import DamageError, Part
from fmnist.results.write import schema
from fmnist.runs.results import Timing
from fmnist.runs.run import read_json
from fmnist_runtime.errors import ResultError
from fmnist_runtime.evaluate import Evaluation
from fmnist_runtime.parity import Parity
from fmnist_runtime.parity.calibration import BINS, Reliability

_T = TypeVar("_T")


@dataclass(frozen=True)
class Record:
    """One result."""

    path: Path
    """Its file."""
    content: Part
    """What is in it."""

    def read(self, read: Callable[[Part], _T]) -> _T:
        """What a function makes of the content.

        Raises:
            ResultError: The content is damaged.
        """
        try:
            return read(self.content)
        except DamageError as error:
            raise ResultError(f"{self.path}: is damaged ({error}); remove it and make it anew") from error

    def by_model(self, key: str, read: Callable[[Part], _T]) -> dict[str, _T]:
        """What a function makes of each model, by the SHA-256 of its file; of several of one file the first.

        Args:
            key: Where the models are in the content.
            read: Takes the entry of one model.

        Raises:
            ResultError: The content is damaged.
        """

        def entries(content: Part) -> dict[str, _T]:
            found: dict[str, _T] = {}
            for entry in content[key].items(0):
                digest = entry["sha256"].text()
                if digest not in found:
                    found[digest] = read(entry)
            return found

        return self.read(entries)


def open_record(folder: Path, kind: str) -> Record | None:
    """A result of a kind; None where there is none.

    Raises:
        ResultError: It is damaged, or of another version.
    """
    path = folder / f"{kind}.json"
    if not path.exists():
        return None
    try:
        content = read_json(path)
    except ResultError as error:  # whose remedy is for who has named a file, and not a run
        raise ResultError(f"{path}: is not JSON, or not all of it; remove it and make it anew") from error
    found, ours = content.get("schema"), schema(kind)
    if not isinstance(found, str):
        raise ResultError(f"{path}: is no result of fmnist {kind}; remove it and make it anew")
    if found != ours:
        raise ResultError(f"{path}: is {found}, and this fmnist reads {ours}; remove it and make it anew")
    return Record(path, Part(content))


def read_evaluation(classes: int) -> Callable[[Part], Evaluation]:
    """What reads the evaluation of a model of so many classes."""

    def read(model: Part) -> Evaluation:
        found = read_record(Evaluation, model)
        if found.confusion.shape != (classes, classes) or len(found.class_accuracy) != classes:
            raise DamageError(f"{model.place} is not of {classes} classes")
        if not 0 <= found.correct <= found.images or found.images == 0:
            raise DamageError(f"{model.place} has more right answers than images, or no images")
        if found.accuracy != found.correct / found.images or found.confusion.min() < 0:
            raise DamageError(f"{model.place} has an accuracy or a confusion that cannot be counted")
        return found

    return read


def read_parity(classes: int, images: int) -> Callable[[Part], Parity]:
    """What reads the comparison of a model of so many classes on so many images."""

    def read(model: Part) -> Parity:
        found = read_record(Parity, model)
        flips, changes = found.changes.flips, found.changes
        answers = (*flips.true, *flips.reference, *flips.candidate, *(item.index for item in changes.classes))
        answers += tuple(index for pair in changes.pairs for index in (pair.reference, pair.candidate))
        lengths = {len(values) for values in vars(flips).values()}
        if len(lengths) != 1 or not all(0 <= index < classes for index in answers):
            raise DamageError(f"{model.place}.changes is not of {classes} classes")
        if any(map(_holds_nan, (found.answers, found.probabilities, found.calibration, flips))):
            raise DamageError(f"{model.place} lacks a number")
        if not all(map(_is_whole, (found.calibration.reference_bins, found.calibration.candidate_bins))):
            raise DamageError(f"{model.place}.calibration is not of {BINS} bins")
        if not all(0 <= number < images for number in (*flips.images, *changes.confident)):
            raise DamageError(f"{model.place}.changes names images beyond the last")
        return found

    return read


def _holds_nan(value: object) -> bool:
    """Whether a number is missing, which in a result is null, somewhere in a dataclass."""
    if isinstance(value, float):
        return math.isnan(value)
    inner = value if isinstance(value, tuple) else vars(value).values() if is_dataclass(value) else ()
    return any(map(_holds_nan, inner))


def _is_whole(bins: Reliability) -> bool:
    """Whether all bins are there, and those that have images have the rest, too."""
    columns = [bins.images, bins.confidence, bins.accuracy]
    if {len(column) for column in columns} != {BINS} or not any(bins.images):
        return False
    return all(
        images >= 0 and {said is not None, was is not None} == {images > 0}
        for images, said, was in zip(*columns, strict=True)
    )


def read_timing(model: Part) -> Timing:
    """The times of a model."""
    [figures] = read_figures([model.value])
    times, counts = (
        np.asarray([item.figure() for item in model[key].items()]) for key in ("times_ns", "counts")
    )
    if len(times) != len(counts) or counts.sum() == 0:
        raise DamageError(f"{model.place}.times_ns and .counts are not of the same calls")
    return Timing(
        engine=figures.engine,
        threads=figures.key.threads,
        calls=figures.calls,
        percentiles=figures.percentiles,
        max_us=figures.max_us,
        verdict=figures.verdict,
        reasons=tuple(item.text() for item in model["reasons"].items(0)),
        load_us=figures.load_us,
        first_us=figures.first_us,
        peak_memory_bytes=figures.peak_memory_bytes,
        times_ns=times,
        counts=counts,
    )
