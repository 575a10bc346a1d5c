"""The options of a session, and how they combine with what the model file says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from fmnist_runtime.artifact.checked import CheckedFile, check_file
from fmnist_runtime.artifact.contract import RAW, InputContract, Layout, parse_range, range_of_integers
from fmnist_runtime.artifact.declared import NOTHING
from fmnist_runtime.artifact.metadata import Head
from fmnist_runtime.engines.session import ModelInfo
from fmnist_runtime.errors import ModelError, UnfitRangeError

USER, SEAL = "the user", "its seal"
"""Sources of a range: the caller, or the seal of an artifact of ours."""
_COLOURS = 3
_FEWEST = 8
"""Fewest numbers that an integer input must distinguish. Pixels 0-1 as integers have two."""
_MOST_CLIPPED = 64
"""Most pixel values of 256 that an integer input may clip. A range that does not fit it clips nearly all."""
_UNREAD = CheckedFile(Path(), b"", 0, None, NOTHING, None, "")


@dataclass(frozen=True)
class SessionOptions:
    """How a model file is opened."""

    path: Path
    """The file."""
    threads: int = 1
    """Threads of one inference."""
    labels: tuple[str, ...] | None = None
    """Class names, as the caller says."""
    input_range: str | None = None
    """Input range, as the caller says. A sealed file says it itself."""
    known_from: str = USER
    """Source of the caller's range."""
    output: str | None = None
    """Name of the output to read, as the caller says."""
    order: tuple[str, ...] | None = None
    """Class names in the order of the wanted scores; ignored if they are not the file's."""
    known_head: Head | None = None
    """The head, if the model was opened before."""
    file: CheckedFile = _UNREAD
    """The file, once it is `checked`."""

    def checked(self) -> Self:
        """Return these options with the file, read and checked. No engine may see it before.

        Raises:
            ModelError: The file is missing or damaged.
        """
        return replace(self, file=check_file(self.path))

    @property
    def wanted_output(self) -> str | None:
        """Name of the output to read; None if nobody says."""
        metadata = self.file.metadata
        return self.output or (metadata.adopted.get("output") if metadata else None) or None

    @property
    def head(self) -> Head | None:
        """The head, as the seal says; None if it must be found out."""
        if self.file.metadata is None:
            return self.known_head
        head: Head = self.file.metadata.adopted.get("head", "none")
        return head

    def info(self, format: str, engine: str, image: ImageTensor, classes: int, **more: Any) -> ModelInfo:
        """Describe the model, once its input and output are known.

        Args:
            format: ``tflite``, ``onnx``, ``npz``, ``c`` or ``keras``.
            engine: Name and version of the package that runs it.
            image: The model's input.
            classes: Number of classes.
            more: Other fields of `ModelInfo`. Its ``labels`` are used if there are no others.

        Raises:
            ModelError: There are more or fewer names than classes, or the range does not fit the input.
        """
        metadata = self.file.metadata
        names, remarks = self._labels(classes, more.pop("labels", None))
        order, in_order = self._order(names)
        range, known_from, notes = self._range(image)
        known: dict[str, Any] = {
            "path": self.path,
            "format": format,
            "scheme": metadata.scheme if metadata else "unknown",
            "engine": engine,
            "threads": self.threads,
            "input_shape": image.image_shape,
            "labels": in_order,
            "order": order,
            "size_bytes": sum(file.stat().st_size for file in (self.path, *more.get("weights", ()))),
            "metadata": metadata,
            "sha256": self.file.sha256,
            "dataset": metadata.dataset if metadata else "",
            "dataset_digest": metadata.dataset_digest if metadata else "",
            "preparation": metadata.preparation if metadata else "",
            "contract": InputContract(range, known_from, image.layout, image.dtype.name, image.shape),
            "notes": (*remarks, *notes),
        }
        return ModelInfo(**(known | more))

    def _labels(self, classes: int, own: tuple[str, ...] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return class names (the caller's, else the file's, else numbers) and remarks."""
        sealed = self.file.metadata.labels if self.file.metadata and self.labels is None else ()
        if len(sealed) == len(set(sealed)) == classes:
            return sealed, ()
        from fmnist_runtime.data.labels import MAX_CLASSES, fit_labels

        if not 0 < classes <= MAX_CLASSES:
            raise ModelError(f"{self.path}: has {classes:,} classes, from 1 to {MAX_CLASSES:,} are possible")
        numbers = tuple(str(index) for index in range(classes))
        file = self.file.metadata.labels if self.file.metadata else self.file.declared.labels or own
        labels = (file or numbers) if self.labels is None else self.labels
        try:
            fitted = fit_labels(labels, classes)
        except ValueError as error:
            if labels is file and self.file.metadata is None:
                note = f"the {len(labels):,} labels in the file are not used, as it has {classes:,} classes"
                return numbers, (f"{self.path}: {note}; give others with --labels",)
            raise ModelError(f"{self.path}: {error}; each class needs one") from error
        return fitted.names, tuple(f"{self.path}: {note}" for note in fitted.notes)

    def _order(self, labels: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return the file's index of each class in the wanted order, if that differs, and the ordered names.

        Args:
            labels: The file's names; for an adopted model, in the order that was wanted then.
        """
        own = tuple(self.file.metadata.adopted.get("order", ())) if self.file.metadata else ()
        if self.order is None or self.order == labels or sorted(self.order) != sorted(labels):
            return own, labels
        places = tuple(labels.index(name) for name in self.order)
        return tuple(own[place] for place in places) if own else places, self.order

    def _range(self, image: ImageTensor) -> tuple[str | None, str, tuple[str, ...]]:
        """Return the range, its source and remarks."""
        if self.file.metadata is not None:
            return str(self.file.metadata.adopted.get("range", RAW)), SEAL, ()
        if self.input_range is not None:
            try:
                range = parse_range(self.input_range).text
            except (ValueError, AttributeError) as error:
                raise ModelError(f"{self.path}: {error}; an input range is a str, such as '0-1'") from error
            image.require_fit(range, self.path)
            return range, self.known_from, ()
        declared, own = self.file.declared, image.own_range
        if declared.range is None:
            return own, "its integer input" if own else "", declared.notes
        if image.holds(declared.range):
            return declared.range, declared.source, declared.notes
        note = f"{self.path}: its metadata says {declared.range}, which its {image.dtype} cannot hold"
        return own, "its integer input", (*declared.notes, f"{note}; {own} is taken")


class ImageTensor(NamedTuple):
    """A model's input for one image."""

    shape: tuple[int, ...]
    """Its shape without the batch."""
    dtype: np.dtype[Any]
    """Type of its elements."""
    scale: float = 0.0
    """Its scale; 0 if it is not quantised."""
    zero_point: int = 0
    """Its zero point."""

    @property
    def layout(self) -> Layout:
        """Order of its dimensions: an axis of 1 or 3 holds channels, as no image has so few rows."""
        match len(self.shape):
            case 1:
                return "flat"
            case 2:
                return "HW"
        first = self.shape[0] in (1, _COLOURS) and self.shape[-1] not in (1, _COLOURS)
        return "CHW" if first else "HWC"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of an image for this input; colour channels come last."""
        if self.layout == "CHW" and self.shape[0] == _COLOURS:
            return (*self.shape[1:], _COLOURS)
        return self.shape

    @property
    def own_range(self) -> str | None:
        """Range of an integer input whose numbers are the pixels; None for floats."""
        return range_of_integers(self.dtype, self.scale, self.zero_point)

    def holds(self, range: str) -> bool:
        """Return whether it can hold the numbers of a range and distinguish many of them."""
        if self.dtype.kind not in "iu":
            return True
        values = np.rint(parse_range(range).values / (self.scale or 1.0) + self.zero_point)
        limits = np.iinfo(self.dtype)
        clipped = (values < limits.min - 1) | (values > limits.max + 1)
        return bool(clipped.sum(axis=1).max() <= _MOST_CLIPPED and len(np.unique(values)) >= _FEWEST)

    def require_fit(self, range: str, path: Path) -> None:
        """Check that a range fits this input.

        Raises:
            UnfitRangeError: It does not.
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


def options_of(info: ModelInfo) -> SessionOptions:
    """Return the options that open a model again in the same way."""
    return SessionOptions(
        path=info.path,
        threads=info.threads,
        labels=None if info.order else info.labels,
        input_range=info.contract.range,
        output=info.output or None,
        order=info.labels if info.order else None,
        known_head=info.head,
    )
