"""Reading a model file without trusting it: it is read and checked once, before an engine sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_runtime.artifact.container import find_container, format_suffix, read_content, sealed_sha256
from fmnist_runtime.artifact.declared import NOTHING, Declared, read_declared
from fmnist_runtime.artifact.metadata import Metadata, parse_metadata
from fmnist_runtime.errors import ModelError
from fmnist_runtime.files import open_file
from fmnist_runtime.safety import AdvisedError
from fmnist_runtime.safety.protobuf import Content

if TYPE_CHECKING:
    from fmnist_runtime.safety.onnx.graph import External

_CHECKS = {
    ".tflite": ("a TFLite", "fmnist_runtime.safety.tflite.checks"),
    ".onnx": ("an ONNX", "fmnist_runtime.safety.onnx.checks"),
}
"""By suffix: the format's name, and the module whose ``check`` raises ValueError for another file. An npz
model needs none, as only our own code reads it, which trusts nothing."""


@dataclass(frozen=True)
class CheckedFile:
    """A model file that has been checked, with all that was read of it."""

    path: Path
    """The file."""
    content: Content
    """Its bytes. An ONNX file, which may be large, is mapped."""
    model_bytes: int
    """Length of the model itself, which the file begins with."""
    metadata: Metadata | None
    """Metadata of an artifact of ours; None for other files."""
    declared: Declared
    """What somebody else's file declares."""
    summary: Any
    """For the session of its format: the ``TfliteSummary`` of `safety.tflite.cost` or the ``OnnxSummary`` of
    `safety.onnx.checks`; None for an npz model."""
    sha256: str
    """SHA-256 of an artifact of ours, which was hashed to check its seal; empty for other files."""


def check_file(path: Path) -> CheckedFile:
    """Read a model file, and check its seal, its structure and its sizes.

    Raises:
        ModelError: The file is missing, damaged, or larger than an image classifier should be.
    """
    with open_file(path, "a model file", ModelError) as file:
        content = read_content(path, file)
    container = find_container(path, content)
    sha256 = sealed_sha256(content) if container else ""
    if container and not sha256:
        raise ModelError(
            f"{path}: its bytes are not those it was sealed with; copy it again, or export the model again"
        )
    summary = _check_structure(path, content)
    metadata = parse_metadata(container.text, path) if container else None
    declared = read_declared(path, content) if metadata is None else NOTHING
    model_bytes = container.model_bytes if container else len(content)
    return CheckedFile(path, content, model_bytes, metadata, declared, summary, sha256)


def _check_structure(path: Path, content: Content) -> Any:
    if format_suffix(path) not in _CHECKS:
        return None
    kind, module = _CHECKS[format_suffix(path)]
    try:
        summary = import_module(module).check(content)
        _require_weights(path, getattr(summary, "external", ()))
        return summary
    except AdvisedError as error:
        raise ModelError(f"{path}: {error}") from error
    except ValueError as error:
        from fmnist_runtime.artifact.wrong_file import explain_wrong_file

        what = explain_wrong_file(path) or (
            f"not {kind} classifier that can be run safely ({error}); "
            "copy it again, or convert it without that"
        )
        raise ModelError(f"{path}: {what}") from error


def _require_weights(model: Path, weights: Sequence[External]) -> None:
    """Check that the files beside a model hold all of its weights and are no links."""
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
