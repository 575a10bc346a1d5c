"""What a model file is and says of itself, as `fmnist inspect` shows it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmnist.models.inspect import Inspection
    from fmnist_runtime.artifact.contract import InputContract
    from fmnist_runtime.artifact.metadata import Golden, Metadata
    from fmnist_runtime.artifact.stored import StoredTypes

_MOST_LABELS = 20
"""Names of classes that one line has room for."""
_SHOWN_LABELS = 5


def origin(inspection: "Inspection") -> str:
    """One fact a line."""
    from fmnist.text.tables import size

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
    """The names of the classes; of many the first few and the last."""
    if len(labels) <= _MOST_LABELS:
        return ", ".join(labels)
    return f"{', '.join(labels[:_SHOWN_LABELS])}, …, {labels[-1]} ({len(labels):,}; --json has all)"


def _input(contract: "InputContract") -> str:
    return f"{'×'.join(map(str, contract.shape))} ({contract.layout}), {contract.dtype}"


def _pixels(contract: "InputContract") -> str:
    if contract.range is None:
        return "of an unknown range; name it with --input-range where images are run"
    return f"{contract.range}, known from {contract.known_from}"


def _types(types: "StoredTypes") -> dict[str, str]:
    """What the file holds, and its weights by type."""
    from fmnist.text.tables import percent, size

    weights = ", ".join(
        f"{entry.weights:,} {entry.type} ({percent(entry.share, 1)}, {size(entry.size_bytes)})"
        for entry in types.weights
    )
    return {"contents": types.summary, "weights": weights or "none"}


def _metadata(metadata: "Metadata") -> dict[str, str]:
    facts = {"REJECTED": metadata.rejected} if metadata.rejected else {}
    original = (
        "somebody else's file" if metadata.adopted else f"a Keras model of pixels {metadata.source_range}"
    )
    facts |= {
        "data set": metadata.dataset or "not known",
        "test split": metadata.dataset_digest or "not known",
        "made from": f"{original}, sha256 {metadata.source_sha256}",
        "made with": ", ".join(f"{name} {version}" for name, version in metadata.versions.items()),
    }
    if metadata.calibration:
        facts["calibration"] = _pairs(metadata.calibration)
    if metadata.proof:
        facts["proof"] = _pairs(metadata.proof)
    if metadata.golden:
        facts["golden"] = _golden(metadata.golden)
    return facts


def _pairs(record: Mapping[str, object]) -> str:
    """What an artifact says, in its own words; the numbers of single images are left out."""
    return ", ".join(
        f"{key.replace('_', ' ')} {f'{value:.6g}' if isinstance(value, float) else value}"
        for key, value in record.items()
        if not isinstance(value, list)
    )


def _golden(golden: "Golden") -> str:
    import numpy as np

    difference = np.abs(golden.artifact - golden.original).max()
    shape = "×".join(map(str, golden.images.shape[1:]))
    return (
        f"{len(golden.images)} images of {shape}, largest difference from the original {difference:.2g}, "
        f"tolerance {golden.tolerance:.2g}"
    )
