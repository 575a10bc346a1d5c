"""`fmnist train`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fmnist.cli import options


def train(
    dataset: options.TrainDataset = None,
    preset: options.Preset = "lecture",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    hidden: options.Hidden = None,
    dropout: options.Dropout = None,
    validation_split: options.ValidationSplit = None,
    seed: options.Seed = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Go on with a run, up to --epochs in all; or with a .keras file, in a new run.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the run. Default: runs/DATASET, with a number if that exists."
        ),
    ] = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Train the network of the lectures.

    Its answers on the test images are recorded, to compare artifacts with.
    """
    from fmnist.runs.run import Run, new_run
    from fmnist.training import resume as training_step

    given = given_settings(dataset, epochs, batch_size, hidden, dropout, validation_split, seed)
    if resume:
        if preset != "lecture":
            raise typer.BadParameter("a training that goes on keeps its settings", param_hint="--preset")
        training_step.resume(resume, given, out, data_dir, force)
        return
    settings = settings_of(preset, given)
    run = Run(out) if out else new_run(settings.dataset)
    training_step.train_or_keep(run, settings, data_dir, force)


def given_settings(
    dataset: str | None,
    epochs: int | None,
    batch_size: int | None,
    hidden: list[int] | None,
    dropout: float | None,
    validation_split: float | None,
    seed: int | None,
) -> dict[str, Any]:
    """The settings that were named on the command line."""
    from fmnist_runtime.data.datasets import dataset_reference

    named = {
        "dataset": dataset_reference(dataset) if dataset is not None else None,
        "epochs": epochs,
        "batch_size": batch_size,
        "hidden": tuple(hidden) if hidden else None,
        "dropout": dropout,
        "validation_split": validation_split,
        "seed": seed,
    }
    return {name: value for name, value in named.items() if value is not None}


def settings_of(preset: str, given: dict[str, Any]) -> Any:
    """A preset with the settings that were named."""
    from dataclasses import replace

    from fmnist.runs.settings import PRESETS

    if preset not in PRESETS:
        raise typer.BadParameter(f"{preset!r} is not one of {', '.join(PRESETS)}", param_hint="--preset")
    return replace(PRESETS[preset], **given)
