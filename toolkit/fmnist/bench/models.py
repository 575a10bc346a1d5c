"""The models that a benchmark is of, and the images they are timed on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fmnist.models.open import FOUND, Execution, is_keras, open_model, open_on
from fmnist.models.select import Splits
from fmnist.runs.run import run_of
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import FmnistError, ModelError
from fmnist_runtime.files import require_file


def with_baseline(paths: Sequence[Path]) -> list[Path]:
    """The models, with their run's original before them where TensorFlow is installed."""
    run = run_of(paths[0])
    if run is None or run.model in paths or not run.model.is_file() or find_spec("tensorflow") is None:
        return list(paths)
    return [run.model, *paths]


def shared_split(paths: Sequence[Path], splits: Splits) -> Dataset:
    """The test split that models are timed on: of the first that says which it is.

    No engine is loaded for that, as each is to be loaded, and to crash, in a process of its own.

    Raises:
        FmnistError: None says, or it is missing or damaged: what is wrong with the first.
    """
    errors: list[FmnistError] = []
    for path in paths:
        try:
            return split_of(path, splits)
        except FmnistError as error:
            errors.append(error)
    if paths[0].is_file():
        open_model(paths[0]).close()  # a file that is no model at all is told of as such
    raise errors[0]


def find_ranges(
    paths: Sequence[Path], named: str | None, split: Dataset
) -> tuple[dict[str, str], dict[Path, FmnistError]]:
    """What pixels become in front of each model that does not say it, as labelled images do.

    Args:
        paths: The models.
        named: What the user says of all of them; then nothing is found out.
        split: Labelled images.

    Returns:
        The ranges that were found, by path, and why others were not.
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
    """The test split of what a model was trained on; no engine is loaded.

    Raises:
        FmnistError: The model is missing or does not say, or the data is missing or damaged.
    """
    require_file(path, "a model file", ModelError)
    return splits.trained(path, None if is_keras(path) else read_metadata(path))
