"""An inspected model file as text: its origin and its contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fmnist.devices.emulation.footprint import Footprint
from fmnist.models.contents import InspectedOperator, InspectedWeight, ModelContents, Shape
from fmnist.models.inspect import Inspection
from fmnist.text.tables import ABSENT, percent, size, table
from fmnist_runtime.artifact.contract import InputContract
from fmnist_runtime.artifact.metadata import Golden, Metadata
from fmnist_runtime.artifact.stored import StoredTypes
from fmnist_runtime.data.statistics import FIGURES, ImageStatistics

_MOST_LABELS = 20
"""Largest number of class names in a line."""
_SHOWN_LABELS = 5


def inspection_text(inspection: Inspection) -> str:
    """Return an inspected model file as text."""
    parts = [_origin(inspection)]
    if inspection.layers:
        parts.append(_layers(inspection))
    if inspection.operators:
        parts.append(_operators(inspection.operators, inspection.model.size_bytes))
    parts.append(_tensors(inspection))
    if inspection.weights is None:
        parts.append("operators and weights: ONNX Runtime does not show them; pip install 'fmnist[train]'")
    else:
        parts.append(_weights("weights", inspection.weights))
    if inspection.initial_weights is not None:
        parts.append(_weights("weights before training", inspection.initial_weights))
    if inspection.footprint:
        parts.append(_footprint(inspection.footprint))
    return "\n\n".join([*parts, *_arrays(inspection)])


def _footprint(footprint: Footprint) -> str:
    header = ["on", "flash", "RAM besides the image", "deepest stack", "instructions"]
    sizes = [f"{size:,} bytes" for size in (footprint.flash, footprint.ram, footprint.stack)]
    count = f"{footprint.instructions:,}" if footprint.instructions else ABSENT
    return table(header, [[footprint.target, *sizes, count]])


def _layers(contents: ModelContents) -> str:
    rows = [
        [layer.name, layer.kind, _shape(layer.output_shape), f"{layer.parameters:,}"]
        for layer in contents.layers
    ]
    total = sum(layer.parameters for layer in contents.layers)
    return f"{table(['layer', 'kind', 'output', 'parameters'], rows, left=3)}\ntotal: {total:,} parameters"


def _operators(operators: Sequence[InspectedOperator], size_bytes: int) -> str:
    rows = [
        [
            f"{step.number} {step.kind}",
            step.output,
            _shape(step.shape),
            f"{step.weight_bytes:,}",
            percent(step.weight_bytes / size_bytes, 1),
        ]
        for step in operators
    ]
    total = sum(step.weight_bytes for step in operators)
    text = table(["operator", "output", "shape", "weight bytes", "of the file"], rows, left=3)
    return f"{text}\ntotal: {total:,} bytes of weights, {percent(total / size_bytes, 1)} of the file"


def _tensors(contents: ModelContents) -> str:
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


def _weights(title: str, weights: Sequence[InspectedWeight]) -> str:
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
        text += "\nfigures are of the stored integers q, which represent scale · (q - zero point)"
    return text


def _arrays(inspection: Inspection) -> list[str]:
    """Return the elements of the weights that were kept, under their names; long arrays are shortened."""
    initial = inspection.initial_weights or ()
    trained = " after training" if initial else ""
    groups = [(" before training", initial), (trained, inspection.weights or ())]
    return [
        f"{weight.name}{when}\n{weight.values}"
        for when, weights in groups
        for weight in weights
        if weight.values is not None
    ]


def _shape(shape: Shape) -> str:
    return "×".join("?" if size is None else str(size) for size in shape)


def _range(values: Sequence[float]) -> str:
    """Return the value, or the smallest and largest per channel."""
    if not values:
        return ABSENT
    least, greatest = f"{min(values):.3g}", f"{max(values):.3g}"
    return least if least == greatest else f"{least} to {greatest}"


def _origin(inspection: Inspection) -> str:
    """Return one fact per line."""
    model, metadata = inspection.model, inspection.metadata
    facts = {
        "file": f"{model.name} ({size(model.size_bytes)})",
        "sha256": model.sha256,
        "format": f"{model.format} {model.scheme}",
        "opened by": model.engine,
        "labels": _labels(inspection.labels),
        "input": _input(inspection.contract),
        "pixels": _pixels(inspection.contract),
    }
    if inspection.types:
        facts |= _types(inspection.types)
    if metadata:
        facts |= _metadata(metadata)
    elif model.format != "keras":
        facts["metadata"] = "none of fmnist"
    width = max(map(len, facts)) + 2
    return "\n".join(f"{name:{width}}{value}" for name, value in facts.items())


def _labels(labels: Sequence[str]) -> str:
    """Return the class names; of many, the first few and the last."""
    if len(labels) <= _MOST_LABELS:
        return ", ".join(labels)
    return f"{', '.join(labels[:_SHOWN_LABELS])}, …, {labels[-1]} ({len(labels):,}; --json has all)"


def _input(contract: InputContract) -> str:
    return f"{'×'.join(map(str, contract.shape))} ({contract.layout}), {contract.dtype}"


def _pixels(contract: InputContract) -> str:
    if contract.range is None:
        return "of an unknown range; name it with --input-range where images are run"
    return f"{contract.range}, known from {contract.known_from}"


def _types(types: StoredTypes) -> dict[str, str]:
    """Return the types in the file, and its weights by type."""
    weights = ", ".join(
        f"{entry.weights:,} {entry.type} ({percent(entry.share, 1)}, {size(entry.size_bytes)})"
        for entry in types.weights
    )
    return {"contents": types.summary, "weights": weights or "none"}


def _metadata(metadata: Metadata) -> dict[str, str]:
    facts = {"REJECTED": metadata.rejected} if metadata.rejected else {}
    original = (
        "somebody else's file" if metadata.adopted else f"a Keras model of pixels {metadata.source_range}"
    )
    facts |= {
        "data set": metadata.dataset or "unknown",
        "test split": metadata.dataset_digest or "unknown",
        "made from": f"{original}, sha256 {metadata.source_sha256}",
        "made with": ", ".join(f"{name} {version}" for name, version in metadata.versions.items()),
    }
    if metadata.calibration:
        facts["calibration"] = _pairs(metadata.calibration)
    if metadata.proof:
        facts["proof"] = _pairs(metadata.proof)
    if metadata.golden:
        facts["golden"] = _golden(metadata.golden)
    facts["pictures"] = f"prepared as {metadata.preparation}" if metadata.preparation else "nobody says how"
    if metadata.statistics:
        facts["training"] = _statistics(metadata.statistics)
    return facts


def _statistics(statistics: ImageStatistics) -> str:
    """Return the limits beyond which a picture is unlike the training images."""
    limits = [
        f"{name} {low:.3g} to {high:.3g}"
        for name, low, high in zip(FIGURES, statistics.low, statistics.high, strict=True)
    ]
    return f"{', '.join(limits)}, largest probability at least {statistics.probability:.2g}"


def _pairs(record: Mapping[str, object]) -> str:
    """Return a record of an artifact as text, without figures of single images."""
    return ", ".join(
        f"{key.replace('_', ' ')} {f'{value:.6g}' if isinstance(value, float) else value}"
        for key, value in record.items()
        if not isinstance(value, list)
    )


def _golden(golden: Golden) -> str:
    difference = np.abs(golden.artifact - golden.original).max()
    shape = "×".join(map(str, golden.images.shape[1:]))
    return (
        f"{len(golden.images)} images of {shape}, largest difference from the original {difference:.2g}, "
        f"tolerance {golden.tolerance:.2g}"
    )
