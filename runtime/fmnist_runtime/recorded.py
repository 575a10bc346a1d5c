"""Recorded scores: arrays with a JSON header in one ``.npz`` file.

There are two kinds. A *reference* (``reference.npz``) holds the scores of one original, so that a device
without TensorFlow can compare with them. A *scores file* holds the exact scores of several models, so that
the scores of two machines can be compared.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import require_file, write_atomically
from fmnist_runtime.safety.zip import open_archive


class _RecordKind(NamedTuple):
    """A kind of record and how messages describe it."""

    schema: str
    """Schema in the header: ``fmnist.KIND/VERSION``."""
    what: str
    """What it is, as in "a reference"."""
    origin: str
    """The file and what writes it, as in "a reference.npz, which fmnist train writes"."""
    remedy: str
    """What to do if the file is damaged or of another version."""


REFERENCE_SCHEMA = "fmnist.reference/2"
_REFERENCE = _RecordKind(
    schema=REFERENCE_SCHEMA,
    what="a reference",
    origin="a reference.npz, which fmnist train writes",
    remedy="train or export the model again",
)
_SCORES = _RecordKind(
    schema="fmnist.scores/1",
    what="a file of scores",
    origin="a file that fmnist eval --scores wrote",
    remedy="write it again with: fmnist eval --scores",
)
MAX_BYTES = 2**28
"""Largest decompressed size of a record: 256 MB, a thousand scores each for 60,000 images."""
_HEADER = "header.npy"
"""The archive's entry that holds the header."""
_MAX_MODELS = 1000
_MAX_SCORES = MAX_BYTES // 2
"""Bytes of scores in a file, which leaves as much for the rest."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHARED = ("dataset", "dataset_digest", "labels")
_SCORED = ("model", "model_sha256", "source_sha256", "source_range", "rounding")
_RUN = ("format", "scheme", "engine", "threads", "size_bytes")
"""Fields of `Reference`, those that all models share and the others, and of `ModelScores`."""


@dataclass(frozen=True)
class Reference:
    """Scores of one model for the test split of one data set."""

    model: str
    """Name of the model in tables: the name of its file."""
    model_sha256: str
    """SHA-256 of the model's file."""
    dataset: str
    """Name of the data set."""
    dataset_digest: str
    """Digest of its test split (see `fmnist_runtime.data.datasets.Dataset`)."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    source_range: str
    """Pixel range that the model itself takes: ``0-255`` or ``0-1``."""
    rounding: float
    """Largest difference of a probability between the model in float32 and in float64; 0 if unknown."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``, the true classes."""
    source_sha256: str | None = None
    """SHA-256 of the Keras file that an artifact was made from, empty if unknown; None for a Keras model,
    as in every reference.npz."""

    @property
    def original_sha256(self) -> str:
        """SHA-256 of the original's Keras file; empty if unknown."""
        return self.model_sha256 if self.source_sha256 is None else self.source_sha256


@dataclass(frozen=True)
class ModelScores:
    """The scores of one model and how it was run."""

    scored: Reference
    """The scores, with their model and images."""
    format: str
    """``keras``, ``tflite``, ``onnx``, ``npz`` or ``c``."""
    scheme: str
    """``original``, a quantisation scheme, or ``unknown``."""
    engine: str
    """Name and version of the engine."""
    threads: int
    """Threads of one inference; 0 if the engine decides."""
    size_bytes: int
    """Size of the model's file."""


@dataclass(frozen=True)
class ScoresFile:
    """Scores of models of the same classes for the same images. Each model has another name."""

    machine: str
    """Architecture of the machine that ran them, such as x86_64 or aarch64."""
    models: tuple[ModelScores, ...]
    """The models, at least one."""

    @property
    def split(self) -> Reference:
        """The first model's scores; images, targets and labels are the same for all models."""
        return self.models[0].scored


def write_reference(path: Path, reference: Reference) -> None:
    """Write a Keras model's scores atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    names = ("model", "model_sha256", *_SHARED, "source_range", "rounding")
    header = {name: getattr(reference, name) for name in names}
    _write(path, _REFERENCE, header, scores=reference.scores, targets=reference.targets)


def read_reference(path: Path) -> Reference:
    """Read a reference.

    Raises:
        ResultError: The file is missing, damaged or something else.
    """
    with _open(path, _REFERENCE) as (header, arrays):
        header["labels"] = tuple(header["labels"])
        header["rounding"] = float(header["rounding"])
        scores, targets = arrays["scores"], arrays["targets"]
        reference = Reference(**header, scores=scores, targets=targets, source_sha256=None)
        _check_reference(reference)
    return reference


def write_scores(path: Path, scores: ScoresFile) -> None:
    """Write a scores file atomically. The same content gives the same bytes.

    Raises:
        ResultError: The models do not belong in one file.
        OutputError: The file cannot be written.
    """
    try:
        _check_scores(scores)
        if any(not _same_split(model.scored, scores.split) for model in scores.models):
            raise ValueError("they are not of the same images and classes; keep them in a file each")
    except ValueError as error:
        raise ResultError(f"{path}: cannot hold these scores: {error}") from error
    models = [
        {name: getattr(model.scored, name) for name in _SCORED}
        | {name: getattr(model, name) for name in _RUN}
        for model in scores.models
    ]
    shared = {name: getattr(scores.split, name) for name in _SHARED}
    header = {"machine": scores.machine, **shared, "models": models}
    stacked = np.stack([model.scored.scores for model in scores.models])
    _write(path, _SCORES, header, scores=stacked, targets=scores.split.targets)


def read_scores(path: Path) -> ScoresFile:
    """Read a scores file.

    Raises:
        ResultError: The file is missing, damaged or something else.
    """
    with _open(path, _SCORES) as (header, arrays):
        records, stacked = header["models"], arrays["scores"]
        if stacked.ndim != 3 or len(stacked) != len(records):
            raise ValueError(f"scores of shape {stacked.shape} do not fit {len(records)} models")
        header["labels"] = tuple(header["labels"])
        shared = {**{name: header[name] for name in _SHARED}, "targets": arrays["targets"]}
        models = (_parsed(record, shared, one) for record, one in zip(records, stacked, strict=True))
        scores = ScoresFile(header["machine"], tuple(models))
        _check_scores(scores)
    return scores


def is_scores(path: Path) -> bool:
    """Return whether a file claims to be a scores file, of any version."""
    return schema_of(path).startswith("fmnist.scores/")


def schema_of(path: Path) -> str:
    """Return the schema in a record's header; empty for any other file, or if there is none."""
    try:
        if path.is_file():  # opening a pipe could block for ever
            with _unpacked(path) as (header, _):
                return str(header["schema"])
    except Exception:  # NumPy and zipfile raise exceptions without a common base for crafted files
        pass
    return ""


def _write(path: Path, kind: _RecordKind, header: Mapping[str, Any], **arrays: NDArray[Any]) -> None:
    """Write a record atomically. The same content gives the same bytes."""
    buffer = io.BytesIO()
    text = json.dumps({"schema": kind.schema, **header})
    entries: dict[str, Any] = {"header": np.array(text), **arrays}
    np.savez_compressed(buffer, **entries)
    write_atomically(path, buffer.getvalue())


@contextmanager
def _open(path: Path, kind: _RecordKind) -> Iterator[tuple[dict[str, Any], Mapping[str, NDArray[Any]]]]:
    """Read a record without trusting it. An exception in the block means that it is damaged.

    Yields:
        The header without its schema, and the arrays, which are read on access.

    Raises:
        ResultError: The file is missing, damaged or something else.
    """
    require_file(path, kind.origin, ResultError)
    try:
        with open_archive(path) as archive:
            if _HEADER not in archive.namelist():  # another archive, such as a model in .keras or .npz
                raise ResultError(f"{path}: is no record that fmnist wrote; give the path of {kind.origin}")
        with _unpacked(path) as (header, arrays):
            schema = str(header.pop("schema"))
            if schema.partition("/")[0] != kind.schema.partition("/")[0]:
                raise ValueError(f"it is {schema}")
            if schema != kind.schema:
                raise ResultError(f"{path}: is of another version, this reads {kind.schema}; {kind.remedy}")
            yield header, arrays
    except ResultError:
        raise
    except Exception as error:  # as in schema_of
        raise ResultError(f"{path}: not {kind.what} that fmnist wrote ({error}); {kind.remedy}") from error


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[dict[str, Any], Mapping[str, NDArray[Any]]]]:
    open_archive(path, MAX_BYTES).close()
    with np.load(path, allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].item())
        if not isinstance(header, dict):
            raise ValueError("its header is no object")
        yield header, arrays


def _same_split(one: Reference, other: Reference) -> bool:
    same = (one.dataset_digest, one.labels) == (other.dataset_digest, other.labels)
    return same and np.array_equal(one.targets, other.targets)


def _parsed(record: Mapping[str, Any], shared: Mapping[str, Any], scores: NDArray[np.float32]) -> ModelScores:
    """Return the scores of the model that an entry of the header describes."""
    scored = Reference(**{name: record[name] for name in _SCORED}, **shared, scores=scores)
    return ModelScores(scored, **{name: record[name] for name in _RUN})


def _check_scores(scores: ScoresFile) -> None:
    """Check a scores file before it is written and after it is read.

    Raises:
        ValueError: A value is not what its field says.
    """
    if not 1 <= len(scores.models) <= _MAX_MODELS or len(scores.split.targets) == 0:
        raise ValueError(f"scores of no image, or not of 1 to {_MAX_MODELS} models")
    _check_texts([scores.machine, scores.split.dataset, scores.split.dataset_digest, *scores.split.labels])
    for model in scores.models:
        scored = model.scored
        _check_reference(scored)
        _check_texts([scored.model, scored.model_sha256, scored.source_range, scored.original_sha256])
        _check_texts([model.format, model.scheme, model.engine])
        if any(type(count) is not int or count < 0 for count in (model.threads, model.size_bytes)):
            raise ValueError("the threads or the size are not a number")
    names = {model.scored.model for model in scores.models}
    if len(names) < len(scores.models):
        raise ValueError(
            "two models have the same name, by which parity pairs them; keep them in a file each"
        )
    size = sum(model.scored.scores.nbytes for model in scores.models)
    if size > _MAX_SCORES:
        raise ValueError(f"{size:,} bytes, at most {_MAX_SCORES:,} are read; keep fewer models in a file")


def _check_reference(reference: Reference) -> None:
    """Check that the parts of a reference fit together.

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
        raise ValueError("the true classes are not valid")
    if len(scores) == 0:
        raise ValueError("there are scores of no images")
    if not np.isfinite(scores).all():
        raise ValueError("scores are NaN or infinite")
    if not isinstance(reference.rounding, float) or not 0 <= reference.rounding <= 1:
        raise ValueError(f"the rounding is {reference.rounding!r}")


def _check_texts(texts: list[str]) -> None:
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("text is expected for names, digests and labels")
    if any(_CONTROL.search(text) for text in texts):
        raise ValueError("there are control characters, which would reach the terminal")
