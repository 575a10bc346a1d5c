"""Comparing an artifact with its original layer by layer, to find where it drifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.models.open import Execution, is_keras, open_model, open_on
from fmnist.runs.run import run_of
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import ResultError, needs_extra

LAYER_IMAGES = 200
"""Enough: over ten sets of 200 test images, the SNR of a hidden layer differed by at most 2 dB, and that of
the probabilities by at most 5 dB."""

LEAST_SNR_DB = {"float32": 100.0, "float16": 40.0}
"""By scheme the SNR below which a layer drifts, in dB. Of float32 it is the error of 10⁻⁵ that the recipes
allow its probabilities. Measured on dense and convolutional networks: float32 124 to 143 dB, float16 60 to
91 dB, integers 30 to 60 dB."""
LEAST_INTEGER_SNR_DB = 20.0
"""The same for all other schemes: an error of one tenth."""


@dataclass(frozen=True)
class Similarity:
    """How close an array is to the one that it should equal."""

    snr_db: float
    """Signal-to-noise ratio in dB, ``10 · log10(Σ signal² / Σ error²)``; infinite when they are equal, NaN
    or -infinity when a value is."""
    max_difference: float
    """Largest absolute difference of two elements; NaN or infinite when a value is."""
    cosine: float
    """Cosine of the angle between the two as vectors; of zeros 1 when they are equal, else 0. NaN when a
    value is NaN or infinite."""


@dataclass(frozen=True)
class LayerDrift:
    """A layer of the original beside that of an artifact."""

    layer: str
    """Its name."""
    kind: str
    """Its class."""
    similarity: Similarity | None
    """How close the artifact's values are to the original's; None where it has none, as it is fused."""
    drifts: bool
    """Whether they are further apart than the artifact's scheme explains."""


@dataclass(frozen=True)
class LayersOfModel:
    """An artifact beside its original, layer by layer."""

    name: str
    """Name of the artifact's file."""
    images: int
    """Test images that were run, the first of the split."""
    least_snr_db: float
    """SNR below which a layer is said to drift, in dB."""
    first_drift: str | None
    """Name of the first layer that drifts, because of which later ones drift, too; None where none does."""
    layers: tuple[LayerDrift, ...]
    """The layers in the order of computation; the last gives the probabilities."""


def original_of(candidates: Sequence[Path], reference: Path | None) -> Path:
    """Return the Keras model whose layers artifacts are compared with; the user may have named it.

    Raises:
        ResultError: It is not a Keras model, or none is named and the first artifact is not in a run.
    """
    if reference is None:
        run = run_of(candidates[0])
        if run is None:
            raise ResultError(
                f"{candidates[0]}: is not in a run; name its original, a Keras model, with --reference"
            )
        run.require_original()
        return run.model
    if not is_keras(reference):
        raise ResultError(
            f"{reference}: has no layers to run; name the original Keras model with --reference"
        )
    return reference


def compare_layers(
    original: Path, candidates: Sequence[Path], split: Dataset, input_range: str
) -> list[LayersOfModel]:
    """Run the original and artifacts on the first test images, and compare the outputs of each layer.

    The input range is that of the original.

    Raises:
        ResultError: An artifact does not take raw pixels.
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
        layers = tuple(
            _drift(item.layer, item.kind, item.values, values.get(item.home), least) for item in activations
        )
        first = next((layer.layer for layer in layers if layer.drifts), None)
        drifts.append(LayersOfModel(path.name, len(fitted), least, first, layers))
    return drifts


def _drift(
    layer: str, kind: str, signal: NDArray[np.float32], values: NDArray[np.float32] | None, least: float
) -> LayerDrift:
    if values is None:
        return LayerDrift(layer, kind, None, drifts=False)
    similarity = compare_values(signal, values)
    return LayerDrift(layer, kind, similarity, drifts=not similarity.snr_db >= least)  # NaN drifts, too


def compare_values(signal: NDArray[Any], values: NDArray[Any]) -> Similarity:
    """Compare values with what they should be, the signal, in float64.

    Both have the same shape, with at least one element. NaN or infinity gives NaN or an SNR of -infinity.
    """
    x, y = signal.astype(np.float64).ravel(), values.astype(np.float64).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        error = y - x
        power, noise = x @ x, error @ error
        snr = 10 * np.log10(power / noise) if noise else np.float64(np.inf)
        cosine = (x @ y) / (np.linalg.norm(x) * np.linalg.norm(y)) if x.any() and y.any() else noise == 0
    return Similarity(float(snr), float(np.abs(error).max()), float(cosine))
