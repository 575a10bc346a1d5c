"""`fmnist predict`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def predict(
    model: Annotated[Path, typer.Argument(help="A .tflite, .onnx, .npz or Keras model.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files of any size.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name for each image.")] = 3,
    invert: Annotated[
        str, typer.Option(help="Turn dark on light into light on dark: auto, always or never.")
    ] = "auto",
    threads: options.Threads = options.DEFAULT_THREADS,
    engine: options.Engine = "auto",
    input_range: options.InputRange = "0-255",
    json: options.Json = None,
) -> None:
    """Name the most probable classes of image files."""
    from fmnist.cli.output import show
    from fmnist.models import Execution, describe, open_model
    from fmnist.render import percent, table
    from fmnist_runtime.images import INVERT, image_shape, read_image

    if invert not in INVERT:
        raise typer.BadParameter(f"{invert!r} is not one of {', '.join(INVERT)}", param_hint="--invert")
    with open_model(model, Execution(threads, engine, input_range)) as session:
        shape = image_shape(session.info.input_shape)
        pixels = [read_image(path, shape, invert) for path in images]
        answers = [session.top(image, top) for image in pixels]
        file = describe(session)
    rows = [
        [str(path), *(f"{guess.label} {percent(guess.probability, 1)}" for guess in guesses)]
        for path, guesses in zip(images, answers, strict=True)
    ]
    body = {
        "model": file,
        "images": [
            {"file": path, "predictions": guesses} for path, guesses in zip(images, answers, strict=True)
        ],
    }
    header = ["image", *(f"{rank}." for rank in range(1, len(rows[0])))]
    show(table(header, rows, left=len(header)), "predict", body, json)
