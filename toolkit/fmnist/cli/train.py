"""`fmnist train`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options
from fmnist.settings import DEFAULT_DATASET, TrainSettings

_DEFAULT = TrainSettings()


def train(
    dataset: Annotated[
        str, typer.Option(help="Data set: fashion-mnist, mnist, or a folder of IDX files.")
    ] = DEFAULT_DATASET,
    epochs: options.Epochs = _DEFAULT.epochs,
    batch_size: options.BatchSize = _DEFAULT.batch_size,
    hidden: options.Hidden = list(_DEFAULT.hidden),  # noqa: B006 - Typer wants a list, and copies it
    dropout: options.Dropout = _DEFAULT.dropout,
    validation_split: options.ValidationSplit = _DEFAULT.validation_split,
    seed: options.Seed = _DEFAULT.seed,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run. Default: runs/DATASET, with a number if that exists."),
    ] = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Train the lectures' network and record its answers on the test images."""
    from fmnist.pipeline import train_or_keep
    from fmnist.runs import Run, new_run
    from fmnist_runtime.datasets import dataset_reference

    dataset = dataset_reference(dataset)
    settings = TrainSettings(dataset, epochs, batch_size, tuple(hidden), dropout, validation_split, seed)
    train_or_keep(Run(out) if out else new_run(dataset), settings, data_dir, force)
