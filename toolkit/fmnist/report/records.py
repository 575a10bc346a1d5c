"""The results in a folder, as `fmnist` wrote them, taken apart by model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fmnist.bench.reading import read_figures
from fmnist.json_part import DamageError, Part
from fmnist.json_records import read_record
from fmnist.report.results import Timing
from fmnist.results import schema
from fmnist.runs import read_json
from fmnist_runtime.errors import ResultError
from fmnist_runtime.evaluate import Evaluation
from fmnist_runtime.parity import Parity

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
    content = read_json(path)
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
        if not all(0 <= number < images for number in (*flips.images, *changes.confident)):
            raise DamageError(f"{model.place}.changes names images beyond the last")
        return found

    return read


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
