"""The original model's answers in a file, so that a device without TensorFlow can compare with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.records import Kind, open_record, write_record

SCHEMA = "fmnist.reference/2"
_KIND = Kind(
    schema=SCHEMA,
    what="a reference",
    origin="a reference.npz, which fmnist train writes",
    remedy="train or export the model again",
)


@dataclass(frozen=True)
class Reference:
    """Scores of one model for the test split of one data set."""

    model: str
    """What the model is called in tables: the name of its file."""
    model_sha256: str
    """SHA-256 of the model's file."""
    dataset: str
    """Name of the data set."""
    dataset_digest: str
    """Digest of its test split, as of `fmnist_runtime.data.datasets.Dataset`."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    source_range: str
    """Pixels that the model itself takes: ``0-255`` or ``0-1``."""
    rounding: float
    """Largest difference of a probability between the model in float32 and in float64; 0 when not known."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``, the true classes."""
    source_sha256: str | None = None
    """SHA-256 of the Keras file that an artifact was made from, empty when it does not say; None for a Keras
    model. A reference.npz is of one of those."""

    @property
    def original_sha256(self) -> str:
        """SHA-256 of the Keras file that it comes from; empty when that is not known."""
        return self.model_sha256 if self.source_sha256 is None else self.source_sha256


def write_reference(path: Path, reference: Reference) -> None:
    """Write a Keras model's scores atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    header = {
        "model": reference.model,
        "model_sha256": reference.model_sha256,
        "dataset": reference.dataset,
        "dataset_digest": reference.dataset_digest,
        "labels": reference.labels,
        "source_range": reference.source_range,
        "rounding": reference.rounding,
    }
    write_record(path, _KIND, header, scores=reference.scores, targets=reference.targets)


def read_reference(path: Path) -> Reference:
    """Read a reference.

    Raises:
        ResultError: The file is missing, damaged or something else.
    """
    with open_record(path, _KIND) as (header, arrays):
        header["labels"] = tuple(header["labels"])
        header["rounding"] = float(header["rounding"])
        scores, targets = arrays["scores"], arrays["targets"]
        reference = Reference(**header, scores=scores, targets=targets, source_sha256=None)
        check_reference(reference)
    return reference


def check_reference(reference: Reference) -> None:
    """Check that the parts of a reference fit together, before anything is made of a stranger's.

    Raises:
        ValueError: They do not.
    """
    texts = (reference.model, reference.model_sha256, reference.dataset, reference.dataset_digest)
    if not all(isinstance(text, str) for text in (*texts, reference.source_range, *reference.labels)):
        raise ValueError("text is expected for names, digests and labels")
    scores, targets, classes = reference.scores, reference.targets, len(reference.labels)
    if scores.shape != (len(targets), classes) or scores.dtype != np.float32:
        raise ValueError(
            f"scores of shape {scores.shape} do not fit {len(targets)} images of {classes} classes"
        )
    if targets.dtype != np.uint8 or targets.ndim != 1 or int(targets.max(initial=0)) >= classes:
        raise ValueError("true classes that are none")
    if len(scores) == 0:
        raise ValueError("scores of no images")
    if not np.isfinite(scores).all():
        raise ValueError("scores that are NaN or infinity")
    if not isinstance(reference.rounding, float) or not 0 <= reference.rounding <= 1:
        raise ValueError(f"a rounding of {reference.rounding!r}")
