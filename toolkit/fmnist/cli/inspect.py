"""`fmnist inspect`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.contents import Contents, Shape, Weight
    from fmnist.inspection import Inspection


def inspect(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A Keras, .tflite, .onnx or .npz model, or a run. Default: the newest run's original.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Show the weights, too; of a run before and after training.")
    ] = False,
    input_range: options.InputRange = None,
    json: options.Json = None,
) -> None:
    """Say what is in a model file: layers, tensors, weights, quantisation, and where it comes from."""
    from fmnist.cli.output import say_run, show
    from fmnist.inspection import inspect_model, inspection_body, select_model
    from fmnist.progress import say

    path, run = select_model(model)
    say_run(run)
    inspection = inspect_model(path, input_range or "0-255")
    text = _text(inspection)
    if weights:
        if run and inspection.initial is None:
            say(f"{run.initial_weights}: not there, so only the weights after training are shown")
        text = "\n\n".join([text, *_arrays(inspection)])
    show(text, "inspect", inspection_body(inspection, weights), json)


def _text(inspection: "Inspection") -> str:
    contents = inspection.contents
    parts = [_origin(inspection)]
    if contents.layers:
        parts.append(_layers(contents))
    parts.append(_tensors(contents))
    if contents.weights is None:
        parts.append("weights: ONNX Runtime does not show them; pip install 'fmnist[train]'")
    else:
        parts.append(_weights("weights", contents.weights))
    if inspection.initial is not None:
        parts.append(_weights("weights before training", inspection.initial))
    return "\n\n".join(parts)


def _origin(inspection: "Inspection") -> str:
    """What the file is and what it says of itself."""
    from fmnist.render import size

    model, metadata = inspection.model, inspection.metadata
    facts = {
        "file": f"{model.name} ({size(model.size_bytes)})",
        "sha256": model.sha256,
        "format": f"{model.format} {model.scheme}",
        "opened by": model.engine,
        "labels": ", ".join(inspection.labels),
    }
    if metadata:
        facts |= {
            "data set": metadata.dataset or "not known",
            "test split": metadata.dataset_digest or "not known",
            "made from": f"a Keras model of pixels {metadata.source_range}, sha256 {metadata.source_sha256}",
            "made with": ", ".join(f"{name} {version}" for name, version in metadata.versions.items()),
        }
        if metadata.calibration:
            facts["calibration"] = ", ".join(f"{key} {value}" for key, value in metadata.calibration.items())
    elif model.format != "keras":
        facts["metadata"] = "none of fmnist"
    width = max(map(len, facts)) + 2
    return "\n".join(f"{name:{width}}{value}" for name, value in facts.items())


def _layers(contents: "Contents") -> str:
    from fmnist.render import table

    rows = [
        [layer.name, layer.kind, _shape(layer.output_shape), f"{layer.parameters:,}"]
        for layer in contents.layers
    ]
    total = sum(layer.parameters for layer in contents.layers)
    return f"{table(['layer', 'kind', 'output', 'parameters'], rows, left=3)}\ntotal: {total:,} parameters"


def _tensors(contents: "Contents") -> str:
    from fmnist.render import table

    rows = [
        [
            tensor.name,
            tensor.role,
            _shape(tensor.shape),
            tensor.dtype,
            _range(tensor.scales),
            _range(tensor.zero_points),
        ]
        for tensor in contents.tensors
    ]
    return table(["tensor", "role", "shape", "dtype", "scale", "zero point"], rows, left=4)


def _weights(title: str, weights: "Sequence[Weight]") -> str:
    from fmnist.render import percent, table

    rows = [
        [
            weight.name,
            _shape(weight.shape) or "1",
            weight.dtype,
            *(f"{value:.3g}" for value in (weight.minimum, weight.maximum, weight.mean, weight.deviation)),
            percent(weight.zeros, 1),
            _range(weight.scales),
            _range(weight.zero_points),
        ]
        for weight in weights
    ]
    header = [title, "shape", "dtype", "min", "max", "mean", "std", "zeros", "scale", "zero point"]
    if not any(weight.scales for weight in weights):
        header, rows = header[:-2], [row[:-2] for row in rows]
    text = table(header, rows, left=3)
    if any(weight.scales for weight in weights):
        text += "\nfigures are of the stored integers q, which stand for scale · (q - zero point)"
    return text


def _arrays(inspection: "Inspection") -> list[str]:
    """The weights themselves, each under its name; long ones with their middle left out."""
    trained = " after training" if inspection.initial else ""
    groups = [(" before training", inspection.initial or ()), (trained, inspection.contents.weights or ())]
    return [f"{weight.name}{when}\n{weight.values}" for when, weights in groups for weight in weights]


def _shape(shape: "Shape") -> str:
    return "×".join("?" if size is None else str(size) for size in shape)


def _range(values: Sequence[float]) -> str:
    """The one value, or the least and the greatest of those by channel."""
    from fmnist.render import ABSENT

    if not values:
        return ABSENT
    least, greatest = f"{min(values):.3g}", f"{max(values):.3g}"
    return least if least == greatest else f"{least} to {greatest}"
