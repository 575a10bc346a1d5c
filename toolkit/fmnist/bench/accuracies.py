"""How often the models are right that were timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.models import split_of
from fmnist.bench.result import Benchmark
from fmnist.models.open import Execution, ModelFile, is_keras
from fmnist.models.select import Splits
from fmnist.results.read import DamageError, Part
from fmnist.results.write import schema
from fmnist.runs.run import Run, read_json, run_of
from fmnist.scoring.evaluate import evaluate_models
from fmnist_runtime.errors import FmnistError, ResultError
from fmnist_runtime.evaluate import evaluate


@dataclass(frozen=True)
class Accuracies:
    """Accuracies on the test split, from 0 to 1."""

    accuracies: Mapping[Configuration, float] = field(default_factory=dict)
    """Of each that was timed, but for the empty call and what failed."""
    failures: tuple[FmnistError, ...] = ()
    """Why some have none."""


def find_accuracies(benchmark: Benchmark, splits: Splits) -> Accuracies:
    """Accuracy of each model that was timed, with each engine: as its run has recorded it, else measured.

    This loads engines, and so comes after the timing.
    """
    found: dict[tuple[Path, str], float | FmnistError] = {}
    shared: dict[Configuration, tuple[Path, str]] = {}
    for result in benchmark.results:
        item = result.configuration
        if item.path is None or result.model is None:
            continue
        shared[item] = key = (item.path, item.engine)
        if key not in found:
            try:
                found[key] = _accuracy(*key, result.model, splits, benchmark.method)
            except FmnistError as error:
                found[key] = error
    values = {item: found[key] for item, key in shared.items()}
    return Accuracies(
        {item: value for item, value in values.items() if isinstance(value, float)},
        tuple(value for value in found.values() if isinstance(value, FmnistError)),
    )


def _accuracy(path: Path, engine: str, model: ModelFile, splits: Splits, method: Method) -> float:
    digest, run = split_of(path, splits).digest, run_of(path)
    recorded = _original(run, model, digest) if is_keras(path) else _evaluated(run, model, digest)
    if recorded is not None:
        return recorded
    range = method.found_ranges.get(str(path), method.input_range)
    how = Execution(1, "auto" if is_keras(path) else engine, range)
    [measured] = evaluate_models([path], splits, how)
    return measured.evaluation.accuracy


def _evaluated(run: Run | None, model: ModelFile, digest: str) -> float | None:
    """What a run's evaluation says of the same file, with the same engine on the same images, if it does."""
    same = (model.sha256, model.engine, digest)
    try:
        record = read_json(run.result("eval")) if run else {}
        if record.get("schema") != schema("eval"):
            return None
        for entry in Part(record)["models"].items():
            if tuple(entry[key].value for key in ("sha256", "engine", "dataset_digest")) == same:
                return entry["accuracy"].figure()
    except (ResultError, DamageError):
        pass  # what is damaged says nothing
    return None


def _original(run: Run | None, model: ModelFile, digest: str) -> float | None:
    """The same of an original, by its recorded scores: Keras takes seconds to open it again."""
    try:
        scored = run.recorded_scores() if run else None
    except ResultError:
        return None
    same = (model.sha256, digest, model.input_range)
    if scored is None or (scored.model_sha256, scored.dataset_digest, scored.source_range) != same:
        return None
    return evaluate(scored.scores, scored.targets).accuracy
