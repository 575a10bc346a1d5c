"""`fmnist adopt`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.adopt import Adoption


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
    from fmnist.adopt import adopt_model
    from fmnist.cli.output import read_names, tell
    from fmnist.models.open import Execution
    from fmnist.models.select import Splits

    how = Execution(input_range=input_range, labels=read_names(labels), output=output)
    splits = Splits(dataset, data_dir) if dataset else None
    tell(_text(adopt_model(model, how, splits, out, force)))


def _text(adoption: "Adoption") -> str:
    from fmnist.text.tables import percent

    metadata = adoption.adopted.metadata
    names = ", ".join(metadata.labels[:3]) + (", …" if len(metadata.labels) > 3 else "")
    lines = [
        f"{adoption.adopted.path}: takes pixels of {metadata.source_range}, known from "
        f"{metadata.adopted['known_from']}; {len(metadata.labels)} classes: {names}"
    ]
    if adoption.accuracy is None:
        lines.append("golden images are noise, as no data set was named; --dataset takes real ones")
    else:
        images, dataset = metadata.proof["images"], metadata.dataset
        lines.append(f"{percent(adoption.accuracy)} of {images:,} test images of {dataset} are right")
    if adoption.run:
        folder = adoption.run.folder
        lines.append(f"{folder}: a run; next: fmnist bundle {shlex.quote(str(folder))}")
    return "\n".join(lines)
