"""The original model's answers in a file, so that a device without TensorFlow can compare with them."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import require_file, write_atomically
from fmnist_runtime.structure.archive import open_archive

SCHEMA = "fmnist.reference/2"
_MAX_BYTES = 2**28
"""What a reference may unfold to: 256 MB, a thousand scores each for 60,000 images."""


@dataclass(frozen=True)
class Reference:
    """Scores of one model for the test split of one data set."""

    model: str
    """What the model is called in tables: the name of its file."""
    model_sha256: str
    """SHA-256 of the Keras file."""
    dataset: str
    """Name of the data set."""
    dataset_digest: str
    """Digest of its test split, as of `fmnist_runtime.datasets.Dataset`."""
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


def write_reference(path: Path, reference: Reference) -> None:
    """Write a reference atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    header = {
        "schema": SCHEMA,
        "model": reference.model,
        "model_sha256": reference.model_sha256,
        "dataset": reference.dataset,
        "dataset_digest": reference.dataset_digest,
        "labels": reference.labels,
        "source_range": reference.source_range,
        "rounding": reference.rounding,
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, header=np.array(json.dumps(header)), scores=reference.scores, targets=reference.targets
    )
    write_atomically(path, buffer.getvalue())


def read_reference(path: Path) -> Reference:
    """Read a reference.

    Raises:
        ResultError: The file is missing, damaged or something else.
    """
    require_file(path, "a reference.npz, which fmnist train writes", ResultError)
    try:
        open_archive(path, _MAX_BYTES).close()
        with np.load(path, allow_pickle=False) as archive:
            header = json.loads(archive["header"].item())
            if header.pop("schema") != SCHEMA:
                raise ResultError(
                    f"{path}: is of another version, this reads {SCHEMA}; train or export the model again"
                )
            header["labels"] = tuple(header["labels"])
            header["rounding"] = float(header["rounding"])
            reference = Reference(**header, scores=archive["scores"], targets=archive["targets"])
            _check(reference)
    except ResultError:
        raise
    except Exception as error:  # what crafted files make NumPy and zipfile raise has no common base
        raise ResultError(
            f"{path}: not a reference that fmnist wrote ({error}); train or export the model again"
        ) from error
    return reference


def _check(reference: Reference) -> None:
    """Raise ValueError where the parts of a reference do not fit together."""
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
