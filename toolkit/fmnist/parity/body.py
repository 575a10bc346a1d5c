"""Artifacts beside their original as the content of ``parity.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from fmnist.models.open import ModelFile
from fmnist.parity.layers import LayerDrift, ModelDrift
from fmnist.parity.models import ModelParity, shared_reference
from fmnist.parity.scores import Holding
from fmnist.results.inputs import Kept
from fmnist_runtime.parity import Audit, Breach, Calibration, Changes, Gate, Probabilities, TopOneAgreement


class Split(TypedDict):
    """What all candidates were held against, as far as it is the same for all."""

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


class Original(TypedDict):
    """What one candidate was held against."""

    name: str
    """Name of the file."""
    sha256: str
    """SHA-256 of the file."""


@dataclass(frozen=True)
class Candidate(ModelFile):
    """One artifact beside its original."""

    passed: bool
    """Whether it may replace the original: whether no limit is broken."""
    reference: Original
    """What it was held against."""
    same_original: bool | None
    """Whether both come from the same Keras model; None when one does not say."""
    answers: TopOneAgreement
    """How often both are right, and how often alike."""
    probabilities: Probabilities
    """How far their probabilities are apart."""
    calibration: Calibration
    """Whether they are as often right as they say."""
    audit: Audit
    """The artifact's scores as numbers."""
    reference_audit: Audit
    """The original's."""
    changes: Changes
    """Where they part."""
    gate: Gate
    """The limits it was held against."""
    breaches: tuple[Breach, ...]
    """The limits that it broke; none when it passed."""


class LayersOfModel(TypedDict):
    """An artifact beside its original, layer by layer."""

    name: str
    """Name of the artifact's file."""
    images: int
    """Test images that were run, the first of the split."""
    least_snr_db: float
    """SNR below which a layer is said to drift, in dB."""
    first_drift: str | None
    """Name of the first layer that drifts; None where none does."""
    layers: tuple[LayerDrift, ...]
    """The layers in the order of computation; the last gives the probabilities."""


class ParityBody(Kept):
    """The content of ``parity.json``."""

    reference: Split
    """What the artifacts were held against."""
    candidates: list[Candidate]
    """The artifacts, in the order they were named."""
    layers: NotRequired[list[LayersOfModel]]
    """With ``--layers`` alone: where each artifact drifts."""
    scores: NotRequired[tuple[Holding, Holding]]
    """With ``--scores`` alone: the file that is right, and the candidates'."""
    left_out: NotRequired[tuple[str, ...]]
    """With ``--scores`` alone: models of the file that is right that nothing was held against."""


def parity_body(results: Sequence[ModelParity]) -> ParityBody:
    """The content of ``parity.json``, but for what was asked for besides."""
    split, shared = results[0].reference, shared_reference(results)
    return {
        "reference": {
            "name": shared.model if shared else None,
            "sha256": shared.model_sha256 if shared else None,
            "dataset": split.dataset,
            "dataset_digest": split.dataset_digest,
            "labels": split.labels,
        },
        "candidates": [
            Candidate(
                **vars(item.model),
                passed=item.parity.passed,
                reference={"name": item.reference.model, "sha256": item.reference.model_sha256},
                same_original=item.same_original,
                **vars(item.parity),
            )
            for item in results
        ],
    }


def layers_body(drifts: Sequence[ModelDrift]) -> list[LayersOfModel]:
    """What ``parity.json`` says of layers."""
    return [
        {
            "name": drift.name,
            "images": drift.images,
            "least_snr_db": drift.least_snr_db,
            "first_drift": drift.first.layer if drift.first else None,
            "layers": drift.layers,
        }
        for drift in drifts
    ]
