"""`fmnist train`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


@options.grouped
def train(
    *,
    training: options.TrainingOptions,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Continue a run, up to --epochs in all; or a .keras file, in a new run."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the run. Default: runs/DATASET, with a number if it exists."
        ),
    ] = None,
    input_range: options.InputRange = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Train a small network on a data set.

    Its scores on the test images are recorded as the reference for artifacts.
    """
    from fmnist.runs.run import Run, new_run
    from fmnist.training import resume as training_step

    if resume:
        if training.preset != "lecture":
            raise typer.BadParameter("a training that is continued keeps its settings", param_hint="--preset")
        training_step.resume(resume, training.given(), input_range, out, data_dir, force)
        return
    if input_range:
        raise typer.BadParameter("is of a model to --resume", param_hint="--input-range")
    settings = training.settings()
    run = Run(out) if out else new_run(settings.dataset)
    training_step.train_or_keep(run, settings, data_dir, force)
