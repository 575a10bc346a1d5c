"""Comparison of models, as files or open sessions, with an original's recorded scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.data.labels import is_numbered
from fmnist_runtime.engines import Session, load
from fmnist_runtime.errors import ResultError
from fmnist_runtime.evaluate import score_dataset
from fmnist_runtime.parity.comparison import Parity, compare
from fmnist_runtime.parity.gates import Gate, default_gate
from fmnist_runtime.recorded import Reference, read_reference

_SHOWN = 3
"""Differing class names that a message shows."""


def compare_model(
    model: Path | str,
    reference: Path | str,
    *,
    gate: Gate | None = None,
    data_dir: Path | None = None,
    threads: int = 1,
    engine: str = "auto",
    input_range: str | None = None,
) -> Parity:
    """Run an artifact on the test split of its original's scores, and compare.

    Args:
        model: The artifact, a ``.tflite``, ``.onnx`` or ``.npz`` file.
        reference: A ``reference.npz``, the original's scores.
        gate: The limits; those of the artifact's scheme if None.
        data_dir: Folder with the data set, instead of the usual places.
        threads: Threads of one inference.
        engine: As in `fmnist_runtime.load`.
        input_range: As in `fmnist_runtime.load`.

    Raises:
        FmnistError: A file is missing or damaged, or they do not fit together.
    """
    original = read_reference(Path(reference))
    dataset = load_dataset(original.dataset, "test", data_dir)
    with load(Path(model), threads=threads, engine=engine, input_range=input_range) as session:
        limits = gate or default_gate(session.info.scheme).allowing(original.rounding)
        parity, _ = compare_session(session, original, dataset, limits)
    return parity


def compare_session(
    session: Session, reference: Reference, dataset: Dataset, gate: Gate
) -> tuple[Parity, NDArray[np.float32]]:
    """Run an open model on the test split of its original's scores, and compare; see `compare_model`.

    Returns:
        The comparison, and the model's scores, float32 ``[N, classes]``.

    Raises:
        ResultError: The images or the classes are not those of the reference.
        NonFiniteScoresError: The model's scores are NaN or infinite.
    """
    require_split(dataset, reference)
    same = same_original(source_of(session), reference)
    require_classes(str(session.info.path), session.info.labels, reference, same)
    scores, _ = score_dataset(session, dataset)
    return compare(reference.scores, scores, dataset.targets, gate), scores


def source_of(session: Session) -> str:
    """Return the SHA-256 of the Keras file that an open model was made from; empty if unknown."""
    metadata = session.info.metadata
    return metadata.source_sha256 if metadata else ""


def same_original(source: str, reference: Reference) -> bool | None:
    """Return whether a Keras file's SHA-256 (empty if unknown) is that of a reference's; None if unknown."""
    other = reference.original_sha256
    return source == other if source and other else None


def require_split(dataset: Dataset, reference: Reference) -> None:
    """Check that a reference's scores belong to a test split.

    Raises:
        ResultError: They belong to another.
    """
    if dataset.digest != reference.dataset_digest:
        raise ResultError(
            f"{dataset.name}: its {len(dataset.targets):,} test images are not the "
            f"{len(reference.targets):,} of {reference.dataset} that {reference.model} was scored on "
            f"(digest {dataset.digest[:12]}, not {reference.dataset_digest[:12]}); "
            "name the folder that holds those with --data-dir"
        )
    if not np.array_equal(dataset.targets, reference.targets):
        raise ResultError(
            f"{reference.model}: its {len(reference.targets):,} recorded scores are not of the "
            f"{len(dataset.targets):,} images of {dataset.name} that they say they are of; train or export "
            "the model again"
        )


def require_classes(
    name: str, labels: Sequence[str], reference: Reference, same_original: bool | None = None
) -> None:
    """As `require_labels`, for a model and a reference.

    Numbers as class names are compared like other names if the model was certainly not made from the
    reference's.

    Raises:
        ResultError: They are not.
    """
    try:
        require_labels(name, labels, reference.model, reference.labels, numbers_count=same_original is False)
    except ResultError as error:
        raise ResultError(
            f"{error}; name its own original with --reference, or its classes as there with --labels"
        ) from error


def require_labels(
    name: str, labels: Sequence[str], other: str, theirs: Sequence[str], numbers_count: bool = False
) -> None:
    """Check that two models have the same classes, in the same order.

    Args:
        name: Name of the first in a message.
        labels: Its class names, by class index.
        other: Name of the second.
        theirs: Its class names.
        numbers_count: Whether numbers as class names, as in a file without names, are compared like other
            names.

    Raises:
        ResultError: They do not.
    """
    if len(labels) != len(theirs):
        raise ResultError(f"{name}: has {len(labels)} classes, and {other} has {len(theirs)}")
    if not numbers_count and (is_numbered(labels) or is_numbered(theirs)):
        return
    differing = [
        f"class {index} is {label!r}, and {theirs[index]!r} there"
        for index, label in enumerate(labels)
        if label != theirs[index]
    ]
    if differing:
        order = "in another order" if sorted(labels) == sorted(theirs) else f"{len(differing)} of them others"
        shown = "; ".join(differing[:_SHOWN]) + ("; …" if len(differing) > _SHOWN else "")
        raise ResultError(f"{name}: its classes are not those of {other}, {order}: {shown}")


def assert_parity(
    model: Path | str,
    reference: Path | str,
    *,
    gate: Gate | None = None,
    data_dir: Path | None = None,
    input_range: str | None = None,
) -> Parity:
    """Raise an error unless a model may replace its original. For pytest or any other test runner.

    The arguments are those of `compare_model`.

    Returns:
        The comparison, for further assertions.

    Raises:
        AssertionError: It broke a limit; each one is named with the excess.
        FmnistError: As in `compare_model`.
    """
    __tracebackhide__ = True  # pytest shows the line that calls, not this one
    parity = compare_model(model, reference, gate=gate, data_dir=data_dir, input_range=input_range)
    if not parity.passed:
        raise AssertionError("\n".join([f"{model} may not replace its original", *map(str, parity.breaches)]))
    return parity
