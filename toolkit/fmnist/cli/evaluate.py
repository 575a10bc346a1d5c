"""`fmnist eval`."""

from fmnist.cli import options


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

    Overall and by class; for a single model also the confusion matrix.
    """
    from fmnist.cli.output import say_run_and_stale, show
    from fmnist.models.select import select_models
    from fmnist.scoring.evaluate import evaluate_models, evaluate_original, evaluation_body, evaluation_text
    from fmnist.scoring.keep import keep_scores, require_one_split

    selection = select_models(models or [])
    say_run_and_stale(selection.run)
    paths = list(selection.paths)
    recorded = selection.run is not None and data.dataset is None
    if selection.run and not recorded and selection.run.has_original():
        paths.insert(0, selection.run.model)  # its recorded scores belong to its own data set
    if scores:
        require_one_split(paths, data.dataset)
    results = evaluate_models(paths, data.splits(), execution.execution())
    if selection.run and recorded and selection.run.has_original():
        results.insert(0, evaluate_original(selection.run))
    if scores:
        keep_scores(scores, results)
    show(evaluation_text(results), "eval", evaluation_body(results), json)
