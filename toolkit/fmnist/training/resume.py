"""Decide which training a run still needs, and do it: all, the rest, or none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fmnist.runs.history import Epoch, read_history
from fmnist.runs.run import Run, new_run, require_ours, require_there, run_of
from fmnist.runs.settings import PRESETS, TrainSettings
from fmnist.text.progress import Progress, say
from fmnist.training.checkpoints import Checkpoint, latest_checkpoint
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.errors import FmnistError, ModelError, ResultError, needs_extra
from fmnist_runtime.files import require_file, sha256_file


def train_or_keep(run: Run, settings: TrainSettings, data_dir: Path | None, force: bool) -> None:
    """Train into a run directory; keep or continue a training that is there, if it is the same.

    Raises:
        OutputError: The folder holds something other than a run.
        FmnistError: The training could not be done.
    """
    require_ours(run, force)
    if _is_trained(run, settings, data_dir):
        say(f"train: kept {run.model}")
        return
    start = _unfinished(run, settings, data_dir)
    if start:
        say(f"train: continuing after epoch {len(start.epochs)}")
    _train(settings, run, data_dir, start)


def resume(
    source: Path,
    given: Mapping[str, Any],
    input_range: str | None,
    out: Path | None,
    data_dir: Path | None,
    force: bool,
) -> None:
    """Continue a training, up to a total number of epochs.

    A run is continued in place; a ``.keras`` file starts a new run, in ``out``, or a folder named for the
    data set. Settings that were not given are those of the source. The input range is that of a file without
    settings. ``force`` uses a folder that holds other files.

    Raises:
        ResultError: There is nothing to continue, or the settings are not those of the training.
        FmnistError: The training could not be done.
    """
    if source.is_dir() and Run(source).is_imported():
        Run(source).require_original()
        source = Run(source).model
    in_place, start = source.is_dir(), None
    if in_place:
        Run(source).require_trained()
        start = latest_checkpoint(Run(source))
    start = start or _state_of_file(Run(source).model if in_place else source)
    if input_range is not None:
        if start.settings:
            raise ResultError(f"{source}: was trained here, on raw pixels; leave out --input-range")
        start = replace(start, input_range=input_range)
    known = start.settings or _settings_of(source)
    for name in _OF_THE_MODEL if start.settings is None else ():
        if name in given:
            raise ResultError(f"{source}: has its own network and optimizer; leave out --{name}")
    for name, value in given.items() if start.settings else ():
        if name != "epochs" and getattr(known, name) != value:
            raise ResultError(
                f"{source}: was trained with {name} {getattr(known, name)}, not {value}; "
                "only --epochs can change when a training is continued"
            )
    settings = replace(known, **given)
    done = len(start.epochs)
    # A training that was killed after its last epoch only has to be finished.
    unfinished = in_place and settings.epochs == done and not _is_trained(Run(source), settings, data_dir)
    if settings.epochs <= done and not unfinished:
        raise ResultError(
            f"{source}: has done {done} epochs; continue with --epochs {done + 10}, or more than {done}"
        )
    if known.cosine_decay and start.settings and settings.epochs != known.epochs:
        raise ResultError(
            f"{source}: its learning rate has fallen to 0 at epoch {known.epochs}; "
            f"train again with --epochs {settings.epochs}"
        )
    run = Run(source) if in_place else Run(out) if out else new_run(settings.dataset)
    require_ours(run, force or in_place)
    say(f"train: {run.folder}, continuing after epoch {done}")
    _train(settings, run, data_dir, start)


def _train(settings: TrainSettings, run: Run, data_dir: Path | None, start: Checkpoint | None) -> None:
    with needs_extra("train", "training"):
        from fmnist.training.train import train
    progress = Progress("train", settings.epochs - (len(start.epochs) if start else 0))
    result = train(settings, run, data_dir, lambda epoch: progress.step(_line(epoch, settings.epochs)), start)
    say(f"train: {run.model}, {result.parameters:,} weights, test accuracy {100 * result.test_accuracy:.2f}%")


def _line(epoch: Epoch, total: int) -> str:
    line = f"epoch {epoch.epoch:2}/{total}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}"
    if not math.isnan(epoch.val_loss):
        line += f"  val_loss {epoch.val_loss:.4f}  val_accuracy {epoch.val_accuracy:.4f}"
    return f"{line}  {epoch.seconds:.1f} s"


def _is_trained(run: Run, settings: TrainSettings, data_dir: Path | None) -> bool:
    try:
        record = run.training()
    except ResultError:
        return False
    files = run.model.is_file() and run.reference.is_file() and run.history.is_file()
    return (
        files
        and TrainSettings.from_record(record["settings"]) == settings
        and record["model_sha256"] == sha256_file(run.model)
        and record["train_digest"] == load_dataset(settings.dataset, "train", data_dir).digest
        and record["test_digest"] == load_dataset(settings.dataset, "test", data_dir).digest
    )


def _unfinished(run: Run, settings: TrainSettings, data_dir: Path | None) -> Checkpoint | None:
    """Return the last checkpoint of the same training, if it was interrupted."""
    try:
        start = latest_checkpoint(run)
    except FmnistError:
        return None  # damaged: train again
    if start is None or start.settings != settings or len(start.epochs) > settings.epochs:
        return None
    digest = load_dataset(settings.dataset, "train", data_dir).digest
    return start if start.train_digest == digest else None


_OF_THE_MODEL = ("network", "hidden", "activation", "dropout", "optimizer")
"""Settings that a model from elsewhere decides itself."""


def _settings_of(model: Path) -> TrainSettings:
    """Return settings to train a model from elsewhere with: on the data set that it was imported with."""
    settings = replace(PRESETS["lecture"], epochs=0, network=model.name, hidden=(), dropout=0.0)
    run = run_of(model)
    if run and run.is_imported() and model.name == run.model.name:
        imported = run.training()["settings"]
        settings = replace(settings, dataset=imported["dataset"], preparation=imported.get("preparation", ""))
    return settings


def _state_of_file(path: Path) -> Checkpoint:
    if not path.suffix:
        require_there(path)
    require_file(path, "a run or a .keras model", ModelError)
    run = run_of(path)
    if run is None or path.name != run.model.name:
        return Checkpoint(path, (), None, "")
    record = run.training()
    if run.is_imported():
        return Checkpoint(path, (), None, "", record["input_range"])
    return Checkpoint(
        model=path,
        epochs=read_history(run.history),
        settings=TrainSettings.from_record(record["settings"]),
        train_digest=str(record["train_digest"]),
    )
