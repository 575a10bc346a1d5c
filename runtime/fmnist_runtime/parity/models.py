"""Comparing models themselves: files, or open sessions, with an original's recorded scores."""

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
"""Classes of another name that a message shows."""


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
        gate: The limits to hold it against; those of its scheme when None.
        data_dir: Folder that holds the data set, instead of the usual places.
        threads: Threads that one inference may use.
        engine: What runs it; see `fmnist_runtime.load`.
        input_range: What pixels become, of a file that does not say it; see there, too.

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
    """Run an open model on a test split, and compare with its original's scores.

    Args:
        session: The model.
        reference: The original's scores.
        dataset: The test split that they are of.
        gate: The limits to hold the model against.

    Returns:
        The comparison, and the model's scores, float32 ``[N, classes]``.

    Raises:
        ResultError: The images or the classes are not those of the reference.
        NonFiniteScoresError: The model answered with NaN or infinity.
    """
    require_split(dataset, reference)
    same = same_original(source_of(session), reference)
    require_classes(str(session.info.path), session.info.labels, reference, same)
    scores, _ = score_dataset(session, dataset)
    return compare(reference.scores, scores, dataset.targets, gate), scores


def source_of(session: Session) -> str:
    """SHA-256 of the Keras file that an open model was made from; empty when it does not say."""
    metadata = session.info.metadata
    return metadata.source_sha256 if metadata else ""


def same_original(source: str, reference: Reference) -> bool | None:
    """Whether a model comes from the same Keras model as a reference; None when one of them does not say.

    Args:
        source: SHA-256 of the Keras file that it comes from; empty when it does not say.
        reference: The other.
    """
    other = reference.original_sha256
    return source == other if source and other else None


def require_split(dataset: Dataset, reference: Reference) -> None:
    """Check that a test split is the one that a reference's scores are of.

    Raises:
        ResultError: It is another.
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
    """Check that a model's classes are those of a reference, in the same order.

    Args:
        name: What the model is called in a message.
        labels: Its class names, by class index.
        reference: The original's scores.
        same_original: Whether it says that it was made from the reference's model; None when it does not
            say. If it was not, numbers for names are names like others.

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
        name: What the first is called in a message.
        labels: Its class names, by class index.
        other: What the second is called.
        theirs: Its class names.
        numbers_count: Whether numbers for names, as a file has that carries none, are names like others.

    Raises:
        ResultError: They have not.
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
    """Fail unless a model may replace its original.

    Args:
        model: The artifact.
        reference: A ``reference.npz``, the original's scores.
        gate: The limits to hold it against; those of its scheme when None.
        data_dir: Folder that holds the data set, instead of the usual places.
        input_range: What pixels become, of a file that does not say it; see `fmnist_runtime.load`.

    Returns:
        The comparison, for further assertions.

    Raises:
        AssertionError: It broke a limit; each is named, and by how much.
        FmnistError: As of `compare_model`.
    """
    __tracebackhide__ = True  # pytest shows the line that calls, not this one
    parity = compare_model(model, reference, gate=gate, data_dir=data_dir, input_range=input_range)
    if not parity.passed:
        raise AssertionError("\n".join([f"{model} may not replace its original", *map(str, parity.breaches)]))
    return parity
