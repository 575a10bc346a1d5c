"""What an export made of a scheme's promise: whether anything is quantised, and the file smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fmnist_exporters.recipes import RECIPES, Recipe
from fmnist_runtime.artifact.stored import StoredTypes, read_stored_types
from fmnist_runtime.errors import UnsupportedError

_DYNAMIC_ELEMENTS = 1024
"""Weights of fewer elements TFLite's converter leaves in float32 in the dynamic scheme
(``minimum_elements_for_weights``, tensorflow/compiler/mlir/lite/quantization)."""
_FLOAT32_BYTES = 4


def require_quantised(draft: Path, recipe: Recipe, path: Path) -> dict[str, Any]:
    """Check that a scheme changed something, and tell what the file holds, for its metadata.

    Args:
        draft: The file as it was converted.
        recipe: What was asked for.
        path: Where it will go, for the message.

    Returns:
        Fields of `fmnist_runtime.artifact.stored.StoredTypes`; empty where it does not read the format.

    Raises:
        UnsupportedError: The scheme is none of floats, and the file is float32 throughout.
    """
    types = read_stored_types(draft)
    if types is None:
        return {}
    if recipe.scheme != "float32" and types.is_float32:
        raise UnsupportedError(f"{path}: nothing of it can be quantised as {_reason(recipe, types)}")
    return asdict(types)


def _reason(recipe: Recipe, types: StoredTypes) -> str:
    if recipe.scheme == "dynamic" and types.largest < _DYNAMIC_ELEMENTS:
        return f"dynamic: all layers have fewer than {_DYNAMIC_ELEMENTS:,} weights; use float32 or int8"
    return (
        f"{recipe.scheme}: {recipe.format} has integers for none of its layers but the last, which stays in "
        "float; use float32"
    )


def contents_of(path: Path, recipe: Recipe) -> str:
    """What an artifact holds, in a few words; what its recipe says where the format is not read."""
    types = read_stored_types(path)
    return types.summary if types else recipe.description


def size_notes(artifacts: Mapping[Path, Recipe]) -> list[str]:
    """A line for each artifact that is larger than float32 in the same format.

    It is compared with the float32 file of this export, else with the one beside it, else with what its
    weights would take in float32.

    Args:
        artifacts: The files that an export wrote or kept, with their recipes.
    """
    notes = []
    for path, recipe in artifacts.items():
        if recipe.scheme == "float32":
            continue
        size, float32 = path.stat().st_size, _float32_file(path, recipe, artifacts)
        if float32 is not None and size > float32.stat().st_size:
            notes.append(
                f"{path}: is larger than {float32.name}, {size:,} bytes to {float32.stat().st_size:,}: "
                f"{contents_of(path, recipe)}"
            )
        elif float32 is None and (least := _bytes_as_float32(path)) is not None and size > least:
            notes.append(
                f"{path}: is larger than its weights in float32, {size:,} bytes to {least:,}: "
                f"{contents_of(path, recipe)}"
            )
    return notes


def _float32_file(path: Path, recipe: Recipe, artifacts: Mapping[Path, Recipe]) -> Path | None:
    """The float32 artifact of the same format, made in the same export or lying beside."""
    for other, made in artifacts.items():
        if (made.format, made.scheme) == (recipe.format, "float32"):
            return other
    [float32] = [item for item in RECIPES if (item.format, item.scheme) == (recipe.format, "float32")]
    suffix = f"-{recipe.scheme}.{recipe.format}"
    if not path.name.endswith(suffix):
        return None
    beside = float32.artifact_path(path.name.removesuffix(suffix), path.parent)
    return beside if beside.is_file() else None


def _bytes_as_float32(path: Path) -> int | None:
    """Bytes of a file whose weights would be float32 and all else as it is."""
    types = read_stored_types(path)
    if types is None:
        return None
    stored = sum(entry.size_bytes for entry in types.weights)
    weights = sum(entry.weights for entry in types.weights)
    return path.stat().st_size - stored + _FLOAT32_BYTES * weights
