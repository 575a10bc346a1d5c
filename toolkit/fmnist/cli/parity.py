"""`fmnist parity`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.drift import ModelParity
    from fmnist.layer_drift import LayerDrift, ModelDrift
    from fmnist_runtime.reference import Reference


def parity(
    candidates: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CANDIDATE]...", help="Artifacts, or a run. Default: the newest run.", show_default=False
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="The original: a Keras model or a reference.npz. Default: the artifacts' run."),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Say which layer drifts first, too; runs the Keras model itself.")
    ] = False,
    max_drop: options.MaxDrop = None,
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    threads: options.Threads = options.DEFAULT_THREADS,
    engine: options.Engine = "auto",
    input_range: options.RecordedInputRange = None,
    json: options.Json = None,
) -> None:
    """Compare artifacts with their original; exit 3 when one drifts beyond its gate."""
    from fmnist.cli.output import GATE_FAILED, say_run, show
    from fmnist.drift import compare_models, parity_body, scored_split
    from fmnist.layer_drift import compare_layers, layers_body, original_of
    from fmnist.models import Splits, select_artifacts
    from fmnist.opening import Execution
    from fmnist.references import find_reference, load_reference, recorded_range

    selection = select_artifacts(candidates or [])
    say_run(selection.run)
    splits = Splits(dataset, data_dir)
    keras = original_of(selection.paths, reference) if layers else None
    original = (
        load_reference(reference, splits, selection.paths, input_range)
        if reference
        else find_reference(selection.paths)
    )
    limit = None if max_drop is None else max_drop / 100
    how = Execution(threads, engine)
    results = compare_models(selection.paths, original, splits, how, limit, require_same=reference is None)
    text, body = _text(results, original), parity_body(results, original)
    if keras:
        taken = input_range or recorded_range(keras, selection.paths)
        drifts = compare_layers(keras, selection.paths, scored_split(original, splits).images, taken)
        text, body = "\n\n".join([text, *map(_layers, drifts)]), {**body, "layers": layers_body(drifts)}
    show(text, "parity", body, json)
    if not all(item.parity.passed for item in results):
        raise typer.Exit(GATE_FAILED)


def _text(results: "list[ModelParity]", reference: "Reference") -> str:
    from fmnist.render import percent, points, table

    rows = [
        [
            item.model.name,
            item.model.scheme,
            "pass" if item.parity.passed else "FAIL",
            percent(item.parity.reference_accuracy),
            percent(item.parity.candidate_accuracy),
            points(item.parity.accuracy_difference),
            percent(item.parity.agreement),
            str(len(item.parity.changed)),
            str(item.parity.ties),
            f"{item.parity.max_difference:.2g}",
            f"{item.parity.mean_difference:.2g}",
        ]
        for item in results
    ]
    header = ["model", "scheme", "verdict", "original", "accuracy", "points", "agreement"]
    header += ["changed", "ties", "max diff", "mean diff"]
    lines = [f"{item.model.name}: {failure}" for item in results for failure in item.parity.failures]
    lines += [
        f"{item.model.name}: was made from another model than this reference"
        for item in results
        if item.same_original is False
    ]
    images = results[0].parity.images
    title = f"against {reference.model} on {images:,} test images of {reference.dataset}"
    return "\n".join([title, "", table(header, rows, left=3), *lines])


def _layers(drift: "ModelDrift") -> str:
    from fmnist.render import table

    rows = [[layer.layer, layer.kind, *_figures(layer)] for layer in drift.layers]
    least = f"{drift.least_snr_db:g} dB is the least expected"
    first = drift.first
    verdict = "no layer drifts"
    if first and first.similarity:
        verdict = f"first layer that drifts: {first.layer} (SNR {first.similarity.snr_db:.1f} dB; {least})"
    title = f"layers of {drift.name} on the first {drift.images} test images; {least}"
    header = ["layer", "kind", "SNR dB", "max diff", "cosine"]
    return "\n".join([title, "", table(header, rows, left=2), verdict])


def _figures(layer: "LayerDrift") -> list[str]:
    from fmnist.render import ABSENT

    if layer.similarity is None:
        return ["fused", ABSENT, ABSENT]
    like = layer.similarity
    return [f"{like.snr_db:.1f}", f"{like.max_difference:.2g}", f"{like.cosine:.6f}"]
