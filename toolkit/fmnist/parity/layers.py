"""Finding the layer in which an artifact leaves its original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.models.open import Execution, is_keras, open_model, open_on
from fmnist.parity.similarity import Similarity, compare_values
from fmnist.runs.run import run_of
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import ResultError, needs_extra

LAYER_IMAGES = 200
"""Enough: over ten times 200 test images, the SNR of a hidden layer was seen to differ by 2 dB at most, and
that of the probabilities by 5 dB."""

LEAST_SNR_DB = {"float32": 100.0, "float16": 40.0}
"""By scheme the SNR below which a layer drifts, in dB. Of float32 it is the error of 10⁻⁵ that the recipes
allow its probabilities. Measured on dense and convolutional networks: float32 124 to 143 dB, float16 60 to
91 dB, integers 30 to 60 dB."""
LEAST_INTEGER_SNR_DB = 20.0
"""The same for all other schemes: an error of a tenth."""


@dataclass(frozen=True)
class LayerDrift:
    """A layer of the original beside the same of an artifact."""

    layer: str
    """Its name."""
    kind: str
    """Its class."""
    similarity: Similarity | None
    """How far the artifact's values are from the original's; None when it does not compute them by
    themselves, because the layer is fused with another."""
    drifts: bool
    """Whether that is further than the artifact's scheme explains."""


@dataclass(frozen=True)
class ModelDrift:
    """An artifact beside its original, layer by layer."""

    name: str
    """Name of the artifact's file."""
    images: int
    """Test images that were run, the first of the split."""
    least_snr_db: float
    """SNR below which a layer is said to drift, in dB."""
    layers: tuple[LayerDrift, ...]
    """The layers in the order of computation; the last gives the probabilities."""

    @property
    def first(self) -> LayerDrift | None:
        """The first layer that drifts; what follows it drifts because of it."""
        return next((layer for layer in self.layers if layer.drifts), None)


def original_of(candidates: Sequence[Path], reference: Path | None) -> Path:
    """The Keras model whose layers artifacts are compared with.

    Args:
        candidates: The artifacts.
        reference: What the user named as their original.

    Raises:
        ResultError: It is no Keras model, or none is named and the first artifact lies in no run.
    """
    if reference is None:
        run = run_of(candidates[0])
        if run is None:
            raise ResultError(
                f"{candidates[0]}: lies in no run; name its original, a Keras model, with --reference"
            )
        run.require_trained()
        return run.model
    if not is_keras(reference):
        raise ResultError(
            f"{reference}: holds no layer's values; name the original Keras model with --reference"
        )
    return reference


def compare_layers(
    original: Path, candidates: Sequence[Path], split: Dataset, input_range: str
) -> list[ModelDrift]:
    """Run the original and artifacts on the first test images, and compare what each layer gives.

    Args:
        original: The Keras model.
        candidates: The artifacts.
        split: Test images; the first ones are taken.
        input_range: Pixels that the original takes itself.

    Raises:
        ResultError: An artifact takes others than raw ones.
        ModelError: A file is missing, damaged or cannot be run layer by layer.
        MissingExtraError: TensorFlow is not installed.
    """
    with needs_extra("train", "comparing layer by layer"):
        from fmnist_exporters.layer_drift.artifact import artifact_activations
        from fmnist_exporters.layer_drift.original import original_activations
    with open_model(original, Execution(input_range=input_range)) as session:
        keras: Any = session
        fitted = keras.fit(split.images[:LAYER_IMAGES])
        activations, graph = original_activations(keras.classifier, fitted)
    drifts = []
    for path in candidates:
        session, _ = open_on(path, Execution(), lambda opened: split)
        with session:
            scheme, taken = session.info.scheme, session.info.contract.range
        if taken != RAW:
            raise ResultError(
                f"{path}: takes pixels of {taken}; --layers knows artifacts of {RAW}, so leave it out"
            )
        values = artifact_activations(path, fitted, graph)
        least = LEAST_SNR_DB.get(scheme, LEAST_INTEGER_SNR_DB)
        layers = (
            _drift(item.layer, item.kind, item.values, values.get(item.home), least) for item in activations
        )
        drifts.append(ModelDrift(path.name, len(fitted), least, tuple(layers)))
    return drifts


def _drift(
    layer: str, kind: str, signal: NDArray[np.float32], values: NDArray[np.float32] | None, least: float
) -> LayerDrift:
    if values is None:
        return LayerDrift(layer, kind, None, drifts=False)
    similarity = compare_values(signal, values)
    return LayerDrift(layer, kind, similarity, drifts=not similarity.snr_db >= least)  # NaN drifts, too
