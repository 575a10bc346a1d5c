"""From an original to its artifacts: convert, run, compare, and only then name; keep what is current."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.input_range import INPUT_RANGES, InputRange, Trial, probe, require_better
from fmnist_exporters.manifest import is_ours, rejected_path
from fmnist_exporters.metadata import versions
from fmnist_exporters.proving import Exam, prove
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import SEED, Samples, choose_samples, subset
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.carriers import is_intact, read_metadata
from fmnist_runtime.datasets import Dataset
from fmnist_runtime.errors import DatasetError, FmnistError, ModelError, OutputError
from fmnist_runtime.files import require_writable, sha256_file

if TYPE_CHECKING:
    from fmnist_exporters.original import KerasSession


@dataclass(frozen=True)
class Source:
    """The original, and what its artifacts say of it."""

    path: Path
    """The ``.keras``, ``.h5`` or ``.hdf5`` file."""
    input_range: InputRange
    """Pixels it takes itself: ``0-255`` or ``0-1``."""
    dataset: str
    """Name of the data set it was trained on; empty when it is not known."""
    dataset_digest: str
    """Digest of that data set's test split; empty when it is not known."""
    labels: tuple[str, ...] | None
    """Class names, by class index; None for numbers."""
    load_training: Callable[[], Dataset]
    """Reads the training split; called only when something is to be converted or calibrated."""


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
    agreement: float
    """Share of held-out training images that it gives the same class as the original."""


class Exporter:
    """Exports one original. It and the training images are read once, and only if needed."""

    def __init__(self, source: Source, force: bool = False) -> None:
        """Export this source.

        Args:
            source: The original.
            force: Replace files that are not ours, and make anew what is current.
        """
        self._source, self._force = source, force

    def require_free(self, path: Path) -> None:
        """Check, before anything is converted, that an artifact may be written to a path.

        Raises:
            OutputError: Something is there that we did not make, or the folder cannot be written.
        """
        require_writable(path)
        for place in (path, rejected_path(path)):
            if place.is_dir():
                raise OutputError(f"{place}: is a directory, an artifact is a file; --out goes elsewhere")
            if place.exists() and not self._force and not is_ours(place):
                raise OutputError(
                    f"{place}: exists and was not made by fmnist; --force replaces it, --out goes elsewhere"
                )

    def export(self, recipe: Recipe, path: Path) -> Artifact:
        """Make one artifact, or keep the one that is there and was made from the same inputs.

        Raises:
            OutputError: The file is in the way or cannot be written.
            ModelError: The original cannot be loaded or converted, or takes other pixels than declared.
            DatasetError: There are no training images.
            RejectedError: What came out does not answer like the original.
        """
        self.require_free(path)
        metadata = self._describe(recipe)
        current = None if self._force else _current(path, metadata)
        kept = current is not None
        if current is None:
            exam = self._exam  # first, as it tells whether the original takes the declared pixels
            current = prove(self._convert(recipe), metadata, recipe, path, exam)
        return Artifact(path, recipe, path.stat().st_size, kept, float(current.proof["agreement"]))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the original is taken; nothing before it is read."""
        return self._original.info.notes if "_original" in vars(self) else ()

    @cached_property
    def _original(self) -> KerasSession:
        from fmnist_exporters.original import KerasSession  # loads TensorFlow

        source = self._source
        session = KerasSession(source.path, source.labels, input_range=source.input_range)
        classes = len(session.info.labels)
        if source.labels and len(source.labels) != classes:  # which a session makes fit, an artifact keeps
            raise ModelError(
                f"{source.path}: has {classes:,} classes, but there are {len(source.labels):,} labels; each "
                "class needs one"
            )
        return session

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return self._source.labels or self._original.info.labels

    @cached_property
    def _digest(self) -> str:
        return sha256_file(self._source.path)

    @cached_property
    def _training(self) -> Dataset:
        return self._source.load_training()

    @cached_property
    def _samples(self) -> Samples:
        return choose_samples(self._training)

    @cached_property
    def _calibration(self) -> NDArray[np.uint8]:
        """The images that activations are calibrated on, in the model's shape."""
        return self._original.fit(subset(self._training, self._samples.calibration).images)

    @cached_property
    def _exam(self) -> Exam:
        """The held-out images and the original's answers, once its input range is sure."""
        from fmnist_exporters.precision import rounding  # loads TensorFlow

        held_out = subset(self._training, self._samples.held_out)
        classes = len(self._original.info.labels)
        if int(held_out.targets.max()) >= classes:
            raise DatasetError(f"{self._source.path}: has {classes} classes, but {held_out.name} has more")
        images = self._original.fit(held_out.images)
        scores = self._original.scores(images)
        probed = probe(len(images))
        self._require_range(images[probed], scores[probed], held_out.targets[probed])
        return Exam(images, held_out.targets, scores, rounding(self._original.classifier, images))

    def _require_range(
        self, images: NDArray[np.uint8], scores: NDArray[np.float32], targets: NDArray[np.uint8]
    ) -> None:
        declared = self._source.input_range
        [other] = set(INPUT_RANGES) - {declared}
        classifier = replace(self._original.classifier, scale=INPUT_RANGES[other])
        others = Trial(other, classifier.scores(images))
        require_better(Trial(declared, scores), others, targets, self._source.path)

    def _describe(self, recipe: Recipe) -> Metadata:
        calibration: dict[str, Any] = {}
        if recipe.calibrated:
            numbers = self._samples.calibration
            images = np.ascontiguousarray(self._training.images[numbers])
            calibration = {
                "split": "train",
                "images": len(numbers),
                "seed": SEED,
                "sha256": hashlib.sha256(images.tobytes()).hexdigest(),
                "indices": numbers.tolist(),
            }
        return Metadata(
            format=recipe.format,
            scheme=recipe.scheme,
            labels=self._labels,
            dataset=self._source.dataset,
            dataset_digest=self._source.dataset_digest,
            source_sha256=self._digest,
            source_range=self._source.input_range,
            calibration=calibration,
            gate=asdict(recipe.gate),
            versions=versions(),
        )

    def _convert(self, recipe: Recipe) -> bytes:
        from fmnist_exporters.convert import converter  # loads TensorFlow

        images = self._calibration if recipe.calibrated else None
        try:
            return converter(recipe.format).convert(self._original.classifier, recipe.scheme, images)
        except FmnistError as error:
            raise type(error)(f"{self._source.path}: {error}") from error
        except Exception as error:  # what the converters raise has no common base but this
            raise ModelError(
                f"{self._source.path}: cannot be converted to {recipe.format} {recipe.scheme} "
                f"({type(error).__name__}: {error})"
            ) from error


def _current(path: Path, wanted: Metadata) -> Metadata | None:
    """What the artifact at a path says of itself, if it is whole and was made from the same inputs."""
    try:
        found = read_metadata(path) if path.is_file() else None
    except FmnistError:
        return None
    same = found == wanted and found.golden is not None and not found.rejected and "agreement" in found.proof
    return found if same and is_intact(path) else None
