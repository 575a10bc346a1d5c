"""`fmnist plot`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.runs.run import Run

app = typer.Typer(help="Draw training, answers and weights of a run.", no_args_is_help=True)

_Out = Annotated[Path | None, typer.Option(metavar="FILE", help="SVG file. Default: in plots/ of the run.")]

_SHOWN = 20


@app.command("history")
def plot_history(run: options.NamedRun = None, out: _Out = None, force: options.Force = False) -> None:
    """Draw accuracy and loss over the epochs.

    Both in training and in validation.
    """
    from fmnist.runs.history import read_history
    from fmnist_runtime.errors import needs_extra

    with needs_extra("report", "plotting"):
        from fmnist.figures.standalone import write_picture
        from fmnist.figures.training import history_picture
    where, path = _prepare(run, "history", out, force)
    where.require_trained()
    write_picture(path, history_picture(read_history(where.history)))
    print(path)


@app.command("predictions")
def plot_predictions(
    run: options.NamedRun = None,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Show the mistakes with the highest confidence.")
    ] = False,
    out: _Out = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Draw 20 test images and their predictions.

    Each with its predicted class, the probability, and its true class.
    """
    from fmnist.models.select import Splits
    from fmnist.parity.models import scored_split
    from fmnist_runtime.errors import ResultError, needs_extra

    with needs_extra("report", "plotting"):
        from fmnist.figures.grids import confident_mistakes, first_answers, predictions_picture
        from fmnist.figures.standalone import write_picture
    where, path = _prepare(run, "mistakes" if wrong else "predictions", out, force)
    reference = where.recorded_scores()
    answers = (confident_mistakes if wrong else first_answers)(reference, _SHOWN)
    if not answers:
        raise ResultError(f"{where.folder}: made no mistake on the test images, so there is nothing to show")
    images = scored_split(reference, Splits(None, data_dir)).images
    chosen = "the {} mistakes with the highest confidence" if wrong else "the first {} test images"
    title = f"{reference.model} on {reference.dataset}: {chosen.format(len(answers))}"
    write_picture(path, predictions_picture(images, answers, title))
    print(path)


@app.command("weights")
def plot_weights(run: options.NamedRun = None, out: _Out = None, force: options.Force = False) -> None:
    """Draw the weights of hidden units as images.

    Before and after training, side by side.
    """
    from fmnist.models.inspect import hidden_kernel, initial_weights, trained_weights, unit_images
    from fmnist.text.progress import say
    from fmnist_runtime.errors import needs_extra

    with needs_extra("report", "plotting"):
        from fmnist.figures.grids import weights_picture
        from fmnist.figures.standalone import write_picture
    where, path = _prepare(run, "weights", out, force)
    weights, shape = trained_weights(where.model)
    name = hidden_kernel(weights, shape, where.model)
    initial = initial_weights(where, weights)
    if initial is None:
        say(f"{where.initial_weights}: missing, so only the weights after training are drawn")
    before = unit_images(initial[name], shape) if initial else None
    write_picture(path, weights_picture(before, unit_images(weights[name], shape)))
    print(path)


@app.command("confusion")
def plot_confusion(run: options.NamedRun = None, out: _Out = None, force: options.Force = False) -> None:
    """Draw the confusion matrix.

    It counts the model's answers to the test images.
    """
    from fmnist.text.tables import percent
    from fmnist_runtime.errors import needs_extra
    from fmnist_runtime.evaluate import evaluate

    with needs_extra("report", "plotting"):
        from fmnist.figures.confusion import confusion_picture
        from fmnist.figures.standalone import write_picture
    where, path = _prepare(run, "confusion", out, force)
    reference = where.recorded_scores()
    result = evaluate(reference.scores, reference.targets)
    title = f"{reference.model} on {reference.dataset}: {percent(result.accuracy)} right"
    write_picture(path, confusion_picture(result.confusion, reference.labels, title))
    print(path)


def _prepare(named: Path | None, name: str, out: Path | None, force: bool) -> "tuple[Run, Path]":
    """Return the run and the file to write, after a check that it may be written."""
    from fmnist.cli.output import say_run
    from fmnist.results.write import PICTURE
    from fmnist.runs.run import select_run
    from fmnist_runtime.files import require_writable

    run = select_run(named)
    say_run(run)
    path = out or run.plot(name)
    require_writable(path, PICTURE, force)
    return run, path
