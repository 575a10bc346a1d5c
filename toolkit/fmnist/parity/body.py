"""The content of ``parity.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fmnist.parity.layers import LayersOfModel
from fmnist.parity.models import Candidate, ModelParity, shared_reference
from fmnist.parity.scores import ComparedScores
from fmnist.results.write import OPTIONAL, Inputs, Kept
from fmnist_runtime.parity import Gate


@dataclass(frozen=True)
class ParityInputs(Inputs):
    """The inputs of ``parity.json`` in a run directory."""

    gates: dict[str, Gate]
    """The gate of each artifact that can be exported, by ``FORMAT SCHEME``."""
    limits: dict[str, float]
    """Limits that the user named in place of those, by field of `Gate`."""


@dataclass(frozen=True)
class Split:
    """What all candidates were compared with, as far as it is the same for all."""

    name: str | None
    """Name of the original's file; None where each candidate has an original of its own."""
    sha256: str | None
    """SHA-256 of the same."""
    dataset: str
    """Name of the data set whose test split was scored."""
    dataset_digest: str
    """Digest of that split, as of `fmnist_runtime.data.datasets.Dataset`."""
    labels: tuple[str, ...]
    """Class names, by class index."""


@dataclass(frozen=True)
class ParityBody(Kept):
    """The content of ``parity.json``."""

    inputs: ParityInputs | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """What it was made from; there in what `fmnist run` wrote, and nowhere else."""
    reference: Split
    """What the artifacts were compared with."""
    candidates: list[Candidate]
    """The artifacts, in the order they were named."""
    layers: list[LayersOfModel] | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """With ``--layers`` alone: where each artifact drifts."""
    scores: tuple[ComparedScores, ComparedScores] | None = field(
        default=None, kw_only=True, metadata=OPTIONAL
    )
    """With ``--scores`` alone: the reference file, and the candidates'."""
    left_out: tuple[str, ...] | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """With ``--scores`` alone: models of the reference file that no candidate was compared with."""


def parity_body(results: Sequence[ModelParity]) -> ParityBody:
    """Return the content of ``parity.json``, without its optional parts."""
    split, shared = results[0].reference, shared_reference(results)
    reference = Split(
        name=shared.model if shared else None,
        sha256=shared.model_sha256 if shared else None,
        dataset=split.dataset,
        dataset_digest=split.dataset_digest,
        labels=split.labels,
    )
    return ParityBody(reference, [item.candidate for item in results])
