"""`fmnist eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.evaluation import ModelEvaluation


def evaluate(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Models. Default: all of the newest run.", show_default=False
        ),
    ] = None,
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    threads: options.Threads = options.DEFAULT_THREADS,
    json: options.Json = None,
) -> None:
    """Measure accuracy on the test images, over all and by class."""
    from fmnist.cli.output import say_run, show
    from fmnist.evaluation import evaluate_models, evaluate_reference, evaluation_body
    from fmnist.models import Splits, select_models
    from fmnist_runtime.reference import read_reference

    selection = select_models(models or [])
    say_run(selection.run)
    results = evaluate_models(selection.paths, Splits(dataset, data_dir), threads)
    if selection.run:
        reference = read_reference(selection.run.reference)
        results = [evaluate_reference(selection.run, reference), *results]
    show(_text(results), "eval", evaluation_body(results, threads), json)


def _text(results: "list[ModelEvaluation]") -> str:
    parts = [_accuracies(results), _classes(results)]
    if len(results) == 1:
        parts.append(_confusion(results[0]))
    return "\n\n".join(parts)


def _accuracies(results: "list[ModelEvaluation]") -> str:
    from fmnist.render import ABSENT, percent, size, table

    rows = [
        [
            item.model.name,
            item.model.scheme,
            item.dataset,
            f"{item.evaluation.images:,}",
            percent(item.evaluation.accuracy),
            f"{item.images_per_second:,.0f}" if item.images_per_second else ABSENT,
            size(item.model.size_bytes),
        ]
        for item in results
    ]
    header = ["model", "scheme", "data set", "images", "accuracy", "images/s", "size"]
    return table(header, rows, left=3)


def _classes(results: "list[ModelEvaluation]") -> str:
    from fmnist.render import percent, table

    header = ["accuracy by class", *(item.model.scheme for item in results)]
    rows = []
    for index, label in enumerate(results[0].labels):
        shares = [item.evaluation.class_accuracy[index] for item in results]
        rows.append([label, *(percent(share, 1) for share in shares)])
    return table(header, rows)


def _confusion(result: "ModelEvaluation") -> str:
    from fmnist.render import table

    header = ["true class \\ answer", *(str(index) for index in range(len(result.labels)))]
    rows = [
        [f"{index} {label}", *(str(count) for count in result.evaluation.confusion[index])]
        for index, label in enumerate(result.labels)
    ]
    return table(header, rows)
