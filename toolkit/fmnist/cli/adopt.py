"""`fmnist adopt`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def adopt(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A .tflite or .onnx file of somebody else's.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder of the run, or a file. Default: runs/NAME; without a data set adopted/FILE.",
        ),
    ] = None,
    dataset: options.OptionalDataset = None,
    data_dir: options.DataDir = None,
    labels: options.Labels = None,
    input_range: options.InputRange = None,
    output: options.Output = None,
    force: options.Force = False,
) -> None:
    """Take over a model that somebody else made.

    A copy of it says itself what it takes for pixels, how its classes are called and what it answers to a few
    images, and is sealed. The model in it stays as it is, byte by byte. With a data set it becomes a run,
    which bundle and deploy take, too.
    """
    from fmnist.adopt import adopt_model, adoption_text
    from fmnist.cli.output import read_names, tell
    from fmnist.models.open import Execution
    from fmnist.models.select import Splits

    how = Execution(input_range=input_range, labels=read_names(labels), output=output)
    splits = Splits(dataset, data_dir) if dataset else None
    tell(adoption_text(adopt_model(model, how, splits, out, force)))
