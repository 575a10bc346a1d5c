"""`fmnist eval`."""

from typing import TYPE_CHECKING

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.scoring.evaluate import ModelEvaluation


@options.grouped
def evaluate(
    models: options.Models = None,
    *,
    data: options.DataOptions,
    execution: options.ExecutionOptions,
    scores: options.KeptScores = None,
    json: options.Json = None,
) -> None:
    """Measure accuracy on the test images.

    Over all of them and by class; of a single model also which classes it takes for which.
    """
    from fmnist.cli.output import say_run_and_stale, show
    from fmnist.models.select import select_models
    from fmnist.scoring.evaluate import evaluate_models, evaluate_original, evaluation_body
    from fmnist.scoring.keep import keep_scores, require_one_split

    selection = select_models(models or [])
    say_run_and_stale(selection.run)
    paths = list(selection.paths)
    recorded = selection.run is not None and data.dataset is None
    if selection.run and not recorded and not selection.run.is_adopted():
        paths.insert(0, selection.run.model)  # its recorded scores are of its own data set
    if scores:
        require_one_split(paths, data.dataset)
    results = evaluate_models(paths, data.splits(), execution.execution())
    if selection.run and recorded and not selection.run.is_adopted():
        results.insert(0, evaluate_original(selection.run))
    if scores:
        keep_scores(scores, results)
    show(_text(results), "eval", evaluation_body(results), json)


def _text(results: "list[ModelEvaluation]") -> str:
    groups: dict[tuple[str, ...], list[ModelEvaluation]] = {}
    for item in results:
        groups.setdefault((item.scored.dataset_digest, *item.scored.labels), []).append(item)
    parts = [_accuracies(results), *(_classes(group) for group in groups.values())]
    if len(results) == 1:
        parts.append(_confusion(results[0]))
    return "\n\n".join(parts)


def _accuracies(results: "list[ModelEvaluation]") -> str:
    from fmnist.text.tables import ABSENT, percent, size, table

    rows = [
        [
            item.model.name,
            item.model.scheme,
            item.scored.dataset,
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
    """Accuracy by class, for models of the same classes on the same images."""
    from fmnist.text.tables import percent, table

    schemes = [item.model.scheme for item in results]
    header = ["accuracy by class"]
    for item, scheme in zip(results, schemes, strict=True):
        header.append(scheme if schemes.count(scheme) == 1 else f"{item.model.format} {scheme}")
    rows = []
    for index, label in enumerate(results[0].scored.labels):
        shares = [item.evaluation.class_accuracy[index] for item in results]
        rows.append([label, *(percent(share, 1) for share in shares)])
    return table(header, rows)


def _confusion(result: "ModelEvaluation") -> str:
    from fmnist.text.tables import table

    header = ["true class \\ answer", *(str(index) for index in range(len(result.scored.labels)))]
    rows = [
        [f"{index} {label}", *(str(count) for count in result.evaluation.confusion[index])]
        for index, label in enumerate(result.scored.labels)
    ]
    return table(header, rows)
