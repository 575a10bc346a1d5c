"""Accuracy and throughput of models on the test split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fmnist.models import Splits
from fmnist.opening import Execution, ModelFile, describe, open_model
from fmnist.runs import Run
from fmnist_runtime.evaluate import Evaluation, evaluate, score_dataset


@dataclass(frozen=True)
class ModelEvaluation:
    """One model's evaluation."""

    model: ModelFile
    """Which model."""
    labels: tuple[str, ...]
    """Class names."""
    dataset: str
    """Name of the data set whose test split it ran on."""
    dataset_digest: str
    """Digest of that split."""
    evaluation: Evaluation
    """How often it was right."""
    images_per_second: float | None
    """Whole test split through `Session.scores`; None where recorded scores were taken."""


def evaluate_models(paths: Iterable[Path], splits: Splits, how: Execution) -> list[ModelEvaluation]:
    """Run models on their test splits.

    Raises:
        FmnistError: A model or data set is missing or damaged, or they do not fit together.
    """
    evaluations = []
    for path in paths:
        with open_model(path, how) as session:
            dataset = splits.of(session)
            scores, seconds = score_dataset(session, dataset)
            evaluations.append(
                ModelEvaluation(
                    model=describe(session),
                    labels=session.info.labels,
                    dataset=dataset.name,
                    dataset_digest=dataset.digest,
                    evaluation=evaluate(scores, dataset.targets),
                    images_per_second=len(scores) / seconds,
                )
            )
    return evaluations


def evaluate_original(run: Run) -> ModelEvaluation:
    """A run's original, by its recorded scores, which needs no TensorFlow.

    Raises:
        ResultError: The scores are missing, damaged, or of another model.
    """
    reference = run.recorded_scores()
    return ModelEvaluation(
        model=ModelFile(
            name=reference.model,
            format="keras",
            scheme="original",
            engine="recorded scores",
            threads=0,
            size_bytes=run.model.stat().st_size if run.model.exists() else 0,
            sha256=reference.model_sha256,
        ),
        labels=reference.labels,
        dataset=reference.dataset,
        dataset_digest=reference.dataset_digest,
        evaluation=evaluate(reference.scores, reference.targets),
        images_per_second=None,
    )


def evaluation_body(evaluations: list[ModelEvaluation]) -> dict[str, Any]:
    """The content of ``eval.json``."""
    return {
        "models": [
            {
                **asdict(item.model),
                "dataset": item.dataset,
                "dataset_digest": item.dataset_digest,
                "images": item.evaluation.images,
                "correct": item.evaluation.correct,
                "accuracy": item.evaluation.accuracy,
                "labels": item.labels,
                "class_accuracy": item.evaluation.class_accuracy,
                "confusion": item.evaluation.confusion,
                "images_per_second": item.images_per_second,
            }
            for item in evaluations
        ],
    }
