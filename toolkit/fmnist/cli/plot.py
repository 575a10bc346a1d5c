"""`fmnist plot`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.runs.run import Run

app = typer.Typer(help="Draw training, answers and weights of a run.", no_args_is_help=True)

_Out = Annotated[Path | None, typer.Option(metavar="FILE", help="PNG file. Default: in plots/ of the run.")]

_SHOWN = 20


@app.command("history")
def plot_history(run: options.NamedRun = None, out: _Out = None, force: options.Force = False) -> None:
    """Draw accuracy and loss over the epochs.

    Both in training and in validation.
    """
    from fmnist.runs.history import read_history
    from fmnist_runtime.errors import needs_extra

    with needs_extra("train", "plotting"):
        from fmnist.plots.history import history_figure
        from fmnist.plots.style import write_figure
    where, path = _prepare(run, "history", out, force)
    where.require_trained()
    write_figure(path, history_figure(read_history(where.history)))
    print(path)


@app.command("predictions")
def plot_predictions(
    run: options.NamedRun = None,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Show the mistakes that the model was most sure of.")
    ] = False,
    out: _Out = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Draw 20 test images and their answers.

    Each with its true class, what the model said, and how sure it was.
    """
    from fmnist.figures.answers import confident_mistakes, first_answers
    from fmnist.models.select import Splits
    from fmnist.parity.models import scored_split
    from fmnist_runtime.errors import ResultError, needs_extra

    with needs_extra("train", "plotting"):
        from fmnist.plots.predictions import predictions_figure
        from fmnist.plots.style import write_figure
    where, path = _prepare(run, "mistakes" if wrong else "predictions", out, force)
    reference = where.recorded_scores()
    answers = (confident_mistakes if wrong else first_answers)(reference, _SHOWN)
    if not answers:
        raise ResultError(f"{where.folder}: made no mistake on the test images; there is none to show")
    images = scored_split(reference, Splits(None, data_dir)).images
    count = len(answers)
    chosen = f"the {count} mistakes it was most sure of" if wrong else f"the first {count} test images"
    title = f"{reference.model} on {reference.dataset}: {chosen}"
    write_figure(path, predictions_figure(images, answers, title))
    print(path)


@app.command("weights")
def plot_weights(run: options.NamedRun = None, out: _Out = None, force: options.Force = False) -> None:
    """Draw the weights of hidden units as images.

    Those before training stand beside those after.
    """
    from fmnist.models.inspect import hidden_kernel, initial_weights, trained_weights, unit_images
    from fmnist.text.progress import say
    from fmnist_runtime.errors import needs_extra

    with needs_extra("train", "plotting"):
        from fmnist.plots.style import write_figure
        from fmnist.plots.weights import weights_figure
    where, path = _prepare(run, "weights", out, force)
    weights, shape = trained_weights(where.model)
    name = hidden_kernel(weights, shape, where.model)
    initial = initial_weights(where, weights)
    if initial is None:
        say(f"{where.initial_weights}: missing, so only the weights after training are drawn")
    before = unit_images(initial[name], shape) if initial else None
    write_figure(path, weights_figure(before, unit_images(weights[name], shape)))
    print(path)


@app.command("confusion")
def plot_confusion(run: options.NamedRun = None, out: _Out = None, force: options.Force = False) -> None:
    """Draw which classes are taken for which.

    It counts the model's answers on the test images.
    """
    from fmnist.text.tables import percent
    from fmnist_runtime.errors import needs_extra
    from fmnist_runtime.evaluate import evaluate

    with needs_extra("train", "plotting"):
        from fmnist.plots.confusion import confusion_figure
        from fmnist.plots.style import write_figure
    where, path = _prepare(run, "confusion", out, force)
    reference = where.recorded_scores()
    result = evaluate(reference.scores, reference.targets)
    title = f"{reference.model} on {reference.dataset}: {percent(result.accuracy)} right"
    write_figure(path, confusion_figure(result.confusion, reference.labels, title))
    print(path)


def _prepare(named: Path | None, name: str, out: Path | None, force: bool) -> "tuple[Run, Path]":
    """The run to draw of and the file to write, once it is known that it may be written."""
    from fmnist.cli.output import say_run
    from fmnist.results.ours import PICTURE
    from fmnist.runs.run import select_run
    from fmnist_runtime.files import require_writable

    run = select_run(named)
    say_run(run)
    path = out or run.plot(name)
    require_writable(path, PICTURE, force)
    return run, path
