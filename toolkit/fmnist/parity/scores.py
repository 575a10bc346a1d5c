"""Comparing two files of scores, such as those of two machines. No model is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fmnist.parity.models import ModelParity, limits_of, model_parity
from fmnist.results.model_file import ModelFile
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import sha256_file
from fmnist_runtime.parity import compare
from fmnist_runtime.parity.models import require_labels, same_original
from fmnist_runtime.recorded import (
    REFERENCE_SCHEMA,
    ModelScores,
    Reference,
    ScoresFile,
    read_reference,
    read_scores,
    schema_of,
)


@dataclass(frozen=True)
class ComparedScores:
    """A file of scores in a comparison."""

    file: str
    """The path, as the user named it."""
    sha256: str
    """SHA-256 of the file."""
    machine: str
    """Architecture of the machine that ran its models; empty when unknown."""


@dataclass(frozen=True)
class ScoresParity:
    """Two files of scores beside each other."""

    results: list[ModelParity]
    """The models of the candidates' file that were compared, in its order."""
    files: tuple[ComparedScores, ComparedScores]
    """The reference file, and the candidates'."""
    left_out: tuple[str, ...]
    """Models of the reference file that no candidate was compared with, because none has their names."""


def compare_scores(reference: Path, candidates: Path, limits: Mapping[str, Any]) -> ScoresParity:
    """Compare the models of one file of scores with those of another, without running any.

    A single model in the first file is the reference of every candidate; otherwise models of the same name
    are compared. A reference.npz is a file of one model. Limits are fields of `Gate` that replace those of
    each scheme's own.

    Raises:
        ResultError: A file is missing or damaged, the files are not of the same images and classes, or a
            candidate has no reference.
    """
    original, scores = _read(reference), _read(candidates)
    _require_same_images(reference, original.split, candidates, scores.split)
    pairs = _pairs(reference, original, candidates, scores)
    results = [_compare(model, pairs[model.scored.model], limits) for model in scores.models]
    held = {right.model for right in pairs.values()}
    left_out = tuple(model.scored.model for model in original.models if model.scored.model not in held)
    files = _compared_file(reference, original), _compared_file(candidates, scores)
    return ScoresParity(results, files, left_out)


def scores_notes(compared: ScoresParity) -> list[str]:
    """Return remarks on two compared files, one a line."""
    right, candidates = (
        f"{file.file} ({file.machine})" if file.machine else file.file for file in compared.files
    )
    notes = [f"{candidates} was compared with {right}"]
    if compared.left_out:
        notes.append(f"only in {compared.files[0].file}, so left out: {', '.join(compared.left_out)}")
    return notes


def _read(path: Path) -> ScoresFile:
    """Read a file of scores, or a reference.npz as one."""
    if schema_of(path) != REFERENCE_SCHEMA:
        return read_scores(path)
    recorded = ModelScores(read_reference(path), "keras", "original", "recorded scores", 0, 0)
    return ScoresFile("", (recorded,))


def _require_same_images(one: Path, reference: Reference, other: Path, candidate: Reference) -> None:
    """Check that two files are of the same test images and classes."""
    if candidate.dataset_digest != reference.dataset_digest:
        raise ResultError(
            f"{other}: is of the {_images(candidate)}, and {one} of the {_images(reference)}; "
            "evaluate the models on the same, with --dataset or --data-dir"
        )
    require_labels(str(other), candidate.labels, str(one), reference.labels)
    if not np.array_equal(candidate.targets, reference.targets):
        raise ResultError(
            f"{other}: says that it is of the images of {one}, but not of the same true classes; "
            "one of them was changed, evaluate the models again"
        )


def _images(split: Reference) -> str:
    return f"{len(split.targets):,} test images of {split.dataset} (digest {split.dataset_digest[:12]})"


def _pairs(one: Path, reference: ScoresFile, other: Path, candidates: ScoresFile) -> dict[str, Reference]:
    """Return the reference of each candidate, by the candidate's name."""
    names = [model.scored.model for model in candidates.models]
    references = {model.scored.model: _rounded(model.scored, reference) for model in reference.models}
    if len(references) == 1:
        return dict.fromkeys(names, *references.values())
    missing = [name for name in names if name not in references]
    if missing:
        raise ResultError(
            f"{other}: {', '.join(missing)} would be compared with nothing, as {one} has no such model "
            f"(only {', '.join(references)}); evaluate the same models on both sides, or name a file of one "
            "model first"
        )
    return {name: references[name] for name in names}


def _rounded(scored: Reference, scores: ScoresFile) -> Reference:
    """Return a model's scores, with the rounding of its original, if that is in the file, too."""
    roundings = {model.scored.model_sha256: model.scored.rounding for model in scores.models}
    return replace(scored, rounding=roundings.get(scored.original_sha256, 0.0))


def _compare(model: ModelScores, reference: Reference, limits: Mapping[str, Any]) -> ModelParity:
    scored = model.scored
    file = ModelFile(
        name=scored.model,
        format=model.format,
        scheme=model.scheme,
        engine=model.engine,
        threads=model.threads,
        size_bytes=model.size_bytes,
        sha256=scored.model_sha256,
        input_range=None,
        range_known_from="",
    )
    gate = limits_of(model.scheme, reference, limits)
    parity = compare(reference.scores, scored.scores, reference.targets, gate)
    same = same_original(scored.original_sha256, reference)
    return model_parity(file, scored.scores, parity, reference, same)


def _compared_file(path: Path, scores: ScoresFile) -> ComparedScores:
    return ComparedScores(str(path), sha256_file(path), scores.machine)
