"""`fmnist import`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def import_(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A .keras, .h5, .tflite or .onnx file made elsewhere.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder of the run, or a file. Default: runs/NAME; without a data set imported/FILE.",
        ),
    ] = None,
    dataset: options.OptionalDataset = None,
    data_dir: options.DataDir = None,
    preparation: options.Preparation = None,
    labels: options.Labels = None,
    input_range: options.InputRange = None,
    output: options.Output = None,
    force: options.Force = False,
) -> None:
    """Make a run of a model made elsewhere.

    Its answers to the test images are recorded, and its input range, class names and preparation. Then every
    verb treats it as a model that was trained here. The model itself stays the same, byte by byte. A .tflite
    or .onnx file gets a seal behind its bytes; without a data set, it becomes a sealed file instead of a run.
    """
    from fmnist.cli.output import read_names, tell
    from fmnist.importing import import_model, import_text
    from fmnist.models.open import Execution
    from fmnist.models.select import Splits

    how = Execution(input_range=input_range, labels=read_names(labels), output=output)
    splits = Splits(dataset, data_dir, preparation or "")
    tell(import_text(import_model(model, how, splits, out, force)))
