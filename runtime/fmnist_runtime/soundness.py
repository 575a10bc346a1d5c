"""A model file is read as if a stranger had sent it: checked before an engine sees it."""

from __future__ import annotations

import mmap
from importlib import import_module
from pathlib import Path
from typing import Any

from fmnist_runtime.carriers import format_suffix, is_intact, read_carried
from fmnist_runtime.errors import ModelError
from fmnist_runtime.structure import AdvisedError

_STRUCTURES = {
    ".tflite": ("a TFLite", "fmnist_runtime.structure.tflite.checks"),
    ".onnx": ("an ONNX", "fmnist_runtime.structure.onnx.checks"),
}
"""By a file's suffix what it should be, and the module whose ``check`` raises ValueError when it is not. An
npz model is read by code of ours alone, which trusts nothing."""


def require_sound(path: Path) -> Any:
    """Check a model file before an engine sees it: its structure, its sizes, and the seal of one of ours.

    Returns:
        How it may be run, for the session of its format: the ``Running`` of `structure.tflite.running` or of
        `structure.onnx.running`; None for an npz model.

    Raises:
        ModelError: It is damaged, or more than an image classifier should be.
    """
    if read_carried(path) and not is_intact(path):
        raise ModelError(
            f"{path}: its bytes are not those it was sealed with; copy it again, or export the model again"
        )
    if format_suffix(path) not in _STRUCTURES:
        return None
    kind, module = _STRUCTURES[format_suffix(path)]
    check = import_module(module).check
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return check(content)
        except AdvisedError as error:
            raise ModelError(f"{path}: {error}") from error
        except ValueError as error:
            from fmnist_runtime.mistaken import mistaken

            what = mistaken(path) or (
                f"not {kind} classifier that can be run safely ({error}); "
                "copy it again, or convert it without that"
            )
            raise ModelError(f"{path}: {what}") from error
