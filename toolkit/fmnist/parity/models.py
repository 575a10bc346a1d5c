"""Comparing artifacts with their original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fmnist.models.open import Execution, describe, open_on
from fmnist.models.select import Splits, distinct_names
from fmnist.results.model_file import ModelFile
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import ResultError
from fmnist_runtime.parity import Gate, Parity, compare_session, default_gate
from fmnist_runtime.parity.gates import UNKNOWN_GATE, Breach
from fmnist_runtime.parity.models import require_split, same_original, source_of
from fmnist_runtime.recorded import Reference

OTHER_MODEL = "was made from another model than this reference"
"""The remark on an artifact of another original. It fails no gate, as the user may intend it."""


@dataclass(frozen=True)
class Original:
    """What one candidate was compared with."""

    name: str
    """Name of the file."""
    sha256: str
    """SHA-256 of the file."""


@dataclass(frozen=True)
class Candidate(Parity, ModelFile):
    """One artifact beside its original, as ``parity.json`` has it."""

    written_properties: ClassVar = ("passed",)
    reference: Original
    """What it was compared with."""
    same_original: bool | None
    """Whether both come from the same Keras model; None when one does not say, or is to replace the other."""
    identical_rows: int | None = None
    """Images whose scores on an emulated processor are those of this machine, bit by bit; None if unknown."""


@dataclass(frozen=True)
class ModelParity:
    """One artifact beside its original, with the scores of both."""

    candidate: Candidate
    """How it compares."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``, the artifact's scores."""
    reference: Reference
    """The original's scores."""


def scored_split(reference: Reference, splits: Splits) -> Dataset:
    """Return the test split that a reference's scores are of.

    Raises:
        DatasetError: It is missing or damaged.
        ResultError: Another one was found.
    """
    dataset = splits.named(reference.dataset, Path(reference.model))
    require_split(dataset, reference)
    return dataset


def limits_of(scheme: str, reference: Reference, named: Mapping[str, Any]) -> Gate:
    """Return the gate of a scheme, with the fields of `Gate` that the user named in place of its own."""
    return replace(default_gate(scheme).allowing(reference.rounding), **named)


def compare_with_baseline(
    candidates: Sequence[Path],
    baseline: Reference,
    splits: Splits,
    how: Execution,
    limits: Mapping[str, Any],
) -> list[ModelParity]:
    """Compare models of a new training with the model that they are to replace; see `compare_models`.

    Another training has other answers for good reasons, so only a loss of accuracy breaks the gate.
    """
    accuracy_alone = {"max_difference": None, "max_confident_share": None, "max_confident_flips": None}
    named = {**asdict(UNKNOWN_GATE), **accuracy_alone, **limits}
    results = compare_models(candidates, baseline, splits, how, named)
    return [replace(item, candidate=replace(item.candidate, same_original=None)) for item in results]


def compare_models(
    candidates: Sequence[Path],
    reference: Reference,
    splits: Splits,
    how: Execution,
    limits: Mapping[str, Any] | None = None,
    require_same: bool = False,
) -> list[ModelParity]:
    """Run artifacts on the reference's test split and compare each with the original.

    Limits are fields of `Gate` that replace those of each scheme's own. ``require_same`` refuses an artifact
    that says it was made from another model.

    Raises:
        ResultError: The test split is not the one that the original was scored on, or an artifact
            was made from another original or has other classes.
    """
    dataset, names = scored_split(reference, splits), distinct_names(candidates)
    results = []
    for path in candidates:
        session, _ = open_on(path, how, lambda opened: dataset)
        with session:
            same = same_original(source_of(session), reference)
            if require_same and same is False:
                raise ResultError(
                    f"{path}: was made from another model than the reference; "
                    "name the one it was made from with --reference"
                )
            gate = limits_of(session.info.scheme, reference, limits or {})
            parity, scores = compare_session(session, reference, dataset, gate)
            identical = getattr(session, "identical", None)  # of an emulated processor
            if identical is not None and identical < len(scores):
                parity = replace(parity, breaches=(*parity.breaches, _other_bits(identical, len(scores))))
            model = replace(describe(session), name=names[path])
            result = model_parity(model, scores, parity, reference, same)
            results.append(replace(result, candidate=replace(result.candidate, identical_rows=identical)))
    return results


def _other_bits(identical: int, images: int) -> Breach:
    """Return the breach of a C model that does not give the same bits everywhere."""
    text = f"{images - identical:,} of {images:,} images have other scores than on this machine, none may"
    return Breach("on", 0, images - identical, True, text)


def model_parity(
    model: ModelFile,
    scores: NDArray[np.float32],
    parity: Parity,
    reference: Reference,
    same_original: bool | None,
) -> ModelParity:
    """Return one artifact beside its original, with its scores, float32 ``[N, classes]``.

    ``same_original`` is None when one of them does not say from which Keras model it comes.
    """
    original = Original(reference.model, reference.model_sha256)
    candidate = Candidate(**vars(model), **vars(parity), reference=original, same_original=same_original)
    return ModelParity(candidate, scores, reference)


def shared_reference(results: Sequence[ModelParity]) -> Reference | None:
    """Return the reference of all results; None when each has one of its own."""
    first = results[0].reference
    return first if all(item.reference is first for item in results) else None
