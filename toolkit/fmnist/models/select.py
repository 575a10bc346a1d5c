"""Which models a verb works on, and the data they are run on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from fmnist.models.open import images_of_a_dataset, is_model_file
from fmnist.runs.run import Run, is_run, newest_run, require_there, select_run, training_of
from fmnist.text.progress import say_notes
from fmnist_runtime import Session
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.engines import ENGINES
from fmnist_runtime.errors import DatasetError, MissingExtraError, ResultError


@dataclass(frozen=True)
class Selection:
    """The models a verb works on."""

    paths: tuple[Path, ...]
    """Model files; for a run its artifacts, in the order of its manifest."""
    run: Run | None
    """The run they are all of; None when the user named files."""


def select_models(named: list[Path]) -> Selection:
    """The models the user named, a run's folder standing for its artifacts; else those of the newest run.

    Raises:
        ResultError: None is named and there is no finished run, or a run is named that is not there, or
            beside others.
    """
    if len(named) == 1 and is_run(named[0]):
        return Selection(tuple(Run(named[0]).artifacts()), Run(named[0]))
    for path in named:
        if is_run(path):
            raise ResultError(
                f"{path}: is a run, which goes alone; or name files, such as {path}/export/model-*"
            )
        if not path.suffix:
            require_there(path)
    if named:
        return Selection(tuple(named), None)
    run = newest_run()
    return Selection(tuple(run.artifacts()), run)


def distinct_names(paths: Iterable[Path]) -> dict[Path, str]:
    """What files are called: by their name, or by their path where others have that name, too.

    Who reads a result by names, as CI systems do, takes two of one name for one, and need not take the one
    that failed.
    """
    different = dict.fromkeys(paths)
    counts = Counter(path.name for path in different)
    return {path: path.name if counts[path.name] == 1 else str(path) for path in different}


def select_artifacts(named: list[Path]) -> Selection:
    """As `select_models`, for a verb that can do nothing without an artifact.

    Raises:
        ResultError: There is none.
    """
    selection = select_models(named)
    if not selection.paths:
        run = selection.run
        none = f"{run.folder}: nothing is exported yet" if run else "nothing is exported yet"
        if run and any(run.exports.glob("model-*")):
            none = (
                f"{run.exports}: its manifest.json lists nothing that was made from the run's present model"
            )
        which = f" {run.folder}" if run else ""  # without it, that would be the newest
        raise ResultError(f"{none}; run: fmnist export{which} --format all --quantize all")
    return selection


def select_artifact(named: Path | None, engine: str) -> tuple[Path, Run | None]:
    """The model file the user named; of a run they named, else of the newest, an artifact.

    It is the first one of the manifest whose engine is installed; where none is, the first of all.

    Args:
        named: A model file or a run.
        engine: What is to run it: a name in `ENGINES`, or ``auto``.

    Returns:
        The file, and the run that it was taken from, if any.

    Raises:
        ResultError: There is no finished run, or it has no artifact.
    """
    if named is not None and is_model_file(named):
        return named, None
    run = select_run(named)
    paths = select_artifacts([run.folder]).paths
    return next((path for path in paths if _is_installed(path, engine)), paths[0]), run


def _is_installed(path: Path, engine: str) -> bool:
    """Whether what would run an artifact can be imported."""
    runners = [
        runner
        for name, (suffixes, runner) in ENGINES.items()
        if path.suffix in suffixes and engine in ("auto", name)
    ]
    try:
        return bool(runners and import_module(runners[0].partition(":")[0]))
    except MissingExtraError:
        return False


def dataset_of(path: Path) -> str | None:
    """Return the data set of the run that a model lies in; None if it lies in none."""
    return _recorded(path)[0] or None


def _recorded(path: Path) -> tuple[str, str]:
    """Return the data set of the run that a model lies in, and its digest; empty if it lies in none."""
    found = training_of(path)
    return (found[1]["settings"]["dataset"], found[1]["test_digest"]) if found else ("", "")


class Splits:
    """Test splits by data set, each read once."""

    def __init__(self, dataset: str | None, data_dir: Path | None) -> None:
        """Take every model's own data set, unless one is named for all."""
        self._named = dataset
        self._data_dir = data_dir
        self._load = cache(self._read)

    def _read(self, name: str) -> Dataset:
        split = load_dataset(name, "test", self._data_dir)
        say_notes(split.notes)
        return split

    def of(self, session: Session) -> Dataset:
        """The test split to run a model on; see `trained`.

        Raises:
            ShapeError: Its images do not have the shape that the model takes.
            DatasetError: As of `trained`.
        """
        info = session.info
        if info.metadata or info.dataset:
            split = self._trained(info.path, info.dataset, info.dataset_digest)
        else:
            split = self.trained(info.path)
        with images_of_a_dataset(self._named):
            session.scores(split.images[:0])
        return split

    def trained(self, path: Path, metadata: Metadata | None = None) -> Dataset:
        """The test split of the data set that a model was trained on, unless one is named for all.

        Raises:
            DatasetError: As of `named`, or what has that name now is another.
        """
        return self._trained(
            path, *((metadata.dataset, metadata.dataset_digest) if metadata else _recorded(path))
        )

    def _trained(self, path: Path, dataset: str, digest: str) -> Dataset:
        split = self.named(dataset or None, path)
        if not self._named and digest not in ("", split.digest):
            raise DatasetError(
                f"{split.name}: is not the data set that {path} was trained on, though its name is; "
                "name it with --dataset or --data-dir"
            )
        return split

    def named(self, dataset: str | None, path: Path) -> Dataset:
        """The test split of a data set.

        Raises:
            DatasetError: It is missing or damaged, or nobody says which to take for the model at the path.
        """
        name = self._named or dataset
        if name is None:
            raise DatasetError(f"{path}: says nothing of its data set; name it with --dataset")
        return self._load(name)
