"""A model file is read as if a stranger had sent it: checked before an engine sees it."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_runtime.artifact.container import format_suffix, is_intact, read_carried
from fmnist_runtime.errors import ModelError
from fmnist_runtime.safety import AdvisedError

if TYPE_CHECKING:
    from fmnist_runtime.safety.onnx.graph import External

_STRUCTURES = {
    ".tflite": ("a TFLite", "fmnist_runtime.safety.tflite.checks"),
    ".onnx": ("an ONNX", "fmnist_runtime.safety.onnx.checks"),
}
"""By a file's suffix what it should be, and the module whose ``check`` raises ValueError when it is not. An
npz model is read by code of ours alone, which trusts nothing."""


def require_sound(path: Path) -> Any:
    """Check a model file before an engine sees it: its structure, its sizes, and the seal of one of ours.

    Returns:
        How it may be run, for the session of its format: the ``Running`` of `safety.tflite.running` or of
        `safety.onnx.running`; None for an npz model.

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
            running = check(content)
            _require_weights(path, getattr(running, "external", ()))
            return running
        except AdvisedError as error:
            raise ModelError(f"{path}: {error}") from error
        except ValueError as error:
            from fmnist_runtime.artifact.mistaken import mistaken

            what = mistaken(path) or (
                f"not {kind} classifier that can be run safely ({error}); "
                "copy it again, or convert it without that"
            )
            raise ModelError(f"{path}: {what}") from error


def _require_weights(model: Path, weights: Sequence[External]) -> None:
    """Check that the files beside a model hold all of its weights, and are no links to others."""
    sizes: dict[str, int] = {}
    for weight in weights:
        sizes[weight.file] = max(sizes.get(weight.file, 0), weight.offset + weight.length)
    for name, size in sizes.items():
        path = model.parent / name
        if path.is_symlink() or not path.is_file():
            what = "is a link; copy the file itself" if path.is_symlink() else "is not there; copy it, too,"
            raise AdvisedError(f"its weights are in {name}, which {what} beside it")
        if path.stat().st_size < size:
            raise AdvisedError(
                f"its weights are in {name}, which ends at byte {path.stat().st_size:,} of {size:,}; "
                "copy it again"
            )
