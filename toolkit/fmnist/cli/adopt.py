"""`fmnist adopt`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def adopt(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A foreign .tflite or .onnx file.")],
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
    """Adopt a model that was made elsewhere.

    This writes a sealed copy that declares its input range and class names, and carries a few images with
    their scores. The model itself stays the same, byte by byte. With a data set it becomes a run, which
    bundle and deploy accept, too.
    """
    from fmnist.adopt import adopt_model, adoption_text
    from fmnist.cli.output import read_names, tell
    from fmnist.models.open import Execution
    from fmnist.models.select import Splits

    how = Execution(input_range=input_range, labels=read_names(labels), output=output)
    splits = Splits(dataset, data_dir) if dataset else None
    tell(adoption_text(adopt_model(model, how, splits, out, force)))
