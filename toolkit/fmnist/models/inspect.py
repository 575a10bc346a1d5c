"""A model file opened for inspection: what it is, what it holds, and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from fmnist.models.contents import Contents, Layer, Operator, Tensor, Weight, WeightFigures, measure_weight
from fmnist.models.onnx_reader import read_onnx
from fmnist.models.open import Execution, describe, open_model
from fmnist.models.readers import read_keras, read_npz, read_tflite
from fmnist.models.weights import initial_weights
from fmnist.results.model_file import ModelFile
from fmnist.runs.run import Run, is_run, newest_run, require_there, run_of
from fmnist_runtime.artifact.contract import InputContract
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.artifact.stored import StoredTypes, read_stored_types
from fmnist_runtime.errors import ModelError

_AS_IT_SAYS = Execution()


@dataclass(frozen=True)
class Inspection:
    """Everything that a model file tells."""

    model: ModelFile
    """Which file."""
    labels: tuple[str, ...]
    """Class names."""
    metadata: Metadata | None
    """What an artifact of ours says of itself; None for an original, and for others' files."""
    contract: InputContract
    """What it takes for pixels."""
    contents: Contents
    """What the file holds."""
    types: StoredTypes | None
    """Which types it stores weights in and computes in; None of a Keras model."""
    initial: tuple[Weight, ...] | None
    """For a run's original its weights before training; None where they were not recorded."""


class InspectionBody(TypedDict):
    """The content of the JSON result."""

    model: ModelFile
    """Which file."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    metadata: Metadata | None
    """What an artifact of ours says of itself; None for an original, and for others' files."""
    contract: InputContract
    """What it takes for pixels."""
    types: StoredTypes | None
    """Which types it stores weights in and computes in; None of a Keras model."""
    layers: tuple[Layer, ...]
    """Layers of a Keras model; of the other formats none."""
    operators: tuple[Operator, ...] | None
    """Operators of an artifact, none of a Keras model; None as of the weights."""
    tensors: tuple[Tensor, ...]
    """Input and output; of an artifact also what is between, as far as it is known."""
    weights: Sequence[WeightFigures | Weight] | None
    """Weights and other constants, with ``values`` under ``--weights`` alone; None when the package that
    reads them is not installed."""
    initial_weights: Sequence[WeightFigures | Weight] | None
    """The same before training, of a run's original; None where they were not recorded."""


def select_model(named: Path | None) -> tuple[Path, Run | None]:
    """The model file the user named, a run standing for its original; else that of the newest run.

    Returns:
        The file, and the run that was taken for it, if any.

    Raises:
        ResultError: None is named and there is no finished run, or what is named is not there.
    """
    if named is not None and not is_run(named):
        if not named.suffix:
            require_there(named)
        return named, None
    run = Run(named) if named is not None else newest_run()
    return run.artifacts()[0] if run.is_adopted() else run.model, run


def inspect_model(path: Path, how: Execution = _AS_IT_SAYS) -> Inspection:
    """Read a model file.

    Raises:
        ModelError: The file is missing, damaged or not a classifier.
        ResultError: The run it lies in has damaged initial weights.
        MissingExtraError: What opens it is not installed.
    """
    with open_model(path, how) as session:
        engine: Any = session  # each format's session has something of its own to read from
        initial = None
        if session.info.format == "keras":
            contents = read_keras(engine.model)
            initial = _initial(path, engine.model)
        elif session.info.format == "tflite":
            contents = _read_tflite(path)
        elif session.info.format == "npz":
            contents = read_npz(session.info.input_shape, engine.layers)
        elif session.info.format == "onnx":
            contents = read_onnx(path, engine.inference_session)
        else:
            contents = Contents((), None, (), None)  # a format that nobody wrote a reader for
        info = session.info
        types = read_stored_types(path)
        model = describe(session)
        return Inspection(model, info.labels, info.metadata, info.contract, contents, types, initial)


def _read_tflite(path: Path) -> Contents:
    try:
        return read_tflite(path)
    except ValueError as error:  # names that are no text, which the engine runs all the same
        raise ModelError(f"{path}: is damaged ({error}); copy it again") from error


def inspection_body(inspection: Inspection, with_values: bool) -> InspectionBody:
    """The content of the JSON result; the elements of the weights only where they are wanted."""
    contents = inspection.contents
    return {
        "model": inspection.model,
        "labels": inspection.labels,
        "metadata": inspection.metadata,
        "contract": inspection.contract,
        "types": inspection.types,
        "layers": contents.layers,
        "operators": contents.operators,
        "tensors": contents.tensors,
        "weights": _weights(contents.weights, with_values),
        "initial_weights": _weights(inspection.initial, with_values),
    }


def _weights(
    weights: tuple[Weight, ...] | None, with_values: bool
) -> Sequence[WeightFigures | Weight] | None:
    if weights is None or with_values:
        return weights
    return [weight.figures for weight in weights]


def _initial(path: Path, model: Any) -> tuple[Weight, ...] | None:
    """The initial weights, if the model is the original of a run that has them."""
    run = run_of(path)
    if run is None or run.model != path.absolute():
        return None
    trained = {weight.path: np.asarray(weight) for weight in model.trainable_weights}
    weights = initial_weights(run, trained)
    return None if weights is None else tuple(measure_weight(*item) for item in weights.items())
