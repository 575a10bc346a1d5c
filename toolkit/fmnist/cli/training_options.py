"""Options of a training, which `fmnist train` and `fmnist run` share."""

from typing import Annotated

import typer

from fmnist.cli.choices import DATASETS, completing, either
from fmnist.cli.options import DATASET_HELP, number
from fmnist.runs.settings import DEFAULT_DATASET, PRESETS

Preset = Annotated[
    str,
    typer.Option(
        metavar=either(PRESETS),
        autocompletion=completing(PRESETS),
        help="Settings to start from; best gets the most out of the same network.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Times every training image is seen, in all. Default: 10."),
]
BatchSize = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Images per step of the optimizer. Default: 32.")
]
Hidden = Annotated[
    list[int] | None,
    typer.Option(
        metavar="UNITS",
        min=1,
        max=16384,
        help="Units of a hidden layer; again for each further one. Default: 128.",
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=0.99,
        callback=number,
        help="Share of hidden units left out in training. Default: 0.2.",
    ),
]
ValidationSplit = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=0.9,
        callback=number,
        help="Share of training images kept for validation. Default: 0.1.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, max=2**32 - 1, help="Seed of weights, shuffling and dropout. Default: 0."
    ),
]
TrainDataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="DATASET",
        autocompletion=completing(DATASETS),
        help=f"{DATASET_HELP} Default: {DEFAULT_DATASET}.",
    ),
]
