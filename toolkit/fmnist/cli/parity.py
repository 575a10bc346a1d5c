"""`fmnist parity`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.models.select import Splits
    from fmnist.parity.layers import LayersOfModel
    from fmnist.parity.models import ModelParity


class _Against(NamedTuple):
    """What models are compared with."""

    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The original: Keras model, reference.npz, artifact or run. Default: by the artifacts' run.",
        ),
    ] = None
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Instead of the original, the model in use that this training is to replace: a run, or as "
            "for --reference. Only a loss of accuracy fails.",
        ),
    ] = None


class _Reports(NamedTuple):
    """Files of the results."""

    junit: options.Junit = None
    markdown: options.Markdown = None
    plots: options.Plots = None
    json: options.Json = None


@options.grouped
def parity(
    candidates: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CANDIDATE]...", help="Artifacts, or a run. Default: the newest run.", show_default=False
        ),
    ] = None,
    scores: options.ComparedScores = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Find the layer that drifts first, too; runs the Keras model.")
    ] = False,
    *,
    against: _Against,
    gate: options.GateOptions,
    data: options.DataOptions,
    execution: options.ExecutionOptions,
    reports: _Reports,
) -> None:
    """Check that models may replace their original.

    Or, with --baseline, the model in use. Exit 3 if one of them fails its gate.
    """
    from dataclasses import replace

    from fmnist.cli.output import GATE_FAILED, reporting_failure, require_apart, show
    from fmnist.parity.report import layers_text, parity_body, parity_text
    from fmnist.parity.scores import compare_scores, scores_notes

    require_apart(reports.json, reports.junit, reports.markdown)
    splits, notes = data.splits(), []
    drifts: list[LayersOfModel] = []
    with reporting_failure("parity", reports.markdown, reports.junit):
        if scores:
            _require_scores_alone(candidates, against, layers, data, execution, reports.plots)
            compared = compare_scores(*scores, gate.limits())
            results, notes = compared.results, scores_notes(compared)
            body = replace(parity_body(results), scores=compared.files, left_out=compared.left_out)
        else:
            paths = _candidates(candidates, reports.plots)
            results, drifts = _compare(paths, against, layers, gate, splits, execution)
            body = parity_body(results)
            if layers:
                body = replace(body, layers=drifts)
    text = "\n\n".join([parity_text(results, notes), *map(layers_text, drifts)])
    _write_reports(results, notes, reports)
    alone = "-" in (str(reports.junit), str(reports.markdown))
    show("" if alone else text, "parity", body, reports.json)
    if reports.plots:
        _draw(results, splits, reports.plots)
    if not all(item.candidate.passed for item in results):
        raise typer.Exit(GATE_FAILED)


def _compare(
    paths: tuple[Path, ...],
    against: _Against,
    layers: bool,
    gate: options.GateOptions,
    splits: "Splits",
    execution: options.ExecutionOptions,
) -> "tuple[list[ModelParity], list[LayersOfModel]]":
    """Compare models with their original, and layer by layer where that is asked for."""
    from fmnist.parity.layers import compare_layers, original_of
    from fmnist.parity.models import compare_models, compare_with_baseline, scored_split
    from fmnist.scoring.references import find_reference, load_reference, range_of

    reference = against.reference
    if against.baseline:
        if reference or layers:
            raise typer.BadParameter("leave out --reference and --layers", param_hint="--baseline")
        baseline = load_reference(against.baseline, splits, (), execution.input_range)
        return compare_with_baseline(paths, baseline, splits, execution.execution(), gate.limits()), []
    keras = original_of(paths, reference) if layers else None
    taken = execution.input_range
    original = load_reference(reference, splits, paths, taken) if reference else find_reference(paths)
    how = execution.execution()
    results = compare_models(paths, original, splits, how, gate.limits(), require_same=reference is None)
    if not keras:
        return results, []
    split = scored_split(original, splits)
    return results, compare_layers(keras, paths, split, range_of(keras, split, paths, taken))


def _candidates(named: list[Path] | None, plots: Path | None) -> tuple[Path, ...]:
    """Return the artifacts to compare, after a check that their pictures may be written."""
    from fmnist.cli.output import say_run_and_stale
    from fmnist.models.select import select_artifacts
    from fmnist_runtime.errors import needs_extra

    selection = select_artifacts(named or [])
    say_run_and_stale(selection.run)
    if plots:
        with needs_extra("report", "plotting"):
            from fmnist.parity.pictures import require_pictures_free
        require_pictures_free(plots, selection.paths)
    return selection.paths


def _require_scores_alone(
    candidates: list[Path] | None,
    against: _Against,
    layers: bool,
    data: options.DataOptions,
    execution: options.ExecutionOptions,
    plots: Path | None,
) -> None:
    """Check that no option was given that needs a model or images, as two files of scores are compared."""
    named = {"CANDIDATE": candidates, "--layers": layers}
    given = [*(name for name, value in named.items() if value), *options.given(against)]
    given += [*options.given(data), *options.given(execution), *(["--plots"] if plots else [])]
    if given:
        raise typer.BadParameter(f"--scores compares two files and runs no model; leave out {given[0]}")


def _write_reports(results: "list[ModelParity]", notes: list[str], reports: _Reports) -> None:
    from fmnist.parity.report import junit_xml, parity_markdown
    from fmnist.results.write import write_result

    if reports.junit:
        write_result(reports.junit, junit_xml(results))
    if reports.markdown:
        write_result(reports.markdown, parity_markdown(results, notes))


def _draw(results: "list[ModelParity]", splits: "Splits", folder: Path) -> None:
    """Write the pictures, and name them on standard error."""
    from fmnist.parity.models import scored_split
    from fmnist.parity.pictures import write_pictures
    from fmnist.text.progress import say

    images = scored_split(results[0].reference, splits).images
    for item in results:
        for path in write_pictures(item, images, folder):
            say(str(path))
        if not item.candidate.changes.flips.images:
            say(f"{item.candidate.name}: no answer changed")
