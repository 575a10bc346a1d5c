"""From an original to its artifacts: convert, describe, write; keep what is already there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.metadata import EMBED, READ, versions
from fmnist_exporters.recipes import FORMATS, RECIPES, Recipe
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.datasets import Dataset
from fmnist_runtime.errors import FmnistError, ModelError, OutputError
from fmnist_runtime.files import require_writable, sha256_file, write_atomically

if TYPE_CHECKING:
    from fmnist_exporters.original import KerasSession

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = "fmnist.manifest/1"
CALIBRATION_IMAGES = 500
"""Measured on the default model: from 100 to 5,000 images, int8 agrees on 99.78 to 99.85 % of the test
images without a trend; int8-full falls from 98.8 to 98.2 %, as rare large activations stretch the range."""
CALIBRATION_SEED = 0


@dataclass(frozen=True)
class Source:
    """The original, and what its artifacts say of it."""

    path: Path
    """The ``.keras`` file."""
    dataset: str
    """Name of the data set it was trained on; empty when it is not known."""
    dataset_digest: str
    """Digest of that data set's test split; empty when it is not known."""
    labels: tuple[str, ...] | None
    """Class names, by class index; None for numbers."""
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


class Exporter:
    """Exports one original. It and the calibration images are read once, and only if needed."""

    def __init__(self, source: Source, force: bool = False) -> None:
        """Export this source.

        Args:
            source: The original.
            force: Replace files that are not ours.
        """
        self._source, self._force = source, force

    def require_free(self, path: Path) -> None:
        """Check, before anything is converted, that an artifact may be written to a path.

        Raises:
            OutputError: Something is there that we did not make, or the folder cannot be written.
        """
        require_writable(path)
        if path.exists() and not self._force and not is_ours(path):
            raise OutputError(
                f"{path}: exists and was not made by fmnist; --force replaces it, --out goes elsewhere"
            )

    def export(self, recipe: Recipe, path: Path) -> Artifact:
        """Make one artifact, or keep the one that is there and was made from the same inputs.

        Raises:
            OutputError: The file is in the way or cannot be written.
            ModelError: The original cannot be loaded or converted.
            DatasetError: There are no training images to calibrate on.
        """
        self.require_free(path)
        metadata = self._describe(recipe)
        kept = not self._force and path.exists() and read_metadata(path) == metadata and _is_intact(path)
        if not kept:
            images = self._calibration if recipe.calibrated else None
            write_atomically(path, self._convert(recipe, images, metadata))
        return Artifact(path, recipe, path.stat().st_size, kept)

    @cached_property
    def _original(self) -> KerasSession:
        from fmnist_exporters.original import KerasSession  # loads TensorFlow

        return KerasSession(self._source.path, self._source.labels)

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return self._source.labels or self._original.info.labels

    @cached_property
    def _digest(self) -> str:
        return sha256_file(self._source.path)

    @cached_property
    def _calibration(self) -> NDArray[np.uint8]:
        """Training images to calibrate on, the same for the same data set, in the model's shape."""
        training = self._original.fit(self._source.load_training().images)
        shuffled = np.random.default_rng(CALIBRATION_SEED).permutation(len(training))
        return training[np.sort(shuffled[:CALIBRATION_IMAGES])]

    def _describe(self, recipe: Recipe) -> Metadata:
        calibration: dict[str, Any] = {}
        if recipe.calibrated:
            calibration = {
                "split": "train",
                "images": len(self._calibration),
                "seed": CALIBRATION_SEED,
                "sha256": hashlib.sha256(self._calibration.tobytes()).hexdigest(),
            }
        return Metadata(
            format=recipe.format,
            scheme=recipe.scheme,
            labels=self._labels,
            dataset=self._source.dataset,
            dataset_digest=self._source.dataset_digest,
            source_sha256=self._digest,
            calibration=calibration,
            versions=versions(),
        )

    def _convert(self, recipe: Recipe, images: NDArray[np.uint8] | None, metadata: Metadata) -> bytes:
        from fmnist_exporters.convert import CONVERT  # loads TensorFlow

        classifier = self._original.classifier
        try:
            content = CONVERT[recipe.format](classifier, recipe.scheme, images)
        except FmnistError as error:
            raise ModelError(f"{self._source.path}: {error}") from error
        except Exception as error:  # what the converters raise has no common base but this
            raise ModelError(
                f"{self._source.path}: cannot be converted to {recipe.format} {recipe.scheme} "
                f"({type(error).__name__}: {error})"
            ) from error
        return EMBED[recipe.format](content, metadata)


def read_metadata(path: Path) -> Metadata | None:
    """What an artifact says of itself; None when it says nothing that we understand."""
    try:
        return READ[path.suffix.lstrip(".")](path)
    except FmnistError:
        return None


def _is_intact(path: Path) -> bool:
    """Whether an artifact has the digest that the manifest beside it records, if it records one."""
    manifest = path.parent / MANIFEST
    if not manifest.is_file():
        return True
    try:
        entries = json.loads(manifest.read_bytes())["artifacts"]
        recorded = {entry["file"]: entry["sha256"] for entry in entries}
    except (ValueError, KeyError, TypeError):
        return False
    return recorded.get(path.name) in (None, sha256_file(path))


def is_ours(path: Path) -> bool:
    """Whether a file carries our metadata, be it of another version or damaged."""
    try:
        return path.is_file() and READ[path.suffix.lstrip(".")](path) is not None
    except FmnistError:
        return True


def require_manifest_free(folder: Path) -> None:
    """Check that a manifest may be written into a folder.

    Raises:
        OutputError: There is a ``manifest.json`` of somebody else's.
    """
    path = folder / MANIFEST
    if path.exists() and MANIFEST_SCHEMA.encode() not in path.read_bytes():
        raise OutputError(f"{path}: exists and was not made by fmnist; choose another --out")


def write_manifest(folder: Path, source: Path) -> None:
    """List the artifacts of one original in a folder, in the recipes' order, in ``manifest.json``."""
    digest = sha256_file(source)
    order = [(recipe.format, recipe.scheme) for recipe in RECIPES]
    artifacts = []
    for path in sorted(path for format in FORMATS for path in folder.glob(f"*.{format}")):
        metadata = read_metadata(path) if path.is_file() else None
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
