"""Select the models of a verb, and the data to run them on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.models.open import images_of_a_dataset, is_model_file, known_preparation
from fmnist.runs.run import Run, is_run, newest_run, require_there, select_run, training_of
from fmnist.text.progress import say_notes
from fmnist_runtime import Session
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.data.images import image_shape, is_image_shape
from fmnist_runtime.engines import ENGINES
from fmnist_runtime.engines.session import ModelInfo
from fmnist_runtime.errors import DatasetError, MissingExtraError, ResultError

if TYPE_CHECKING:
    from fmnist.datasets.read import Wanted


@dataclass(frozen=True)
class Selection:
    """The models of a verb."""

    paths: tuple[Path, ...]
    """Model files; for a run its artifacts in the order of the manifest."""
    run: Run | None
    """Their run; None if the user named files."""


def select_models(named: list[Path]) -> Selection:
    """Return the named models; for a run its artifacts, by default those of the newest run.

    Raises:
        ResultError: No model is named and there is no finished run, or a run is missing, or is named with
            other models.
    """
    if len(named) == 1 and is_run(named[0]):
        return Selection(tuple(Run(named[0]).artifacts()), Run(named[0]))
    for path in named:
        if is_run(path):
            raise ResultError(
                f"{path}: is a run, which must be the only argument; or name files, "
                f"such as {path}/export/model-*"
            )
        if not path.suffix:
            require_there(path)
    if named:
        return Selection(tuple(named), None)
    run = newest_run()
    return Selection(tuple(run.artifacts()), run)


def distinct_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Return names for files: the file name, or the path if several files have that name.

    Readers of results, such as CI systems, merge entries of one name, and may lose the one that failed.
    """
    different = dict.fromkeys(paths)
    counts = Counter(path.name for path in different)
    return {path: path.name if counts[path.name] == 1 else str(path) for path in different}


def select_artifacts(named: list[Path]) -> Selection:
    """Return the models like `select_models`, for a verb that needs an artifact.

    Raises:
        ResultError: There is none.
    """
    selection = select_models(named)
    if not selection.paths:
        run = selection.run
        none = f"{run.folder}: nothing is exported yet" if run else "nothing is exported yet"
        if run and any(run.exports.glob("model-*")):
            none = f"{run.exports}: its manifest.json lists no artifact of the run's present model"
        which = f" {run.folder}" if run else ""  # without it, the newest run would be used
        raise ResultError(f"{none}; run: fmnist export{which} --format all --quantize all")
    return selection


def select_artifact(named: Path | None, engine: str) -> tuple[Path, Run | None]:
    """Return the model file that the user named, or an artifact of the named or newest run.

    The artifact is the first of the manifest whose engine is installed, else the first. The engine is a name
    in `ENGINES`, or ``auto``.

    Returns:
        The file, and its run, if a run was used.

    Raises:
        ResultError: There is no finished run, or it has no artifact.
    """
    if named is not None and is_model_file(named):
        return named, None
    run = select_run(named)
    paths = select_artifacts([run.folder]).paths
    return next((path for path in paths if _is_installed(path, engine)), paths[0]), run


def _is_installed(path: Path, engine: str) -> bool:
    """Return whether the engine of an artifact can be imported."""
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

    def __init__(self, dataset: str | None, data_dir: Path | None, preparation: str = "") -> None:
        """Use each model's own data set, unless one is named for all.

        Pictures of a named data set are prepared as named, else as the model says.
        """
        self._named = dataset
        self._data_dir = data_dir
        self.preparation = preparation
        self._load = cache(self._read)

    @property
    def is_named(self) -> bool:
        """Whether the user named a data set for all models."""
        return self._named is not None

    def _read(self, name: str, wanted: Wanted | None) -> Dataset:
        if self._named:  # else a file says it, which may come from anywhere
            from fmnist.datasets.read import as_idx  # takes a while, which one prediction needs not

            name = as_idx(name, wanted)
        split = load_dataset(name, "test", self._data_dir)
        say_notes(split.notes)
        return split

    def of(self, session: Session) -> Dataset:
        """Return the test split to run a model on; see `trained`.

        Raises:
            ShapeError: Its images do not have the model's shape.
            DatasetError: As in `trained`.
        """
        info = session.info
        trained_on = info.dataset, info.dataset_digest
        if not (info.metadata or info.dataset):
            trained_on = _recorded(info.path)
        split = self._trained(info.path, *trained_on, self._wanted(info) if self._named else None)
        with images_of_a_dataset(self._named):
            session.scores(split.images[:0])
        return split

    def trained(self, path: Path, metadata: Metadata | None = None) -> Dataset:
        """Return the test split of a model's data set, unless one is named for all.

        Raises:
            DatasetError: As in `named`, or the data set of that name is a different one.
        """
        return self._trained(
            path, *((metadata.dataset, metadata.dataset_digest) if metadata else _recorded(path))
        )

    def _trained(self, path: Path, dataset: str, digest: str, wanted: Wanted | None = None) -> Dataset:
        split = self.named(dataset or None, path, wanted)
        if not self._named and digest not in ("", split.digest):
            raise DatasetError(
                f"{split.name}: is not the data set that {path} was trained on, although it has its name; "
                "give that with --dataset or --data-dir"
            )
        return split

    def named(self, dataset: str | None, path: Path, wanted: Wanted | None = None) -> Dataset:
        """Return the test split of a data set, whose pictures are read as wanted.

        Raises:
            DatasetError: It is missing or damaged, or the data set of the model at the path is unknown.
        """
        name = self._named or dataset
        if name is None:
            raise DatasetError(f"{path}: does not name its data set; give it with --dataset")
        if self._named and wanted is None and dataset:
            from fmnist.datasets.read import wanted_like

            wanted = wanted_like(dataset, self._data_dir)
        return self._load(name, wanted)

    def _wanted(self, info: ModelInfo) -> Wanted | None:
        """Return how pictures are read for a model; None if it takes no images."""
        from fmnist.datasets.read import Wanted

        shape = image_shape(info.input_shape)
        if not is_image_shape(shape):
            return None
        color = "rgb" if shape[2:] == (3,) else "grey"
        preparation = self.preparation or known_preparation(info)
        return Wanted((shape[1], shape[0]), color, preparation=preparation)
