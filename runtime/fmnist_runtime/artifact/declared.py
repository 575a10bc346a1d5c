"""What somebody else's model file says of itself: class names, and what it takes for pixels."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from fmnist_runtime.artifact.container import format_suffix

_READERS = {
    ".tflite": "fmnist_runtime.artifact.declared_tflite",
    ".onnx": "fmnist_runtime.artifact.declared_onnx",
}
"""By a file's suffix the module whose ``read_declared(path)`` reads what it says."""


class Declared(NamedTuple):
    """What a model file says of itself; what it does not say, or not in a way that is understood, is None."""

    range: str | None
    """What pixels become; see `fmnist_runtime.artifact.contract`."""
    labels: tuple[str, ...] | None
    """Class names, by class index."""
    source: str
    """Where it says so, such as ``its TFLite metadata``."""
    notes: tuple[str, ...] = ()
    """What a person should know of that, a line each."""


NOTHING = Declared(None, None, "")


def read_declared(path: Path) -> Declared:
    """Read what a file says of itself. What is damaged is a note, as the model runs without it.

    Args:
        path: A model file whose structure is sound.
    """
    module = _READERS.get(format_suffix(path))
    if module is None:
        return NOTHING
    declared: Declared = import_module(module).read_declared(path)
    return declared
