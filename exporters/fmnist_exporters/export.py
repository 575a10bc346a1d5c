"""From an original to its artifacts: convert, run, compare, and only then name; keep what is current."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters import isolation
from fmnist_exporters import proof as proving
from fmnist_exporters.manifest import ARTIFACT, rejected_path
from fmnist_exporters.metadata import versions
from fmnist_exporters.original.examine import Answers, Question, examine
from fmnist_exporters.proof import Exam
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import SEED, Samples, choose_samples, subset
from fmnist_runtime.artifact.container import is_intact, read_metadata
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import FmnistError, ModelError
from fmnist_runtime.files import Draft, require_writable, sha256_file

_LITTLE_BYTES = 450_000_000
"""Memory in which an original that is small answers, TensorFlow included. A conversion takes several times as
much as the answers do, so that of a larger one two at a time would take gigabytes."""


@dataclass(frozen=True)
class Source:
    """The original, and what its artifacts say of it."""

    path: Path
    """The ``.keras``, ``.h5`` or ``.hdf5`` file."""
    input_range: str | None
    """Pixels it takes (see `fmnist_runtime.artifact.contract`); None where labelled images are to tell."""
    dataset: str
    """Name of the data set it was trained on; empty when it is not known."""
    dataset_digest: str
    """Digest of that data set's test split; empty when it is not known."""
    labels: tuple[str, ...] | None
    """Class names, by class index; None for numbers."""
    load_training: Callable[[], Dataset]
    """Reads the training split; called only when something is to be converted or calibrated."""
    is_range_sure: bool = False
    """Whether the range is known from its training, so that it need not be checked."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `fmnist_runtime.parity.Gate` that the user named in place of each scheme's own."""
    allow_chance: bool = False
    """Whether to export also what is right no oftener than always naming the largest class."""


@dataclass(frozen=True)
class Artifact:
    """An exported file."""

    path: Path
    """The file."""
    recipe: Recipe
    """How it was made."""
    metadata: Metadata
    """What it says of itself."""
    size_bytes: int
    """Size of the file."""
    kept: bool
    """True when it was there already, made from the same inputs."""

    @property
    def agreement(self) -> float:
        """Share of held-out training images that it gives the same class as the original."""
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
            force: Replace files that are not ours, and make anew what is current.
            tell: Called with what a person should know, a line each.
            on_step: Called with what is done next.
        """
        self._source, self._force = source, force
        self._tell, self._on_step = tell, on_step
        self._peak_bytes = 0
        self.right: tuple[int, int] | None = None
        """How many held-out images the original gets right, and of how many; None until it was asked."""

    def require_free(self, path: Path) -> None:
        """Check, before anything is converted, that an artifact may be written to a path.

        Raises:
            OutputError: Something is there that we did not make, or the folder cannot be written.
        """
        for place in (path, rejected_path(path)):
            require_writable(place, ARTIFACT, self._force)

    def export(self, recipe: Recipe, path: Path) -> Artifact:
        """Make one artifact, or keep the one that is there; see `export_all`, whose errors it raises."""
        [(_, result)] = self.export_all({recipe: path})
        if isinstance(result, FmnistError):
            raise result
        return result

    def export_all(self, targets: Mapping[Recipe, Path]) -> Iterator[tuple[Recipe, Artifact | FmnistError]]:
        """Make artifacts, each in a process of its own, or keep those that are there, made from the same.

        Args:
            targets: The file of each recipe.

        Yields:
            Each recipe, as they are done, with its artifact, or with the reason why there is none:
            `OutputError`, the file is in the way or cannot be written; `ModelError`, the original cannot be
            loaded or converted, takes other pixels than declared, or is no better than chance;
            `DatasetError`, there are no training images; `RejectedError`, what came out does not answer like
            the original.
        """
        missing: dict[Recipe, tuple[Metadata, Draft]] = {}
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
        """Convert the original and prove what comes out, recipe by recipe."""
        source, work = self._source, []
        with ExitStack() as stack:
            for recipe, (wanted, draft) in missing.items():
                stack.enter_context(draft)
                metadata = replace(wanted, source_range=self._answers.input_range)
                calibration = self._calibration if recipe.calibrated else None
                work.append((proving.make, (source.path, metadata, recipe, calibration, draft, self._exam)))
            recipes = list(missing)
            for number, outcome in isolation.run_all(work, self._at_once, self._on_step):
                recipe = recipes[number]
                draft = missing[recipe][1]
                try:
                    metadata = _named(outcome, draft, recipe, source.path)
                except FmnistError as error:
                    yield recipe, error
                else:
                    size = draft.final.stat().st_size
                    yield recipe, Artifact(draft.final, recipe, metadata, size, kept=False)

    @property
    def _at_once(self) -> int:
        """How many conversions run at the same time: two of a small original, where there are two cores."""
        return min(os.cpu_count() or 1, 2 if self._peak_bytes <= _LITTLE_BYTES else 1)

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
    def _held_out(self) -> Dataset:
        return subset(self._training, self._samples.held_out)

    @cached_property
    def _calibration(self) -> NDArray[np.uint8]:
        """The images that activations are calibrated on, in the model's shape."""
        images = subset(self._training, self._samples.calibration).images
        return images.reshape(len(images), *self._answers.input_shape)

    @cached_property
    def _answers(self) -> Answers:
        """What the original says of the held-out images, once its input range is sure."""
        source = self._source
        question = Question(
            source.path, source.labels, source.input_range, source.is_range_sure, self._held_out
        )
        self._on_step("loading TensorFlow")
        outcome = isolation.run((examine, (question,)), self._on_step)
        self._peak_bytes = outcome.peak_bytes
        if isinstance(outcome.error, isolation.CrashedError | MemoryError):
            raise ModelError(f"{source.path}: cannot be run ({_told(outcome.error)})") from outcome.error
        answers: Answers = outcome.result()
        for note in answers.notes:
            self._tell(note)
        return answers

    @cached_property
    def _exam(self) -> Exam:
        images = self._held_out.images.reshape(-1, *self._answers.input_shape)
        return Exam(images, self._held_out.targets, self._answers.scores, self._source.limits)

    def _require_better_than_chance(self) -> None:
        """Check that the original has learned something, which no copy of it can show.

        Raises:
            ModelError: Always naming the largest class is as often right.
        """
        exam, path = self._exam, self._source.path
        right, images = int((exam.scores.argmax(axis=1) == exam.targets).sum()), len(exam.targets)
        self.right = right, images
        largest = int(np.bincount(exam.targets).max())
        if right <= largest and not self._source.allow_chance:
            raise ModelError(
                f"{path}: gets {right:,} of {images:,} held-out training images right, and always naming one "
                f"class {largest:,}: it has learned nothing, or takes other images; check --dataset, the "
                "order of its classes, and --input-range, or export it all the same with --allow-chance"
            )

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
            labels=self._source.labels or self._answers.labels,
            dataset=self._source.dataset,
            dataset_digest=self._source.dataset_digest,
            source_sha256=self._digest,
            source_range=self._source.input_range or RAW,
            calibration=calibration,
            gate=asdict(replace(recipe.gate, **self._source.limits)),
            versions=versions(),
        )

    def _current(self, path: Path, wanted: Metadata) -> Metadata | None:
        """What the artifact at a path says of itself, if it is whole and was made from the same inputs."""
        try:
            found = read_metadata(path) if path.is_file() else None
        except FmnistError:
            return None
        if found is None or found.golden is None or found.rejected or "agreement" not in found.proof:
            return None
        if self._source.input_range is None:  # it was found out then, by the same images
            wanted = replace(wanted, source_range=found.source_range)
        learned = found.proof.get("largest_class", 0.0) < found.proof["reference_accuracy"]
        same = found == wanted and (learned or self._source.allow_chance)
        return found if same and is_intact(path) else None


def _named(outcome: isolation.Outcome, draft: Draft, recipe: Recipe, source: Path) -> Metadata:
    """What a conversion gave, under its name.

    Raises:
        FmnistError: It gave nothing, or nothing that answers like the original.
    """
    error = outcome.error
    if isinstance(error, FmnistError) and not isinstance(error, isolation.CrashedError):
        raise error
    if error is not None:  # what the converters raise has no common base
        raise ModelError(
            f"{source}: cannot be converted to {recipe.format} {recipe.scheme} ({_told(error)})"
        ) from error
    metadata: Metadata = outcome.value
    proving.finish(draft, metadata)
    return metadata


def _told(error: Exception) -> str:
    """An error, for a message."""
    if isinstance(error, MemoryError):
        return "memory ran out"
    return str(error) if isinstance(error, FmnistError) else f"{type(error).__name__}: {error}"
