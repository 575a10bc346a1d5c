"""TFLite model → C: any model whose layers C has, compared on labelled images. Loads no TensorFlow."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters import proof
from fmnist_exporters.formats.c_network import c_name, read_tflite
from fmnist_exporters.manifest import ARTIFACT
from fmnist_exporters.recipes import INTEGER_LEVEL
from fmnist_exporters.samples import choose_golden, statistics_of
from fmnist_runtime.artifact.metadata import Golden, Metadata
from fmnist_runtime.artifact.stored import read_stored_types
from fmnist_runtime.data.datasets import Dataset, dataset_reference
from fmnist_runtime.engines import Session, load
from fmnist_runtime.errors import UnsupportedError
from fmnist_runtime.files import Draft, require_writable, sha256_file
from fmnist_runtime.machine.environment import package_version
from fmnist_runtime.native.network import write_network
from fmnist_runtime.native.source import c_file
from fmnist_runtime.parity import Gate, compare

SAME = Gate(max_drop=0.001, max_difference=None, min_agreement=0.999)
"""What C must keep of a TFLite model. Their integers are the same; their floats are added in another order,
which moves a score that lies between two levels."""


@dataclass(frozen=True)
class Wishes:
    """What the C of a model is to be like."""

    labels: tuple[str, ...]
    """Class names."""
    preparation: str
    """How a picture becomes its input; empty if nobody says."""
    gate: Gate = SAME
    """How far its answers may be from the model's."""
    force: bool = False
    """Whether to replace a file that is not ours."""


def export_c(session: Session, dataset: Dataset, path: Path, wishes: Wishes) -> Metadata:
    """Write the C of a TFLite model.

    Args:
        session: The open model, with a known input range.
        dataset: Labelled test images.
        path: Path of the C file.
        wishes: What it is to be like.

    Returns:
        The metadata of the file.

    Raises:
        UnsupportedError: C has no kernel for a layer.
        RejectedError: It does not answer as the model does.
        OutputError: The path holds a file that we did not make, or cannot be written.
    """
    info = session.info
    require_writable(path, ARTIFACT, wishes.force)
    if info.order:
        raise UnsupportedError(
            f"{info.path}: C keeps the order of the file's classes; name them with --labels"
        )
    content = info.path.read_bytes()
    contract = replace(info.contract, range=info.contract.require_range(info.path))
    try:
        network = read_tflite(content, c_name(path.stem), contract, info.input_shape, info.head)
    except UnsupportedError as error:
        raise UnsupportedError(f"{info.path}: {error}") from error
    model = write_network(network)
    images = dataset.images.reshape(-1, *info.input_shape)
    expected = session.scores(images)
    known, scheme = info.metadata, info.scheme
    if scheme == "unknown":
        types = read_stored_types(info.path)
        scheme = "int8" if types and types.integer_operators else "float32"
    metadata = Metadata(
        format="c",
        scheme=scheme,
        labels=wishes.labels,
        dataset=dataset_reference(dataset.name),
        dataset_digest=dataset.digest,
        source_sha256=known.source_sha256 if known else sha256_file(info.path),
        source_range=contract.range or "",
        calibration=known.calibration if known else {},
        gate=asdict(wishes.gate),
        versions={"fmnist": package_version(), "engine": info.engine},
        preparation=info.preparation or wishes.preparation,
    )
    with Draft(path) as draft:
        draft.write(c_file(model, metadata.to_json()))
        metadata = _proved(draft.path, metadata, images, dataset.targets, expected, wishes.gate)
        draft.write(c_file(model, metadata.to_json()))
        proof.finish(draft, metadata)
    return metadata


def _proved(
    draft: Path,
    metadata: Metadata,
    images: NDArray[np.uint8],
    targets: NDArray[np.uint8],
    expected: NDArray[np.float32],
    gate: Gate,
) -> Metadata:
    """Run the C, and return the metadata with golden samples, statistics and proof."""
    with load(draft) as made:
        scores = made.scores(images)
    parity = compare(expected, scores, targets, gate)
    chosen = choose_golden(images, targets, expected)
    figures: dict[str, Any] = {
        "split": "test",
        "images": parity.answers.images,
        "agreement": parity.answers.agreement,
        "reference_accuracy": parity.answers.reference_accuracy,
        "accuracy": parity.answers.candidate_accuracy,
        "max_difference": parity.probabilities.max_difference,
    }
    types = read_stored_types(draft)
    return replace(
        metadata,
        golden=Golden(images[chosen], expected[chosen], scores[chosen], INTEGER_LEVEL),
        statistics=statistics_of(images, scores),
        contents=asdict(types) if types else {},
        proof=figures,
        rejected="; ".join(str(breach) for breach in parity.breaches if breach.certain),
    )
