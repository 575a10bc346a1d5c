"""The exact scores of several models in one file, so that another machine's can be compared with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ResultError
from fmnist_runtime.recorded import Reference, check_reference
from fmnist_runtime.records import MAX_BYTES, Kind, open_record, schema_of, write_record

SCHEMA = "fmnist.scores/1"
_KIND = Kind(
    schema=SCHEMA,
    what="a file of scores",
    origin="a file that fmnist eval --scores wrote",
    remedy="write it again with: fmnist eval --scores",
)
_MAX_MODELS = 1000
_MAX_SCORES = MAX_BYTES // 2
"""Bytes of scores in a file, which leaves as many for what else is in it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class ModelScores:
    """The scores of one model, and what ran it."""

    scored: Reference
    """The scores, and of which model and which images they are."""
    format: str
    """``keras``, ``tflite``, ``onnx`` or ``npz``."""
    scheme: str
    """``original``, a quantisation scheme, or ``unknown``."""
    engine: str
    """What ran it, with version."""
    threads: int
    """Threads one inference may use; 0 where the engine decides."""
    size_bytes: int
    """Size of the model's file."""


@dataclass(frozen=True)
class ScoresFile:
    """Scores of models of the same classes for the same images, each model of another name."""

    machine: str
    """Architecture of the machine they were run on, such as x86_64 or aarch64."""
    models: tuple[ModelScores, ...]
    """The models, at least one."""

    @property
    def split(self) -> Reference:
        """The first model's scores, for what they have in common: the images, their classes and labels."""
        return self.models[0].scored


def write_scores(path: Path, scores: ScoresFile) -> None:
    """Write a file of scores atomically; the same bytes for the same content.

    Raises:
        ResultError: The models do not belong into one file.
        OutputError: The file cannot be written.
    """
    try:
        _check(scores)
        if any(not _alike(model.scored, scores.split) for model in scores.models):
            raise ValueError("they are not of the same images and classes; keep them in a file each")
    except ValueError as error:
        raise ResultError(f"{path}: cannot hold these scores: {error}") from error
    header = {
        "machine": scores.machine,
        "dataset": scores.split.dataset,
        "dataset_digest": scores.split.dataset_digest,
        "labels": scores.split.labels,
        "models": [_record(model) for model in scores.models],
    }
    stacked = np.stack([model.scored.scores for model in scores.models])
    write_record(path, _KIND, header, scores=stacked, targets=scores.split.targets)


def read_scores(path: Path) -> ScoresFile:
    """Read a file of scores.

    Raises:
        ResultError: The file is missing, damaged or something else.
    """
    with open_record(path, _KIND) as (header, arrays):
        records, stacked, targets = header["models"], arrays["scores"], arrays["targets"]
        if stacked.ndim != 3 or len(stacked) != len(records):
            raise ValueError(f"scores of shape {stacked.shape} do not fit {len(records)} models")
        shared = {
            "dataset": header["dataset"],
            "dataset_digest": header["dataset_digest"],
            "labels": tuple(header["labels"]),
            "targets": targets,
        }
        models = (_parsed(record, shared, one) for record, one in zip(records, stacked, strict=True))
        scores = ScoresFile(header["machine"], tuple(models))
        _check(scores)
    return scores


def is_scores(path: Path) -> bool:
    """Whether a file says that it holds scores of ours, of whatever version."""
    return schema_of(path).startswith("fmnist.scores/")


def _alike(one: Reference, other: Reference) -> bool:
    same = (one.dataset_digest, one.labels) == (other.dataset_digest, other.labels)
    return same and np.array_equal(one.targets, other.targets)


def _record(model: ModelScores) -> dict[str, Any]:
    """What a file says of one model."""
    scored = model.scored
    return {
        "model": scored.model,
        "model_sha256": scored.model_sha256,
        "source_sha256": scored.source_sha256,
        "source_range": scored.source_range,
        "rounding": scored.rounding,
        "format": model.format,
        "scheme": model.scheme,
        "engine": model.engine,
        "threads": model.threads,
        "size_bytes": model.size_bytes,
    }


def _parsed(record: Mapping[str, Any], shared: Mapping[str, Any], scores: NDArray[np.float32]) -> ModelScores:
    """The inverse of `_record`."""
    names = ("model", "model_sha256", "source_sha256", "source_range", "rounding")
    return ModelScores(
        scored=Reference(**{name: record[name] for name in names}, **shared, scores=scores),
        **{name: record[name] for name in ("format", "scheme", "engine", "threads", "size_bytes")},
    )


def _check(scores: ScoresFile) -> None:
    """Raise ValueError where something in a file is not what its fields say."""
    if not 1 <= len(scores.models) <= _MAX_MODELS or len(scores.split.targets) == 0:
        raise ValueError(f"scores of no image, or not of 1 to {_MAX_MODELS} models")
    _check_texts([scores.machine, scores.split.dataset, scores.split.dataset_digest, *scores.split.labels])
    for model in scores.models:
        _check_model(model)
    names = {model.scored.model for model in scores.models}
    if len(names) < len(scores.models):
        raise ValueError(
            "two models have the same name, by which parity pairs them; keep them in a file each"
        )
    size = sum(model.scored.scores.nbytes for model in scores.models)
    if size > _MAX_SCORES:
        raise ValueError(f"{size:,} bytes, at most {_MAX_SCORES:,} are read; keep fewer models in a file")


def _check_model(model: ModelScores) -> None:
    scored = model.scored
    check_reference(scored)
    _check_texts([scored.model, scored.model_sha256, scored.source_range, scored.original_sha256])
    _check_texts([model.format, model.scheme, model.engine])
    if any(type(count) is not int or count < 0 for count in (model.threads, model.size_bytes)):
        raise ValueError("threads or a size that are no number")


def _check_texts(texts: list[str]) -> None:
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("text is expected for names, digests and labels")
    if any(_CONTROL.search(text) for text in texts):
        raise ValueError("control characters, which would reach the terminal")
