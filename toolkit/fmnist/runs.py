"""Run directories: where everything one run made is, and which run is the newest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_runtime.errors import FmnistError, OutputError, ResultError
from fmnist_runtime.files import require_file

RUNS = Path("runs")


@dataclass(frozen=True)
class Run:
    """A run directory and the names of what is in it."""

    folder: Path

    @property
    def model(self) -> Path:
        """The original."""
        return self.folder / "model.keras"

    @property
    def history(self) -> Path:
        """Loss and accuracy of each epoch."""
        return self.folder / "history.csv"

    @property
    def train_json(self) -> Path:
        """Settings and results of the training. Written first without, last with a finishing time."""
        return self.folder / "train.json"

    @property
    def reference(self) -> Path:
        """The original's scores on the test split."""
        return self.folder / "reference.npz"

    @property
    def exports(self) -> Path:
        """Folder of the artifacts."""
        return self.folder / "export"

    def result(self, kind: str) -> Path:
        """File of a verb's result: ``eval``, ``parity`` or ``bench``."""
        return self.folder / f"{kind}.json"

    def training(self) -> dict[str, Any]:
        """What the training recorded.

        Raises:
            ResultError: It has not finished, or the record is missing or damaged.
        """
        record = read_json(self.train_json)
        if not record.get("finished"):
            raise ResultError(f"{self.folder}: its training has not finished; fmnist train starts a new one")
        return record

    def artifacts(self) -> list[Path]:
        """The exported files of this run's model, in the order of the manifest; none before an export."""
        path = self.exports / "manifest.json"
        if not path.exists():
            return []
        try:
            return [self.exports / Path(entry["file"]).name for entry in read_json(path)["artifacts"]]
        except (KeyError, TypeError) as error:
            raise ResultError(f"{path}: is damaged; run: fmnist export {self.model}") from error


def newest_run() -> Run:
    """The run under ``runs/`` whose training finished last.

    Raises:
        ResultError: There is none.
    """
    finished: list[tuple[str, Run]] = []
    for path in RUNS.glob("*/train.json"):
        run = Run(path.parent)
        try:
            finished.append((str(run.training()["finished"]), run))
        except FmnistError:
            continue  # unfinished or damaged: not one to take unasked
    if not finished:
        raise ResultError(f"no finished run under {RUNS}/: name a model, or make one with: fmnist train")
    return max(finished, key=lambda entry: entry[0])[1]


def run_of(model: Path) -> Run | None:
    """The run that a model or artifact lies in, if any."""
    for folder in (model.parent, model.parent.parent):
        if (folder / "train.json").is_file():
            return Run(folder)
    return None


def new_run(dataset: str) -> Run:
    """A run directory that does not exist yet: ``runs/DATASET``, else ``runs/DATASET-2`` and so on."""
    name = Path(dataset).name
    number = 1
    while True:
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        if not folder.exists():
            return Run(folder)
        number += 1


def require_ours(folder: Path, force: bool) -> None:
    """Check that a training may write into a folder: it is new, empty, or a run already.

    Raises:
        OutputError: It holds something else.
    """
    if force or (folder / "train.json").is_file() or not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder}: is a file; --out names the folder of a run")
    if any(folder.iterdir()):
        raise OutputError(f"{folder}: holds files, but no run; choose another --out, or --force to use it")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ResultError: The file is missing or not a JSON object.
    """
    require_file(path, "a result in JSON", ResultError)
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise ResultError(f"{path}: is damaged ({error})") from error
    if not isinstance(record, dict):
        raise ResultError(f"{path}: is not a JSON object")
    return record
