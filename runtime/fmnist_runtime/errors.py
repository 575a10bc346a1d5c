"""Everything this project raises on purpose.

FmnistError                 one line for the user: what, which file, and what mends it
├── DatasetError            a data set is missing, damaged or does not fit together
│   └── IdxError            one IDX file is not what its header says
├── ModelError              a model file is missing, damaged or cannot be used
│   ├── ShapeError          images do not have the shape that the model takes
│   ├── NonFiniteScoresError  a model answered with NaN or infinity
│   └── UnsupportedError    a format cannot hold a model, or an engine not run it; others may
├── SessionBusyError        two threads use one session at once
├── ImageError              an image file cannot be read
├── ResultError             a result file is missing, damaged or belongs to other inputs
├── OutputError             a file cannot be written, or would overwrite one that is not ours
├── RejectedError           an artifact failed its gate when it was made
├── DeviceError             a device cannot be reached, or cannot take what is sent to it
├── TrainingStoppedError    a training ended early; says what is saved and how to go on
└── MissingExtraError       a package is not installed, or does not run here; says what to install
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MAX_LENGTH = 1000
"""Libraries put whole graphs into their messages; what a person reads is the start."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


class FmnistError(Exception):
    """Base of every error that the user, not a developer, can mend. Its text is one line."""

    def __str__(self) -> str:
        # One line, and nothing that moves a terminal's cursor: file names and labels may be a stranger's.
        plain = _COLOUR.sub("", super().__str__())
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())
        return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]} … (--debug shows all)"


class DatasetError(FmnistError):
    """A data set is missing, damaged or does not fit together."""


class IdxError(DatasetError):
    """An IDX file is not what its header says."""


class ModelError(FmnistError):
    """A model file is missing, damaged or cannot be used."""


class ShapeError(ModelError):
    """Images do not have the shape that the model takes."""


class NonFiniteScoresError(ModelError):
    """A model answered with NaN or infinity."""


class UnsupportedError(ModelError):
    """A format cannot hold a model, or an engine not run it, by its nature; others may."""


class SessionBusyError(FmnistError):
    """A session was called while another thread's call had not returned."""


class ImageError(FmnistError):
    """An image file cannot be read."""


class ResultError(FmnistError):
    """A result file is missing, damaged or belongs to other inputs."""


class OutputError(FmnistError):
    """A file cannot be written, or would overwrite one that is not ours."""


class RejectedError(FmnistError):
    """An artifact failed its gate, when it was made or on a device; the text says what became of it."""


class DeviceError(FmnistError):
    """A device cannot be reached, or cannot take what is sent to it."""


class TrainingStoppedError(FmnistError):
    """A training ended early; the text says what is saved and how to go on."""


class MissingExtraError(FmnistError):
    """A package is not installed, or does not run here; the text says what to install."""


_EXTRA_PACKAGES = {
    "tflite": {"ai_edge_litert", "tflite_runtime"},
    "onnx": {"onnxruntime"},
    "images": {"PIL"},
    "report": {"jinja2", "markupsafe", "PIL"},
    "train": {"tensorflow", "keras", "tf2onnx", "onnx", "pooch"},
}


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Turn the failed import of one of an extra's packages into one line with the install command.

    Args:
        extra: Name of the extra, as in ``pip install 'fmnist[extra]'``.
        purpose: What the package is needed for; the subject of the message.

    Raises:
        MissingExtraError: The block could not import a package of that extra, or what that itself needs.
    """
    try:
        yield
    except ImportError as error:
        # Of a part in C that does not load, only the path says which package it is of.
        named = {(error.name or "").partition(".")[0], *Path(error.path or "").parts}
        packages = named & _EXTRA_PACKAGES[extra]
        if not packages:
            raise  # a module of our own that is missing is a bug, and keeps its traceback
        package = packages.pop()
        if not isinstance(error, ModuleNotFoundError):  # such as for a library of the system
            raise MissingExtraError(
                f"{purpose} needs {package}, which is installed but cannot be loaded ({error})"
            ) from error
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed: pip install 'fmnist[{extra}]'"
        ) from error
