"""All errors that this project raises on purpose.

Each is a `FmnistError`: one line for the user that says what is wrong, with which file, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "DatasetError",
    "DeviceError",
    "FmnistError",
    "IdxError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "NonFiniteScoresError",
    "OutputError",
    "RejectedError",
    "ResultError",
    "SessionBusyError",
    "ShapeError",
    "TrainingStoppedError",
    "UnfitRangeError",
    "UnknownInputError",
    "UnsupportedError",
]

_MAX_LENGTH = 1000
"""Longer messages are cut, as libraries put whole graphs into theirs."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


class FmnistError(Exception):
    """Base of all errors that a user can fix. Its text is one line."""

    def __str__(self) -> str:
        # One line without control characters, as file names and labels may be a stranger's.
        plain = _COLOUR.sub("", super().__str__())
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())
        return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]} … (--debug shows all)"


class DatasetError(FmnistError):
    """A data set is missing, damaged or inconsistent."""


class IdxError(DatasetError):
    """An IDX file does not match its header."""


class ModelError(FmnistError):
    """A model file is missing, damaged or cannot be used."""


class ShapeError(ModelError):
    """Images do not have the model's shape."""


class UnknownInputError(ModelError):
    """Nothing says which numbers a model takes for pixels, so its scores would be meaningless."""


class UnfitRangeError(ModelError):
    """A model's input cannot hold the numbers of a range, or has no channels for it."""


class NonFiniteScoresError(ModelError):
    """A model's scores are NaN or infinite."""


class UnsupportedError(ModelError):
    """A format cannot hold a model, or an engine cannot run it; others may."""


class SessionBusyError(FmnistError):
    """A session was called during another thread's call."""


class ImageError(FmnistError):
    """An image file cannot be read."""


class ResultError(FmnistError):
    """A result file is missing, damaged or belongs to other inputs."""


class OutputError(FmnistError):
    """A file cannot be written, or is not ours to replace."""


class RejectedError(FmnistError):
    """An artifact failed its gate in an export or on a device; the text says what happened to it."""


class DeviceError(FmnistError):
    """A device cannot be reached, or cannot accept what is sent."""


class TrainingStoppedError(FmnistError):
    """A training ended early; the text says what is saved and how to continue."""


class MissingExtraError(FmnistError):
    """A package is not installed, or does not run here; the text says what to install."""


_EXTRA_PACKAGES = {
    "tflite": {"ai_edge_litert", "tflite_runtime"},
    "onnx": {"onnxruntime"},
    "native": {"ziglang"},
    "tflm": {"tflite_micro"},
    "images": {"PIL"},
    "parquet": {"pyarrow"},
    "report": {"jinja2", "markupsafe", "PIL"},
    "train": {"tensorflow", "keras", "tf2onnx", "onnx", "pooch"},
}


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Turn a failed import of an extra's package into one line with the install command.

    Args:
        extra: Name of the extra, as in ``pip install 'fmnist[extra]'``.
        purpose: What the package is needed for; the subject of the message.

    Raises:
        MissingExtraError: The block could not import a package of that extra, or a dependency of it.
    """
    try:
        yield
    except ImportError as error:
        # If a C extension does not load, only its path names the package.
        named = {(error.name or "").partition(".")[0], *Path(error.path or "").parts}
        packages = named & _EXTRA_PACKAGES[extra]
        if not packages:
            raise  # a missing module of our own is a bug, which keeps its traceback
        package = packages.pop()
        if not isinstance(error, ModuleNotFoundError):  # such as a missing system library
            raise MissingExtraError(
                f"{purpose} needs {package}, which is installed but cannot be loaded ({error})"
            ) from error
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed: pip install 'fmnist[{extra}]'"
        ) from error
