"""Accuracy and throughput of models on the test split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fmnist.devices.emulation.targets import HOST
from fmnist.models.open import Execution, describe, is_keras, open_on
from fmnist.models.select import Splits
from fmnist.results.model_file import ModelFile
from fmnist.results.write import Kept
from fmnist.runs.run import Run
from fmnist.text.tables import ABSENT, percent, size, table
from fmnist_runtime import Session
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.evaluate import Evaluation, evaluate, score_dataset
from fmnist_runtime.parity.intervals import wilson_interval
from fmnist_runtime.parity.models import source_of
from fmnist_runtime.recorded import Reference


@dataclass(frozen=True)
class ModelEvaluation:
    """One model's evaluation."""

    model: ModelFile
    """Which model."""
    scored: Reference
    """Its scores, and the test split and classes that they are of."""
    evaluation: Evaluation
    """How often it was right."""
    images_per_second: float | None
    """Whole test split through `Session.scores`; None of recorded scores, and of an emulated processor."""


@dataclass(frozen=True)
class EvaluatedModel(Evaluation, ModelFile):
    """One model in ``eval.json``."""

    dataset: str
    """Name of the data set whose test split was scored."""
    dataset_digest: str
    """Digest of that split, as of `fmnist_runtime.data.datasets.Dataset`."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    images_per_second: float | None
    """Whole test split through `Session.scores`; None of recorded scores, and of an emulated processor."""


@dataclass(frozen=True)
class EvaluationBody(Kept):
    """The content of ``eval.json``."""

    models: list[EvaluatedModel]
    """The models, in the order they were named; of a run its original first."""


def evaluate_models(paths: Iterable[Path], splits: Splits, how: Execution) -> list[ModelEvaluation]:
    """Run models on their test splits.

    Raises:
        FmnistError: A model or data set is missing or damaged, or they do not fit together.
    """
    evaluations = []
    for path in paths:
        session, dataset = open_on(path, how, splits.of)
        with session:
            model = describe(session)
            scored, seconds = score_model(session, model, dataset)
            evaluations.append(
                ModelEvaluation(
                    model=model,
                    scored=scored,
                    evaluation=evaluate(scored.scores, scored.targets),
                    images_per_second=len(scored.scores) / seconds if how.target == HOST else None,
                )
            )
    return evaluations


def score_model(session: Session, model: ModelFile, dataset: Dataset) -> tuple[Reference, float]:
    """Return the scores of an open model for a test split, as a reference, and the seconds they took."""
    scores, seconds = score_dataset(session, dataset)
    original = is_keras(session.info.path)
    scored = Reference(
        model=model.name,
        model_sha256=model.sha256,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        labels=session.info.labels,
        source_range=(session.info.contract.range or RAW) if original else RAW,
        rounding=0.0,
        scores=scores,
        targets=dataset.targets,
        source_sha256=None if original else source_of(session),
    )
    return scored, seconds


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
            input_range=None,
            range_known_from="",
        ),
        scored=reference,
        evaluation=evaluate(reference.scores, reference.targets),
        images_per_second=None,
    )


def guessing(original: Evaluation) -> str | None:
    """What says that an original may have learned nothing; None where it is surely better than guessing.

    Its artifacts may well answer as it does, but that is no reason to use them. Guessing is to name the
    largest class of the test images always. Wilson's 95% interval of the accuracy must lie above that.
    """
    largest = int(original.confusion.sum(axis=1).max()) / original.images
    low = wilson_interval(original.correct, original.images).low
    if low > largest:
        return None
    return (
        f"accuracy {percent(original.accuracy)} (with 95% confidence {percent(low)} or more) is not surely "
        f"above {percent(largest)}, which always naming the largest class gives; train it longer, look at "
        "images and labels with fmnist data show, or test on more images"
    )


def evaluation_body(evaluations: list[ModelEvaluation]) -> EvaluationBody:
    """Return the content of ``eval.json``."""
    models = [
        EvaluatedModel(
            **vars(item.model),
            **vars(item.evaluation),
            dataset=item.scored.dataset,
            dataset_digest=item.scored.dataset_digest,
            labels=item.scored.labels,
            images_per_second=item.images_per_second,
        )
        for item in evaluations
    ]
    return EvaluationBody(models)


def evaluation_text(results: list[ModelEvaluation]) -> str:
    """Return accuracies, overall and by class; of a single model also its confusion matrix."""
    groups: dict[tuple[str, ...], list[ModelEvaluation]] = {}
    for item in results:
        groups.setdefault((item.scored.dataset_digest, *item.scored.labels), []).append(item)
    parts = [_accuracies(results), *(_classes(group) for group in groups.values())]
    if len(results) == 1:
        parts.append(_confusion(results[0]))
    return "\n\n".join(parts)


def _accuracies(results: list[ModelEvaluation]) -> str:
    rows = [
        [
            item.model.name,
            item.model.scheme,
            item.scored.dataset,
            f"{item.evaluation.images:,}",
            percent(item.evaluation.accuracy),
            f"{item.images_per_second:,.0f}" if item.images_per_second else ABSENT,
            size(item.model.size_bytes),
        ]
        for item in results
    ]
    header = ["model", "scheme", "data set", "images", "accuracy", "images/s", "size"]
    return table(header, rows, left=3)


def _classes(results: list[ModelEvaluation]) -> str:
    """Accuracy by class, for models of the same classes on the same images."""
    schemes = [item.model.scheme for item in results]
    header = ["accuracy by class"]
    for item, scheme in zip(results, schemes, strict=True):
        header.append(scheme if schemes.count(scheme) == 1 else f"{item.model.format} {scheme}")
    rows = []
    for index, label in enumerate(results[0].scored.labels):
        shares = [item.evaluation.class_accuracy[index] for item in results]
        rows.append([label, *(percent(share, 1) for share in shares)])
    return table(header, rows)


def _confusion(result: ModelEvaluation) -> str:
    header = ["true class \\ answer", *(str(index) for index in range(len(result.scored.labels)))]
    rows = [
        [f"{index} {label}", *(str(count) for count in result.evaluation.confusion[index])]
        for index, label in enumerate(result.scored.labels)
    ]
    return table(header, rows)
