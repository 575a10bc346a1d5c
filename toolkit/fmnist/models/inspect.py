"""Inspect a model file: what it is, what it holds, what it says of itself, and its initial weights."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from fmnist.models.contents import (
    InspectedLayer,
    InspectedOperator,
    InspectedTensor,
    InspectedWeight,
    ModelContents,
    WeightFigures,
    measure_weight,
)
from fmnist.models.open import Execution, ModelFile, describe, open_model
from fmnist.models.readers import read_keras, read_npz, read_onnx, read_tflite
from fmnist.runs.run import Run, is_run, newest_run, require_there, run_of
from fmnist_runtime.artifact.contract import InputContract
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.artifact.stored import StoredTypes, read_stored_types
from fmnist_runtime.data.images import image_shape
from fmnist_runtime.errors import ModelError, ResultError, needs_extra
from fmnist_runtime.files import require_file

Weights = dict[str, NDArray[Any]]
"""Arrays by Keras's path of the variable, such as ``hidden_1/kernel``, in the model's order."""


def trained_weights(model: Path) -> tuple[Weights, tuple[int, ...]]:
    """The trained weights of a ``.keras`` model, and the shape of the images it takes.

    Raises:
        ModelError: The file is missing, damaged, or not an image classifier.
        MissingExtraError: TensorFlow is not installed.
    """
    with needs_extra("train", "reading a .keras model"):
        from fmnist_exporters.original.session import KerasSession
    with KerasSession(model) as session:
        weights = {weight.path: np.asarray(weight) for weight in session.model.trainable_weights}
        return weights, image_shape(session.info.input_shape)


def initial_weights(run: Run, trained: Weights) -> Weights | None:
    """A run's weights before training, under the names of the trained ones; None when not recorded.

    They are matched by their order: in a model that was just built, Keras's paths begin with the model's
    name, in a loaded one they do not.

    Raises:
        ResultError: The file is damaged, or of a model of other shapes.
    """
    path = run.initial_weights
    if not path.exists():
        return None
    require_file(path, "the weights that fmnist train records", ResultError)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[name] for name in archive.files]
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ResultError(f"{path}: not the weights that fmnist train records ({error})") from error
    if [array.shape for array in arrays] != [array.shape for array in trained.values()]:
        raise ResultError(f"{path}: is not of {run.model.name}; train the run again")
    return dict(zip(trained, arrays, strict=True))


def hidden_kernel(weights: Weights, shape: tuple[int, ...], model: Path) -> str:
    """Name of the weights between the pixels and the first layer's units.

    Raises:
        ModelError: There are none, as in a model that begins with convolutions.
    """
    for name, array in weights.items():
        if len(shape) in (2, 3) and array.ndim == 2 and array.shape[0] == math.prod(shape):
            return name
    raise ModelError(f"{model}: has no layer whose units look at all pixels of an image; none can be drawn")


def unit_images(kernel: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What each unit looks at.

    Args:
        kernel: ``[pixels, units]``.
        shape: Of an image, ``(H, W)`` or ``(H, W, C)``.

    Returns:
        float32 ``[units, H, W]``; of several channels the mean.
    """
    images = kernel.T.reshape(-1, *shape).astype(np.float32)
    return images if images.ndim == 3 else images.mean(axis=3)


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
    contents: ModelContents
    """What the file holds."""
    types: StoredTypes | None
    """Which types it stores weights in and computes in; None of a Keras model."""
    initial: tuple[InspectedWeight, ...] | None
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
    layers: tuple[InspectedLayer, ...]
    """Layers of a Keras model; of the other formats none."""
    operators: tuple[InspectedOperator, ...] | None
    """Operators of an artifact, none of a Keras model; None as of the weights."""
    tensors: tuple[InspectedTensor, ...]
    """Input and output; of an artifact also what is between, as far as it is known."""
    weights: Sequence[WeightFigures | InspectedWeight] | None
    """Weights and other constants, with ``values`` under ``--weights`` alone; None when the package that
    reads them is not installed."""
    initial_weights: Sequence[WeightFigures | InspectedWeight] | None
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
            contents = ModelContents((), None, (), None)  # a format that nobody wrote a reader for
        info = session.info
        types = read_stored_types(path)
        model = describe(session)
        return Inspection(model, info.labels, info.metadata, info.contract, contents, types, initial)


def _read_tflite(path: Path) -> ModelContents:
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
    weights: tuple[InspectedWeight, ...] | None, with_values: bool
) -> Sequence[WeightFigures | InspectedWeight] | None:
    if weights is None or with_values:
        return weights
    return [weight.figures for weight in weights]


def _initial(path: Path, model: Any) -> tuple[InspectedWeight, ...] | None:
    """The initial weights, if the model is the original of a run that has them."""
    run = run_of(path)
    if run is None or run.model != path.absolute():
        return None
    trained = {weight.path: np.asarray(weight) for weight in model.trainable_weights}
    weights = initial_weights(run, trained)
    return None if weights is None else tuple(measure_weight(*item) for item in weights.items())
