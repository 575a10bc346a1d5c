"""Exports an original: converts it, proves each artifact and names it; keeps artifacts that are current."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters import isolation, proof
from fmnist_exporters.manifest import ARTIFACT, rejected_path
from fmnist_exporters.original.scores import OriginalScores, score_original
from fmnist_exporters.proof import ProofImages
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import SEED, ImageSplit, split_images, subset
from fmnist_runtime.artifact.container import is_intact, read_metadata
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import FmnistError, ModelError
from fmnist_runtime.files import Draft, require_writable, sha256_file
from fmnist_runtime.machine.environment import package_version

_SMALL_BYTES = 450_000_000
"""Peak memory of scoring a small original, including TensorFlow. A conversion takes several times as much, so
that two at a time of a larger one would take gigabytes."""


@dataclass(frozen=True)
class Source:
    """The original, and what its artifacts record about it."""

    path: Path
    """The ``.keras``, ``.h5`` or ``.hdf5`` file."""
    input_range: str | None
    """Pixel range it takes (see `fmnist_runtime.artifact.contract`); None to find it with labelled images."""
    dataset: str
    """Name of the data set it was trained on; empty if unknown."""
    dataset_digest: str
    """Digest of that data set's test split; empty if unknown."""
    labels: tuple[str, ...] | None
    """Class names, by class index; None for numbers."""
    load_training: Callable[[], Dataset]
    """Reads the training split; called only if something must be converted or calibrated."""
    is_range_sure: bool = False
    """Whether the range is known from the training and needs no check."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `fmnist_runtime.parity.Gate` that the user set, in place of each scheme's own."""
    preparation: str = ""
    """How a picture becomes its input; see `Metadata.preparation`."""
    allow_chance: bool = False
    """Whether to export even if always naming the largest class would be right as often."""


@dataclass(frozen=True)
class Artifact:
    """An exported file."""

    path: Path
    """The file."""
    recipe: Recipe
    """How it was made."""
    metadata: Metadata
    """Its metadata."""
    size_bytes: int
    """Size of the file."""
    kept: bool
    """True if the file already existed, made from the same inputs."""

    @property
    def agreement(self) -> float:
        """Share of held-out training images to which it assigns the same class as the original."""
        return float(self.metadata.proof["agreement"])


class Exporter:
    """Exports one original. The training images are read once, and only if needed."""

    def __init__(
        self,
        source: Source,
        force: bool = False,
        tell: Callable[[str], None] = lambda line: None,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        """Export this source.

        Args:
            source: The original.
            force: Replace files that are not ours, and export again what is current.
            tell: Called with each note for the user, a line.
            on_step: Called with each step before it starts.
        """
        self._source, self._force = source, force
        self._tell, self._on_step = tell, on_step
        self._peak_bytes = 0
        self.right: tuple[int, int] | None = None
        """Number of held-out images that the original gets right, and of all; None until it was scored."""

    def require_free(self, path: Path) -> None:
        """Check that an artifact may be written to a path, before anything is converted.

        Raises:
            OutputError: The path holds something that we did not make, or the folder cannot be written.
        """
        for place in (path, rejected_path(path)):
            require_writable(place, ARTIFACT, self._force)

    def export(self, recipe: Recipe, path: Path) -> Artifact:
        """Export or keep one artifact; see `export_all`, whose errors it raises."""
        [(_, result)] = self.export_all({recipe: path})
        if isinstance(result, FmnistError):
            raise result
        return result

    def export_all(self, targets: Mapping[Recipe, Path]) -> Iterator[tuple[Recipe, Artifact | FmnistError]]:
        """Export artifacts, each in its own process, or keep those already made from the same inputs.

        Args:
            targets: The file of each recipe.

        Yields:
            Each recipe when it is done, with its artifact or an error: `OutputError`, the file cannot be
            replaced or written; `ModelError`, the original cannot be loaded or converted, takes other pixels
            than declared, or is no better than chance; `DatasetError`, there are no training images;
            `RejectedError`, the artifact differs from the original beyond its gate.
        """
        missing: dict[Recipe, tuple[Metadata, Draft]] = {}
        if self._force or not all(path.is_file() for path in targets.values()):
            isolation.start()  # loads TensorFlow while this process reads the training images
        for recipe, path in targets.items():
            try:
                self.require_free(path)
                wanted = self._describe(recipe)
                current = None if self._force else self._current(path, wanted)
            except FmnistError as error:
                yield recipe, error
                continue
            if current:
                yield recipe, Artifact(path, recipe, current, path.stat().st_size, kept=True)
            else:
                missing[recipe] = wanted, Draft(path)
        if not missing:
            return
        try:
            self._require_better_than_chance()
        except FmnistError as error:
            yield from ((recipe, error) for recipe in missing)
            return
        yield from self._make(missing)

    def _make(
        self, missing: Mapping[Recipe, tuple[Metadata, Draft]]
    ) -> Iterator[tuple[Recipe, Artifact | FmnistError]]:
        """Convert the original and prove the results, recipe by recipe."""
        source, work = self._source, []
        images = self._held_out.images.reshape(-1, *self._original.input_shape)
        held_out = ProofImages(images, self._held_out.targets, self._original.scores, source.limits)
        with ExitStack() as stack:
            for recipe, (wanted, draft) in missing.items():
                stack.enter_context(draft)
                metadata = replace(wanted, source_range=self._original.input_range)
                calibration = self._calibration if recipe.calibrated else None
                work.append((proof.make, (source.path, metadata, recipe, calibration, draft, held_out)))
            recipes = list(missing)
            at_once = min(os.cpu_count() or 1, 2 if self._peak_bytes <= _SMALL_BYTES else 1)
            for number, result in isolation.run_all(work, at_once, self._on_step):
                recipe = recipes[number]
                draft = missing[recipe][1]
                try:
                    metadata = _named(result, draft, recipe, source.path)
                except FmnistError as error:
                    yield recipe, error
                else:
                    size = draft.final.stat().st_size
                    yield recipe, Artifact(draft.final, recipe, metadata, size, kept=False)

    @cached_property
    def _digest(self) -> str:
        return sha256_file(self._source.path)

    @cached_property
    def _training(self) -> Dataset:
        return self._source.load_training()

    @cached_property
    def _split(self) -> ImageSplit:
        return split_images(self._training)

    @cached_property
    def _held_out(self) -> Dataset:
        return subset(self._training, self._split.held_out)

    @cached_property
    def _calibration(self) -> NDArray[np.uint8]:
        """The calibration images, in the model's shape."""
        images = subset(self._training, self._split.calibration).images
        return images.reshape(len(images), *self._original.input_shape)

    @cached_property
    def _original(self) -> OriginalScores:
        """The original's scores of the held-out images, after its input range was checked."""
        source = self._source
        arguments = (source.path, source.labels, source.input_range, source.is_range_sure, self._held_out)
        self._on_step("loading TensorFlow")
        result = isolation.run((score_original, arguments), self._on_step)
        self._peak_bytes = result.peak_bytes
        if isinstance(result.error, isolation.CrashedError | MemoryError):
            raise ModelError(f"{source.path}: cannot be run ({_text(result.error)})") from result.error
        original: OriginalScores = result.result()
        for note in original.notes:
            self._tell(note)
        return original

    def _require_better_than_chance(self) -> None:
        """Check that the original has learned something, which a comparison with its copies cannot show.

        Raises:
            ModelError: Always naming the largest class would be right as often.
        """
        path, targets = self._source.path, self._held_out.targets
        right, images = int((self._original.scores.argmax(axis=1) == targets).sum()), len(targets)
        self.right = right, images
        largest = int(np.bincount(targets).max())
        if right <= largest and not self._source.allow_chance:
            raise ModelError(
                f"{path}: gets {right:,} of {images:,} held-out training images right, and always naming one "
                f"class {largest:,}: it has learned nothing, or takes other images; check --dataset, the "
                "order of its classes, and --input-range, or export it all the same with --allow-chance"
            )

    def _describe(self, recipe: Recipe) -> Metadata:
        calibration: dict[str, Any] = {}
        if recipe.calibrated:
            numbers = self._split.calibration
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
            labels=self._source.labels or self._original.labels,
            dataset=self._source.dataset,
            dataset_digest=self._source.dataset_digest,
            source_sha256=self._digest,
            source_range=self._source.input_range or RAW,
            calibration=calibration,
            gate=asdict(replace(recipe.gate, **self._source.limits)),
            versions=_versions(),
            preparation=self._source.preparation,
        )

    def _current(self, path: Path, wanted: Metadata) -> Metadata | None:
        """Return the metadata of an artifact that is intact and was made from the same inputs."""
        try:
            found = read_metadata(path) if path.is_file() else None
        except FmnistError:
            return None
        if found is None or found.golden is None or found.rejected or "agreement" not in found.proof:
            return None
        if self._source.input_range is None:  # it was found with the same images then
            wanted = replace(wanted, source_range=found.source_range)
        learned = found.proof.get("largest_class", 0.0) < found.proof["reference_accuracy"]
        same = found == wanted and (learned or self._source.allow_chance)
        return found if same and is_intact(path) else None


def _named(result: isolation.WorkResult, draft: Draft, recipe: Recipe, source: Path) -> Metadata:
    """Give the artifact of a conversion its name, and return its metadata.

    Raises:
        FmnistError: The conversion failed, or the artifact was rejected.
    """
    error = result.error
    if isinstance(error, FmnistError) and not isinstance(error, isolation.CrashedError):
        raise error
    if error is not None:  # the converters' exceptions have no common base
        raise ModelError(
            f"{source}: cannot be converted to {recipe.format} {recipe.scheme} ({_text(error)})"
        ) from error
    metadata: Metadata = result.value
    proof.finish(draft, metadata)
    return metadata


def _text(error: Exception) -> str:
    """Return an error as text for a message."""
    if isinstance(error, MemoryError):
        return "out of memory"
    return str(error) if isinstance(error, FmnistError) else f"{type(error).__name__}: {error}"


def _versions() -> dict[str, str]:
    """Return the versions of the packages that determine an artifact's bytes."""
    packages = (
        *("tensorflow", "keras", "ai-edge-litert", "flatbuffers"),
        *("tf2onnx", "onnx", "onnxruntime", "numpy"),
    )
    return {"fmnist": package_version(), **{package: version(package) for package in packages}}
