"""Run directories: the names of what is in them, and which run is the newest."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.results.read import read_json
from fmnist.runs.history import Epoch
from fmnist.runs.settings import TrainSettings
from fmnist_runtime.artifact.contract import RAW, parse_range
from fmnist_runtime.data.preparation import parse_preparation
from fmnist_runtime.engines import KERAS_SUFFIXES
from fmnist_runtime.errors import FmnistError, OutputError, ResultError
from fmnist_runtime.files import require_writable, sha256_file
from fmnist_runtime.recorded import Reference, read_reference

RUNS = Path("runs")
TRAIN_SCHEMA, IMPORT_SCHEMA = "fmnist.train/1", "fmnist.import/1"
DEVICE_RESULTS = ("doctor", "eval", "parity", "bench")
"""The verbs that `fmnist deploy` runs on a device, in this order; their results are in ``devices/HOST``."""


@dataclass(frozen=True)
class RunRecord:
    """What makes a folder a run."""

    labels: tuple[str, ...]
    """Class names, by class index."""
    test_digest: str
    """Digest of the test split, as of `fmnist_runtime.data.datasets.Dataset`."""
    model_sha256: str
    """SHA-256 of the model's file: ``model.keras``, or the file that was imported."""
    test_accuracy: float
    """Accuracy on the test split, from 0 to 1."""
    finished: str
    """When it was done: ISO 8601, UTC. The newest run is the one that was done last."""


@dataclass(frozen=True)
class TrainingBody(RunRecord):
    """The content of ``train.json``."""

    settings: TrainSettings
    """What was trained, and how."""
    train_digest: str
    """Digest of the training split, as of `fmnist_runtime.data.datasets.Dataset`."""
    parameters: int
    """Number of the model's weights."""
    epochs: tuple[Epoch, ...]
    """The course of the training, as in ``history.csv``."""


@dataclass(frozen=True)
class ImportSettings:
    """What is known of an imported model's data."""

    dataset: str
    """Data set that it was scored on: its name, or the folder of one's own."""
    preparation: str
    """How a picture becomes its input, by `fmnist_runtime.data.preparation`; empty if nobody says."""


@dataclass(frozen=True)
class ImportBody(RunRecord):
    """The content of ``import.json``."""

    settings: ImportSettings
    """What is known of its data."""
    file: str
    """Name of the file that was imported."""
    parameters: int
    """Number of the model's weights; 0 if that cannot be read."""
    input_range: str
    """What pixels become in front of it."""
    range_known_from: str
    """Where that is known from."""


@dataclass(frozen=True)
class Run:
    """A run directory and the names of what is in it."""

    folder: Path

    @property
    def model(self) -> Path:
        """The original: a Keras model, which a training wrote or somebody else."""
        return next((path for path in self.originals() if path.is_file()), self.originals()[0])

    def originals(self) -> list[Path]:
        """Return the paths that an original may have; a training writes the first."""
        return [self.folder / f"model{suffix}" for suffix in KERAS_SUFFIXES]

    @property
    def history(self) -> Path:
        """Loss and accuracy of each epoch."""
        return self.folder / "history.csv"

    @property
    def initial_weights(self) -> Path:
        """The weights before training: an array for each trained variable, by its Keras path."""
        return self.folder / "initial.npz"

    @property
    def train_json(self) -> Path:
        """Settings and results of the training, and when it finished. Written last."""
        return self.folder / "train.json"

    @property
    def import_json(self) -> Path:
        """The same for an imported model. Written last."""
        return self.folder / "import.json"

    def is_imported(self) -> bool:
        """Return whether its model was made elsewhere, so that there is no training."""
        return self.import_json.is_file() and not self.train_json.is_file()

    def has_original(self) -> bool:
        """Return whether its artifacts are exported from a Keras model, and not imported themselves."""
        return not self.is_imported() or Path(self.training()["file"]).suffix.lower() in KERAS_SUFFIXES

    def record(self) -> Path:
        """Return the file that makes the folder a run: the record of its training or import."""
        return self.import_json if self.is_imported() else self.train_json

    def require_trained(self) -> None:
        """Check that the model was trained here.

        Raises:
            ResultError: It was imported.
        """
        if self.is_imported():
            raise ResultError(
                f"{self.folder}: holds an imported model, of which there is no training here; to train its "
                "Keras model further: fmnist train --resume FILE"
            )

    def require_original(self) -> None:
        """Check that there is a Keras model.

        Raises:
            ResultError: The run is of an imported file of another format.
        """
        if not self.has_original():
            raise ResultError(
                f"{self.folder}: holds an imported {self.training()['file']}, and no Keras model; to see its "
                f"results: fmnist report {self.folder}"
            )

    @property
    def checkpoints(self) -> Path:
        """Folder of the state after the last epoch, from which a training resumes."""
        return self.folder / "checkpoints"

    @property
    def reference(self) -> Path:
        """The original's scores on the test split."""
        return self.folder / "reference.npz"

    @property
    def exports(self) -> Path:
        """Folder of the artifacts."""
        return self.folder / "export"

    def plot(self, name: str) -> Path:
        """Return a picture's file: ``history``, ``predictions``, ``mistakes``, ``weights``, ``confusion``."""
        return self.folder / "plots" / f"{name}.svg"

    def result(self, kind: str) -> Path:
        """Return the file of a verb's result: ``eval``, ``parity`` or ``bench``."""
        return self.folder / f"{kind}.json"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.folder / "report.html"

    def training(self) -> dict[str, Any]:
        """Return the record of the training or import.

        Raises:
            ResultError: The record is missing, damaged, or not one of ours.
        """
        path, schema = self.record(), IMPORT_SCHEMA if self.is_imported() else TRAIN_SCHEMA
        record = read_json(path)
        if record.get("schema") != schema:
            raise ResultError(f"{path}: is not a record of fmnist ({schema})")
        settings, labels = record.get("settings"), record.get("labels")
        texts = [settings.get("dataset") if isinstance(settings, dict) else None, record.get("test_digest")]
        texts += labels if isinstance(labels, list) else [None]
        texts += [record.get("file")] if self.is_imported() else []
        if not all(isinstance(text, str) for text in texts):
            mend = "import the model" if self.is_imported() else "train the run"
            raise ResultError(f"{path}: is damaged; {mend} again")
        try:
            parse_range(record.get("input_range", RAW))
            parse_preparation(record["settings"].get("preparation") or "stretch")
        except (ValueError, AttributeError) as error:
            raise ResultError(f"{path}: is damaged ({error}); make the run again") from error
        return record

    def recorded_scores(self) -> Reference:
        """Return the original's scores on the test split.

        Raises:
            ResultError: They are missing, damaged, or of another model than the run's.
        """
        reference = read_reference(self.reference)
        if self.model.is_file() and sha256_file(self.model) != reference.model_sha256:
            verb = "import it" if self.is_imported() else "train the run"
            raise ResultError(f"{self.reference}: is not of {self.model.name}; {verb} again")
        return reference

    def artifacts(self) -> list[Path]:
        """Return the exported files of this run's model, in the order of the manifest.

        Empty before an export, and when the model was trained again since.
        """
        paths = [path for path, current in self._exported() if current]
        for artifact in paths:
            if not artifact.is_file():
                verb = f"export {self.model}" if self.has_original() else "import FILE"
                raise ResultError(f"{artifact}: is gone; make it again with: fmnist {verb}")
        return paths

    def stale_artifacts(self) -> list[Path]:
        """Return the exported files that are of another model than the run's present one."""
        return [path for path, current in self._exported() if not current and path.is_file()]

    def _exported(self) -> list[tuple[Path, bool]]:
        """Return the files in the manifest, each with whether it was made from the run's present model."""
        path = self.exports / "manifest.json"
        if not path.exists():
            return []
        digest = sha256_file(self.model) if self.model.is_file() else None
        try:
            return [
                (self.exports / Path(entry["file"]).name, digest in (None, entry["source_sha256"]))
                for entry in read_json(path)["artifacts"]
            ]
        except (KeyError, TypeError) as error:
            raise ResultError(f"{path}: is damaged; run: fmnist export {self.model}") from error


def newest_run() -> Run:
    """Return the run under ``runs/`` whose training finished last.

    Raises:
        ResultError: There is none.
    """
    finished: list[tuple[str, Run]] = []
    for path in (*RUNS.glob("*/train.json"), *RUNS.glob("*/import.json")):
        run = Run(path.parent)
        try:
            finished.append((str(run.training().get("finished")), run))
        except FmnistError:
            continue  # a damaged run is never the default
    if not finished:
        raise ResultError(f"no finished run under {RUNS}/: name a model, or make one with: fmnist train")
    return max(finished, key=lambda entry: entry[0])[1]


def select_run(named: Path | None) -> Run:
    """Return the run that the user named, else the newest.

    Raises:
        ResultError: The named folder is not a run, or none is named and there is none.
    """
    if named is None:
        return newest_run()
    require_there(named)
    if not Run(named).record().exists():
        raise ResultError(
            f"{named}: is not a run; give the folder that fmnist train wrote, or fmnist import with --dataset"
        )
    Run(named).training()
    return Run(named)


def require_there(named: Path) -> None:
    """Check that a run or file that the user named exists.

    Raises:
        ResultError: It does not; the message lists the runs that do.
    """
    if os.path.lexists(named):
        return
    runs = sorted(
        {str(path.parent) for record in ("train", "import") for path in RUNS.glob(f"*/{record}.json")}
    )
    there = f"runs that are there: {', '.join(runs)}" if runs else f"there are no runs under {RUNS}/"
    raise ResultError(f"{named}: no such run or file; {there}")


def run_of(model: Path) -> Run | None:
    """Return the run that a model or artifact is in, if any."""
    found = training_of(model)
    return found[0] if found else None


def training_of(model: Path) -> tuple[Run, dict[str, Any]] | None:
    """Return the run that a model or artifact is in, and the record of its training; None if in no run."""
    absolute = model.absolute()  # not resolved: a link belongs to the run that it is in
    for run in (Run(absolute.parent), Run(absolute.parent.parent)):
        with suppress(FmnistError):
            return run, run.training()
    return None


def is_run(folder: Path) -> bool:
    """Return whether a folder holds a readable record of a training or import."""
    try:
        return folder.is_dir() and bool(Run(folder).training())
    except FmnistError:
        return False


def new_run(dataset: str) -> Run:
    """Return a run directory that does not exist yet: ``runs/DATASET``, else ``runs/DATASET-2`` and so on."""
    name = run_name(dataset)
    number = 1
    while True:
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        if not folder.exists():
            return Run(folder)
        number += 1


def run_name(dataset: str) -> str:
    """Return the name of a data set's runs: its own, or that of its folder."""
    return Path(dataset).resolve().name or "data"


def require_ours(run: Run, force: bool) -> None:
    """Check that a training may write into a run's folder: it is new, empty, or a run already.

    Raises:
        OutputError: It holds something else, or cannot be written.
    """
    require_writable(run.train_json)
    if not force:
        run.require_trained()
    if not run.folder.exists() or force or is_run(run.folder):
        return
    begun = {run.initial_weights, run.checkpoints}  # by a training that was interrupted
    if set(run.folder.iterdir()) - begun:
        raise OutputError(
            f"{run.folder}: holds files, but no run; choose another folder with --out, or use it with --force"
        )
