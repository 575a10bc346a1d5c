"""`fmnist parity`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fmnist.models.select import Splits
    from fmnist.parity.models import ModelParity


def parity(
    candidates: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CANDIDATE]...", help="Artifacts, or a run. Default: the newest run.", show_default=False
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The original: a Keras model, reference.npz, artifact or run. Default: the artifacts' run.",
        ),
    ] = None,
    scores: options.ComparedScores = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Say which layer drifts first, too; runs the Keras model itself.")
    ] = False,
    max_drop: options.MaxDrop = None,
    min_agreement: options.MinAgreement = None,
    max_difference: options.MaxDifference = None,
    max_confident_flips: options.MaxConfidentFlips = None,
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    threads: options.Threads = options.DEFAULT_THREADS,
    engine: options.Engine = "auto",
    labels: options.Labels = None,
    input_range: options.InputRange = None,
    output: options.Output = None,
    junit: options.Junit = None,
    markdown: options.Markdown = None,
    plots: options.Plots = None,
    json: options.Json = None,
) -> None:
    """Say which models may replace their original.

    Exit 3 when one drifts beyond its gate.
    """
    from dataclasses import replace

    from fmnist.cli.output import GATE_FAILED, read_names, require_apart, show
    from fmnist.models.open import Execution
    from fmnist.models.select import Splits
    from fmnist.parity.layers import LayersOfModel, compare_layers, original_of
    from fmnist.parity.models import compare_models, scored_split
    from fmnist.parity.report import layers_text, parity_body, parity_text
    from fmnist.parity.scores import compare_scores, scores_notes
    from fmnist.scoring.references import find_reference, load_reference, range_of

    require_apart(json, junit, markdown)
    splits = Splits(dataset, data_dir)
    limits = options.gate_limits(max_drop, min_agreement, max_difference, max_confident_flips)
    notes: list[str] = []
    drifts: list[LayersOfModel] = []
    if scores:
        _require_scores_alone(
            {
                "CANDIDATE": candidates,
                "--reference": reference,
                "--layers": layers,
                "--dataset": dataset,
                "--data-dir": data_dir,
                "--threads": threads != options.DEFAULT_THREADS,
                "--engine": engine != "auto",
                "--labels": labels,
                "--input-range": input_range,
                "--output": output,
                "--plots": plots,
            }
        )
        compared = compare_scores(*scores, limits)
        results, notes = compared.results, scores_notes(compared)
        body = replace(parity_body(results), scores=compared.files, left_out=compared.left_out)
    else:
        paths = _candidates(candidates, plots)
        keras = original_of(paths, reference) if layers else None
        original = (
            load_reference(reference, splits, paths, input_range) if reference else find_reference(paths)
        )
        how = Execution(threads, engine, input_range, labels=read_names(labels), output=output)
        results = compare_models(paths, original, splits, how, limits, require_same=reference is None)
        body = parity_body(results)
        if keras:
            split = scored_split(original, splits)
            taken = range_of(keras, split, paths, input_range)
            drifts = compare_layers(keras, paths, split, taken)
            body = replace(body, layers=drifts)
    text = "\n\n".join([parity_text(results, notes), *map(layers_text, drifts)])
    _write_reports(results, notes, junit, markdown)
    alone = "-" in (str(junit), str(markdown))
    show("" if alone else text, "parity", body, json)
    if plots:
        _draw(results, splits, plots)
    if not all(item.candidate.passed for item in results):
        raise typer.Exit(GATE_FAILED)


def _candidates(named: list[Path] | None, plots: Path | None) -> tuple[Path, ...]:
    """The artifacts to compare, once it is known that pictures of them may be written."""
    from fmnist.cli.output import say_run_and_stale
    from fmnist.models.select import select_artifacts

    selection = select_artifacts(named or [])
    say_run_and_stale(selection.run)
    if plots:
        _require_pictures_free(plots, selection.paths)
    return selection.paths


def _require_scores_alone(named: dict[str, object]) -> None:
    """Check that nothing is named that needs a model or images where two files of scores are compared."""
    for name, value in named.items():
        if value:
            raise typer.BadParameter(f"--scores compares two files and runs no model; leave out {name}")


def _write_reports(
    results: "list[ModelParity]", notes: list[str], junit: Path | None, markdown: Path | None
) -> None:
    from fmnist.parity.report import junit_xml, parity_markdown
    from fmnist.results.write import write_result

    if junit:
        write_result(junit, junit_xml(results))
    if markdown:
        write_result(markdown, parity_markdown(results, notes))


def _require_pictures_free(folder: Path, models: "Sequence[Path]") -> None:
    from fmnist_runtime.errors import needs_extra

    with needs_extra("train", "plotting"):
        from fmnist.parity.pictures import require_pictures_free
    require_pictures_free(folder, models)


def _draw(results: "list[ModelParity]", splits: "Splits", folder: Path) -> None:
    """Write the pictures, and say so where it is in no result's way."""
    from fmnist.parity.models import scored_split
    from fmnist.parity.pictures import write_pictures
    from fmnist.text.progress import say

    images = scored_split(results[0].reference, splits).images
    for item in results:
        for path in write_pictures(item, images, folder):
            say(str(path))
        if not item.candidate.changes.flips.images:
            say(f"{item.candidate.name}: no answer changed")
