"""Holding artifacts against the original they were made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fmnist.models import ModelFile, Splits, dataset_of, describe, is_keras, open_model
from fmnist.runs import run_of
from fmnist_exporters.input_range import InputRange
from fmnist_exporters.recipes import gate_for
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.carriers import read_metadata
from fmnist_runtime.datasets import Dataset
from fmnist_runtime.errors import ModelError, ResultError, needs_extra
from fmnist_runtime.evaluate import score_dataset
from fmnist_runtime.files import require_file, sha256_file
from fmnist_runtime.parity import Parity, compare
from fmnist_runtime.reference import Reference, read_reference


@dataclass(frozen=True)
class ModelParity:
    """One artifact beside its original."""

    model: ModelFile
    """Which artifact."""
    parity: Parity
    """How it compares."""
    same_original: bool | None
    """Whether it was made from the reference's model; None when it does not say."""


def load_reference(
    path: Path, splits: Splits, candidates: Sequence[Path] = (), input_range: InputRange | None = None
) -> Reference:
    """The original's scores: recorded in an ``.npz``, or made now from a Keras model.

    Args:
        path: The file.
        splits: Where the Keras model's test split is found.
        candidates: Artifacts, of which those made from it say what data set and pixels it takes.
        input_range: Pixels that a Keras model takes itself; as the artifacts say when None.

    Raises:
        ResultError: The file is neither, missing or damaged.
        MissingExtraError: It is a Keras model and TensorFlow is not installed.
    """
    if not is_keras(path):
        if path.suffix.lower() != ".npz":
            raise ResultError(f"{path}: a reference is a reference.npz or a Keras model")
        return read_reference(path)
    require_file(path, "a Keras model", ModelError)
    with needs_extra("train", "running a Keras model"):
        from fmnist.training import score_original
    made = _made_from(path, candidates)
    dataset = dataset_of(path) or (made.dataset if made else None)
    if input_range is None:
        input_range = "0-1" if made and made.source_range == "0-1" else "0-255"
    return score_original(path, splits.named(dataset or None, path), input_range)


def _made_from(original: Path, candidates: Sequence[Path]) -> Metadata | None:
    """What the first artifact that was made from an original says; None when there is none."""
    digest = sha256_file(original)
    for path in candidates:
        metadata = read_metadata(path) if path.is_file() else None
        if metadata and metadata.source_sha256 == digest:
            return metadata
    return None


def find_reference(candidates: Sequence[Path]) -> Reference:
    """The recorded scores of the run that the artifacts lie in.

    Raises:
        ResultError: The first artifact lies in no run, or the run's scores are missing or damaged.
    """
    run = run_of(candidates[0])
    if run is None:
        raise ResultError(
            f"{candidates[0]}: lies in no run; "
            "name its original, a Keras model or a reference.npz, with --reference"
        )
    return run.recorded_scores()


def scored_split(reference: Reference, splits: Splits) -> Dataset:
    """The test split that a reference's scores are of.

    Raises:
        DatasetError: It is missing or damaged.
        ResultError: The one that was found is another.
    """
    dataset = splits.named(reference.dataset, Path(reference.model))
    if dataset.digest != reference.dataset_digest:
        raise ResultError(
            f"{dataset.name}: is not the test split that {reference.model} was scored on; "
            "name the folder that holds it with --data-dir"
        )
    return dataset


def compare_models(
    candidates: Iterable[Path],
    reference: Reference,
    splits: Splits,
    threads: int,
    max_drop: float | None = None,
    require_same: bool = False,
) -> list[ModelParity]:
    """Run artifacts on the reference's test split and compare each with the original.

    Args:
        candidates: The artifacts.
        reference: The original's scores.
        splits: Where the reference's test split is found.
        threads: Threads one inference may use.
        max_drop: Allowed loss of accuracy as a fraction; each recipe's own when None.
        require_same: Refuse an artifact that says it was made from another model.

    Raises:
        ResultError: The test split is not the one that the original was scored on, or an artifact
            was made from another original.
    """
    dataset = scored_split(reference, splits)
    results = []
    for path in candidates:
        with open_model(path, threads) as session:
            metadata = session.info.metadata
            same = metadata.source_sha256 == reference.model_sha256 if metadata else None
            if require_same and same is False:
                raise ResultError(
                    f"{path}: was made from another model than the reference; "
                    "name the one it was made from with --reference"
                )
            gate = gate_for(session.info.format, session.info.scheme)
            if max_drop is not None:
                gate = replace(gate, max_drop=max_drop)
            scores, _ = score_dataset(session, dataset)
            parity = compare(reference.scores, scores, dataset.targets, gate)
            results.append(ModelParity(describe(session), parity, same))
    return results


def parity_body(results: list[ModelParity], reference: Reference) -> dict[str, Any]:
    """The content of ``parity.json``."""
    return {
        "reference": {
            "name": reference.model,
            "sha256": reference.model_sha256,
            "dataset": reference.dataset,
            "dataset_digest": reference.dataset_digest,
        },
        "candidates": [
            {
                **asdict(item.model),
                **asdict(item.parity),
                "passed": item.parity.passed,
                "same_original": item.same_original,
            }
            for item in results
        ],
    }
