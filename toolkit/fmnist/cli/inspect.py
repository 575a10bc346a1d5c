"""`fmnist inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def inspect(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A Keras, .tflite, .onnx, .npz or .c model, or a run. Default: the newest run's original.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights", help="Show the elements of the weights, too; for a run before and after training."
        ),
    ] = False,
    input_range: options.InputRange = None,
    output: options.Output = None,
    on: options.On = "host",
    json: options.Json = None,
) -> None:
    """Show what is in a model file.

    Its layers, operators, tensors and weights, and its origin.
    """
    from fmnist.cli.output import say_run, show
    from fmnist.models.inspect import inspect_model, select_model
    from fmnist.models.open import Execution
    from fmnist.models.report import inspection_text
    from fmnist.text.progress import say

    path, run = select_model(model)
    say_run(run)
    how = Execution(input_range=input_range, output=output, target=on)
    inspection = inspect_model(path, how, weights)
    if weights and run and inspection.initial_weights is None:
        say(f"{run.initial_weights}: missing, so only the weights after training are shown")
    show(inspection_text(inspection), "inspect", inspection, json)
