"""What a session is opened with, and what of that a model file says itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fmnist_runtime.artifact.contract import (
    RAW,
    InputContract,
    Layout,
    UnfitRangeError,
    parse_range,
    range_of_integers,
)
from fmnist_runtime.artifact.declared import NOTHING, Declared
from fmnist_runtime.artifact.metadata import Head, Metadata
from fmnist_runtime.engines.session import ModelInfo
from fmnist_runtime.errors import ModelError

USER, SEAL = "the user", "its seal"
"""Where a range is known from that the caller named, or the seal of an artifact of ours."""
_COLOURS = 3
_FEWEST = 8
"""Numbers that an integer input must tell apart. Of pixels 0-1 in whole numbers there are two, black and
white."""
_MOST_CLIPPED = 64
"""Pixel values of 256 that an integer input may clip. A range that was not meant for it clips nearly all."""


@dataclass(frozen=True)
class Opening:
    """A model file that is about to be opened."""

    path: Path
    """The file."""
    threads: int = 1
    """Threads one inference may use."""
    labels: tuple[str, ...] | None = None
    """Class names that the caller gave."""
    input_range: str | None = None
    """What pixels become, as the caller says; of a file with a seal, which says it itself, it is not asked
    for."""
    known_from: str = USER
    """Where the caller knows the range from."""
    output: str | None = None
    """Name of the output to read, as the caller says."""
    order: tuple[str, ...] | None = None
    """Class names in the order in which scores are wanted; not looked at where they are not those of the
    file."""
    known_head: Head | None = None
    """What follows the model, where it was opened before."""
    metadata: Metadata | None = None
    """What an artifact of ours says of itself."""
    declared: Declared = NOTHING
    """What somebody else's file says of itself."""
    running: Any = None
    """How the file may be run, as `require_sound` tells."""

    @property
    def wanted_output(self) -> str | None:
        """Name of the output to read; None where nobody says."""
        adopted = self.metadata.adopted.get("output") if self.metadata else None
        return self.output or adopted or None

    @property
    def head(self) -> Head | None:
        """What follows the model, as its seal says; None where it is to be found out."""
        if self.metadata is None:
            return self.known_head
        head: Head = self.metadata.adopted.get("head", "none")
        return head

    def info(self, format: str, engine: str, image: ImageTensor, classes: int, **more: Any) -> ModelInfo:
        """What is known of the model, once its ends are.

        Args:
            format: ``tflite``, ``onnx``, ``npz`` or ``keras``.
            engine: Name and version of the package that runs it.
            image: The model's input.
            classes: How many classes it has.
            more: Fields of `ModelInfo` that differ, among them ``labels`` that the file has for want of
                others.

        Raises:
            ModelError: There are other than a name for each class, or a range that is not for this input.
        """
        names, remarks = self._labels(classes, more.pop("labels", None))
        order, in_order = self._order(names)
        contract, notes = self._contract(image)
        known: dict[str, Any] = {
            "path": self.path,
            "format": format,
            "scheme": self.metadata.scheme if self.metadata else "unknown",
            "engine": engine,
            "threads": self.threads,
            "input_shape": image.image_shape,
            "labels": in_order,
            "order": order,
            "size_bytes": sum(file.stat().st_size for file in (self.path, *more.get("weights", ()))),
            "metadata": self.metadata,
            "contract": contract,
            "notes": (*remarks, *notes),
        }
        return ModelInfo(**(known | more))

    def _labels(self, classes: int, own: tuple[str, ...] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Class names, no two alike: those the caller gave, else the file's own, else numbers; and notes."""
        sealed = self.metadata.labels if self.metadata and self.labels is None else ()
        if len(sealed) == len(set(sealed)) == classes:
            return sealed, ()
        from fmnist_runtime.data.labels import MAX_CLASSES, fit_labels

        if not 0 < classes <= MAX_CLASSES:
            raise ModelError(f"{self.path}: has {classes:,} classes, from 1 to {MAX_CLASSES:,} are possible")
        numbers = tuple(str(index) for index in range(classes))
        file = self.metadata.labels if self.metadata else self.declared.labels or own
        labels = (file or numbers) if self.labels is None else self.labels
        try:
            fitted = fit_labels(labels, classes)
        except ValueError as error:
            if labels is file and self.metadata is None:
                note = f"the {len(labels):,} labels in the file are not used, as it has {classes:,} classes"
                return numbers, (f"{self.path}: {note}; give others with --labels",)
            raise ModelError(f"{self.path}: {error}; each class needs one") from error
        return fitted.names, tuple(f"{self.path}: {note}" for note in fitted.notes)

    def _order(self, labels: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """By its wanted place each class's place in the file, none where that is the same, and its name.

        Args:
            labels: The file's; of one that was adopted, in the order that was wanted then.
        """
        own = tuple(self.metadata.adopted.get("order", ())) if self.metadata else ()
        if self.order is None or self.order == labels or sorted(self.order) != sorted(labels):
            return own, labels
        places = tuple(labels.index(name) for name in self.order)
        return tuple(own[place] for place in places) if own else places, self.order

    def _contract(self, image: ImageTensor) -> tuple[InputContract, tuple[str, ...]]:
        """The input contract, and what is to be said of it."""
        range, known_from, notes = self._range(image)
        return InputContract(range, known_from, image.layout, image.dtype.name, image.shape), notes

    def _range(self, image: ImageTensor) -> tuple[str | None, str, tuple[str, ...]]:
        if self.metadata is not None:
            return str(self.metadata.adopted.get("range", RAW)), SEAL, ()
        if self.input_range is not None:
            try:
                range = parse_range(self.input_range).text
            except (ValueError, AttributeError) as error:
                raise ModelError(f"{self.path}: {error}; an input range is a text, such as '0-1'") from error
            image.require_fit(range, self.path)
            return range, self.known_from, ()
        if self.declared.range is not None:
            if image.holds(self.declared.range):
                return self.declared.range, self.declared.source, self.declared.notes
            note = (
                f"{self.path}: its metadata says {self.declared.range}, which its {image.dtype} cannot hold"
            )
            notes = (*self.declared.notes, f"{note}; {image.own_range} is taken")
            return image.own_range, "its integer input", notes
        return image.own_range, "its integer input" if image.own_range else "", self.declared.notes


class ImageTensor(NamedTuple):
    """A model's input for one image."""

    shape: tuple[int, ...]
    """Its shape without the batch."""
    dtype: np.dtype[Any]
    """Type of its elements."""
    scale: float = 0.0
    """Its scale; 0 where its numbers stand for themselves."""
    zero_point: int = 0
    """Its zero point."""

    @property
    def layout(self) -> Layout:
        """Order of its dimensions, as they tell: 3 or fewer channels are never as many as rows."""
        match len(self.shape):
            case 1:
                return "flat"
            case 2:
                return "HW"
        first = self.shape[0] in (1, _COLOURS) and self.shape[-1] not in (1, _COLOURS)
        return "CHW" if first else "HWC"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of an image for it: its own, but colour channels come last."""
        if self.layout == "CHW" and self.shape[0] == _COLOURS:
            return (*self.shape[1:], _COLOURS)
        return self.shape

    @property
    def own_range(self) -> str | None:
        """What its integers stand for when they are the pixels; None of floats."""
        return range_of_integers(self.dtype, self.scale, self.zero_point)

    def holds(self, range: str) -> bool:
        """Whether it can hold the numbers that pixels become, and tell many of them apart."""
        if self.dtype.kind not in "iu":
            return True
        values = np.rint(parse_range(range).values / (self.scale or 1.0) + self.zero_point)
        limits = np.iinfo(self.dtype)
        clipped = (values < limits.min - 1) | (values > limits.max + 1)
        return bool(clipped.sum(axis=1).max() <= _MOST_CLIPPED and len(np.unique(values)) >= _FEWEST)

    def require_fit(self, range: str, path: Path) -> None:
        """Check that a range is for such an input.

        Raises:
            UnfitRangeError: It is not.
        """
        pixels = parse_range(range)
        if (len(pixels.scale) > 1 or pixels.bgr) and self.image_shape[-1] != _COLOURS:
            shape = "×".join(map(str, self.shape))
            raise UnfitRangeError(
                f"{path}: takes {shape}, which has no 3 channels, as input range {range} needs"
            )
        if not self.holds(range):
            raise UnfitRangeError(
                f"{path}: its {self.dtype} input cannot hold pixels of {range}; it stands for "
                f"{self.own_range}, which is taken without --input-range"
            )


def opening_of(info: ModelInfo) -> Opening:
    """What opens a model once more as it was opened."""
    return Opening(
        path=info.path,
        threads=info.threads,
        labels=None if info.order else info.labels,
        input_range=info.contract.range,
        output=info.output or None,
        order=info.labels if info.order else None,
        known_head=info.head,
    )
