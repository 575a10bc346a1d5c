"""The models that a benchmark times: their images, their input ranges and their accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from fmnist.bench.configuration import Method
from fmnist.bench.record import Benchmark
from fmnist.models.open import FOUND, Execution, is_keras, open_model, open_on
from fmnist.models.select import Splits
from fmnist.results.read import DamageError, read_result
from fmnist.results.timed import TimedModel
from fmnist.runs.run import Run, run_of
from fmnist.scoring.evaluate import evaluate_models
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import FmnistError, ModelError, ResultError
from fmnist_runtime.evaluate import evaluate
from fmnist_runtime.files import require_file


def with_baseline(paths: Sequence[Path]) -> list[Path]:
    """Return the models, after their run's original if TensorFlow is installed."""
    run = run_of(paths[0])
    if run is None or run.model in paths or not run.model.is_file() or find_spec("tensorflow") is None:
        return list(paths)
    return [run.model, *paths]


def shared_split(paths: Sequence[Path], splits: Splits) -> Dataset:
    """Return the test split that models are timed on: that of the first model that names one.

    No engine is loaded, as each is loaded, and may crash, in a process of its own.

    Raises:
        FmnistError: No model names one, or it is missing or damaged; the error is that of the first model.
    """
    errors: list[FmnistError] = []
    for path in paths:
        try:
            return split_of(path, splits)
        except FmnistError as error:
            errors.append(error)
    if paths[0].is_file():
        open_model(paths[0]).close()  # raises if it is not a model at all
    raise errors[0]


def find_ranges(
    paths: Sequence[Path], named: str | None, split: Dataset
) -> tuple[dict[str, str], dict[Path, FmnistError]]:
    """Find the input range of each model that does not state it, with labelled images.

    If the user named a range for all of them, none is searched.

    Returns:
        The ranges that were found, by path, and the errors of the others.
    """
    found: dict[str, str] = {}
    unknown: dict[Path, FmnistError] = {}
    for path in paths if named is None else ():
        try:
            require_file(path, "a model file", ModelError)
            if is_keras(path) or read_metadata(path) is None:
                session, _ = open_on(path, Execution(), lambda opened: split)
                with session:
                    contract = session.info.contract
                    if contract.known_from == FOUND and contract.range:
                        found[str(path)] = contract.range
        except FmnistError as error:
            unknown[path] = error
    return found, unknown


def split_of(path: Path, splits: Splits) -> Dataset:
    """Return the test split of a model's data set; no engine is loaded.

    Raises:
        FmnistError: The model is missing or does not name it, or the data is missing or damaged.
    """
    require_file(path, "a model file", ModelError)
    return splits.trained(path, None if is_keras(path) else read_metadata(path))


def find_accuracies(benchmark: Benchmark, splits: Splits) -> tuple[Benchmark, list[FmnistError]]:
    """Add the accuracy of each model, with each engine: as its run has recorded it, else measured.

    This loads engines, and so comes after the timing.

    Returns:
        The benchmark with accuracies, and why some are missing.
    """
    found: dict[tuple[Path, str], float | FmnistError] = {}
    models = []
    for model in benchmark.models:
        assert model.path is not None  # as only the empty call has none
        key = (model.path, model.runner)
        if key not in found:
            try:
                found[key] = _accuracy(model, model.path, splits, benchmark.method)
            except FmnistError as error:
                found[key] = error
        accuracy = found[key]
        models.append(replace(model, accuracy=accuracy if isinstance(accuracy, float) else None))
    errors = [value for value in found.values() if isinstance(value, FmnistError)]
    return replace(benchmark, models=tuple(models)), errors


def _accuracy(model: TimedModel, path: Path, splits: Splits, method: Method) -> float:
    digest, run = split_of(path, splits).digest, run_of(path)
    recorded = _original(run, model, digest) if is_keras(path) else _evaluated(run, model, digest)
    if recorded is not None:
        return recorded
    range = method.found_ranges.get(str(path), method.input_range)
    how = Execution(1, "auto" if is_keras(path) else model.runner, range)
    [measured] = evaluate_models([path], splits, how)
    return measured.evaluation.accuracy


def _evaluated(run: Run | None, model: TimedModel, digest: str) -> float | None:
    """Return the accuracy that a run's evaluation has for the same file, engine and images, if any."""
    same = (model.sha256, model.engine, digest)
    try:
        for entry in read_result(run.result("eval"), "eval", "")["models"].items() if run else ():
            if tuple(entry[key].value for key in ("sha256", "engine", "dataset_digest")) == same:
                return entry["accuracy"].number(0, 1)
    except (ResultError, DamageError):
        pass  # a missing or damaged result has no accuracy
    return None


def _original(run: Run | None, model: TimedModel, digest: str) -> float | None:
    """Return the same of an original, by its recorded scores: Keras takes seconds to open it again."""
    try:
        scored = run.recorded_scores() if run else None
    except ResultError:
        return None
    same = (model.sha256, digest, model.input_range)
    if scored is None or (scored.model_sha256, scored.dataset_digest, scored.source_range) != same:
        return None
    return evaluate(scored.scores, scored.targets).accuracy
