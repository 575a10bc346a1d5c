"""Scores that ``fmnist eval`` keeps in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fmnist.models.open import is_keras
from fmnist.results.model_file import ModelFile
from fmnist.scoring.evaluate import ModelEvaluation
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.data.labels import is_numbered
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import FileKind
from fmnist_runtime.machine.environment import read_environment
from fmnist_runtime.parity.models import require_labels
from fmnist_runtime.recorded import ModelScores, Reference, ScoresFile, is_scores, write_scores


@dataclass(frozen=True)
class _Subject:
    """What models must have in common to be kept in one file."""

    name: str
    """What it is called in a message."""
    dataset: str
    """Name of its data set."""
    digest: str
    """Digest of that data set's test split; empty when it does not matter, or is not known yet."""
    labels: tuple[str, ...]
    """Class names."""


SCORES = FileKind(lambda path: not path.is_file() or is_scores(path), "exists and is no file of scores")
"""A file of scores."""


def require_one_split(paths: Iterable[Path], dataset: str | None) -> None:
    """Check, before anything is run, by what artifacts say of themselves that one file can keep their scores.

    Of models that say nothing, only the name is looked at. ``dataset`` is what the user named for all of
    them.

    Raises:
        ResultError: They are of different data sets or classes, or two have the same name.
    """
    subjects: list[_Subject] = []
    seen: dict[str, Path] = {}
    for path in paths:
        if path.name in seen:
            raise ResultError(
                f"{path}: is called like {seen[path.name]}, and parity pairs scores by name; "
                "keep them in a file each"
            )
        seen[path.name] = path
        metadata = None if is_keras(path) or not path.is_file() else read_metadata(path)
        if metadata:
            digest = "" if dataset else metadata.dataset_digest
            subjects.append(_Subject(str(path), metadata.dataset, digest, metadata.labels))
    _require_alike(subjects)


def keep_scores(path: Path, evaluations: Sequence[ModelEvaluation]) -> None:
    """Write the exact scores of models that were evaluated into one file.

    Raises:
        ResultError: They are of different data sets or classes.
        OutputError: The file cannot be written.
    """
    splits = [item.scored for item in evaluations]
    _require_alike([_Subject(one.model, one.dataset, one.dataset_digest, one.labels) for one in splits])
    labels = next((one.labels for one in splits if not is_numbered(one.labels)), splits[0].labels)
    models = [_kept(item.model, replace(item.scored, labels=labels)) for item in evaluations]
    write_scores(path, ScoresFile(read_environment().machine, tuple(models)))


def _kept(model: ModelFile, scored: Reference) -> ModelScores:
    return ModelScores(scored, model.format, model.scheme, model.engine, model.threads, model.size_bytes)


def _require_alike(subjects: Sequence[_Subject]) -> None:
    known = [one for one in subjects if one.digest]
    for one in known:
        first = known[0]
        if one.digest != first.digest:
            raise ResultError(
                f"{one.name}: is of {one.dataset} (digest {one.digest[:12]}), and {first.name} of "
                f"{first.dataset} (digest {first.digest[:12]}); keep their scores in a file each"
            )
    named = [one for one in subjects if not is_numbered(one.labels)] or subjects
    for one in subjects:
        require_labels(one.name, one.labels, named[0].name, named[0].labels)
