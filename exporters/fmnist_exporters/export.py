"""From an original to its artifacts: convert, describe, write; keep what is already there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.metadata import add_onnx_metadata, add_tflite_metadata, read_onnx_metadata, versions
from fmnist_exporters.recipes import FORMATS, RECIPES, Recipe
from fmnist_runtime.artifact import Metadata, read_tflite_metadata
from fmnist_runtime.datasets import Dataset
from fmnist_runtime.errors import FmnistError, OutputError
from fmnist_runtime.files import sha256_file, write_atomically

if TYPE_CHECKING:
    from fmnist_exporters.original import KerasSession

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = "fmnist.manifest/1"
CALIBRATION_IMAGES = 500
CALIBRATION_SEED = 0


@dataclass(frozen=True)
class Source:
    """The original, and what its artifacts say of it."""

    path: Path
    """The ``.keras`` file."""
    dataset: str
    """Name of the data set it was trained on."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    load_training: Callable[[], Dataset]
    """Reads the training split; called only when something is to be calibrated."""


@dataclass(frozen=True)
class Artifact:
    """An exported file."""

    path: Path
    """The file."""
    recipe: Recipe
    """How it was made."""
    size_bytes: int
    """Size of the file."""
    kept: bool
    """True when it was there already, made from the same inputs."""


def export(source: Source, targets: Mapping[Recipe, Path], force: bool = False) -> Iterator[Artifact]:
    """Export an original by several recipes, yielding each artifact when its file is complete.

    A file that is there already is kept when it was made from the same inputs, and replaced when it
    was made by us from others.

    Args:
        source: The original.
        targets: Where the artifact of each recipe goes.
        force: Replace files that are not ours, too.

    Raises:
        OutputError: A file is in the way or cannot be written; found before anything is converted.
        ModelError: The original cannot be loaded or converted.
    """
    calibration = _select_calibration(source.load_training()) if any(r.calibrated for r in targets) else None
    described = {recipe: _describe(source, recipe, calibration) for recipe in targets}
    current = {recipe: _is_current(path, described[recipe], force) for recipe, path in targets.items()}
    load_original = cache(lambda: _load_original(source))
    for recipe, path in targets.items():
        if not current[recipe]:
            original = load_original()
            metadata = dataclasses.replace(described[recipe], input_shape=original.info.input_shape)
            images = calibration if recipe.calibrated else None
            write_atomically(path, _convert(original.model, recipe, images, metadata))
        yield Artifact(path, recipe, path.stat().st_size, kept=current[recipe])


def read_metadata(path: Path) -> Metadata | None:
    """What an artifact says of itself; None when it says nothing that we understand."""
    try:
        return read_tflite_metadata(path) if path.suffix == ".tflite" else read_onnx_metadata(path)
    except FmnistError:
        return None


def write_manifest(folder: Path, source: Path) -> None:
    """List the artifacts of one original in a folder, in the recipes' order, in ``manifest.json``."""
    digest = sha256_file(source)
    order = [(recipe.format, recipe.scheme) for recipe in RECIPES]
    artifacts = []
    for path in sorted(path for format in FORMATS for path in folder.glob(f"*.{format}")):
        metadata = read_metadata(path)
        if metadata and metadata.source_sha256 == digest:
            artifacts.append((order.index((metadata.format, metadata.scheme)), path, metadata))
    entries = [
        {
            "file": path.name,
            "format": metadata.format,
            "scheme": metadata.scheme,
            "size_bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for _, path, metadata in sorted(artifacts, key=lambda artifact: artifact[:2])
    ]
    manifest = {"schema": MANIFEST_SCHEMA, "source_sha256": digest, "artifacts": entries}
    content = (json.dumps(manifest, indent=1) + "\n").encode()
    path = folder / MANIFEST
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)


def _select_calibration(training: Dataset) -> NDArray[np.uint8]:
    """Training images to calibrate on, the same for the same data set."""
    shuffled = np.random.default_rng(CALIBRATION_SEED).permutation(len(training.images))
    return training.images[np.sort(shuffled[:CALIBRATION_IMAGES])]


def _describe(source: Source, recipe: Recipe, calibration: NDArray[np.uint8] | None) -> Metadata:
    """Metadata of an artifact that is to be, but for the input shape, which only the model knows."""
    calibrated: dict[str, Any] = {}
    if recipe.calibrated and calibration is not None:
        calibrated = {
            "split": "train",
            "images": len(calibration),
            "seed": CALIBRATION_SEED,
            "sha256": hashlib.sha256(calibration.tobytes()).hexdigest(),
        }
    return Metadata(
        format=recipe.format,
        scheme=recipe.scheme,
        labels=source.labels,
        input_shape=(),
        dataset=source.dataset,
        source_sha256=sha256_file(source.path),
        calibration=calibrated,
        versions=versions(),
    )


def _is_current(path: Path, wanted: Metadata, force: bool) -> bool:
    """Whether a file is there and made from the same inputs.

    Raises:
        OutputError: A file is there that is not ours.
    """
    if not path.exists():
        return False
    found = read_metadata(path) if path.is_file() else None
    if found is None and not force:
        raise OutputError(
            f"{path}: exists and was not made by fmnist; --force replaces it, --out goes elsewhere"
        )
    return found is not None and dataclasses.replace(found, input_shape=()) == wanted


def _load_original(source: Source) -> KerasSession:
    from fmnist_exporters.original import KerasSession  # loads TensorFlow

    return KerasSession(source.path, source.labels)


def _convert(model: Any, recipe: Recipe, calibration: NDArray[np.uint8] | None, metadata: Metadata) -> bytes:
    if recipe.format == "tflite":
        from fmnist_exporters import tflite  # loads TensorFlow

        return add_tflite_metadata(tflite.convert(model, recipe.scheme, calibration), metadata)
    from fmnist_exporters import onnx  # loads TensorFlow

    return add_onnx_metadata(onnx.convert(model), metadata)
