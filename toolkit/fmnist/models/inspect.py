"""Inspect a model file: what it is, what it holds, what it says of itself, and its initial weights."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.devices.emulation.footprint import Footprint, measure_footprint
from fmnist.devices.emulation.targets import HOST
from fmnist.models.contents import InspectedWeight, ModelContents, measure_weight
from fmnist.models.open import Execution, describe, open_model
from fmnist.models.readers import read_c, read_keras, read_npz, read_onnx, read_tflite
from fmnist.models.select import select_artifacts
from fmnist.results.model_file import ModelFile
from fmnist.results.write import OPTIONAL
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
    """Return the trained weights of a ``.keras`` model, and the shape of its images.

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
    """Return a run's weights before training, under the names of the trained ones; None if not recorded.

    They are matched by order: Keras's paths begin with the model's name in a new model, but not in a loaded
    one.

    Raises:
        ResultError: The file is damaged, or from a model of other shapes.
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
        raise ResultError(f"{path}: does not belong to {run.model.name}; train the run again")
    return dict(zip(trained, arrays, strict=True))


def hidden_kernel(weights: Weights, shape: tuple[int, ...], model: Path) -> str:
    """Return the name of the weights between the pixels and the first layer's units.

    Raises:
        ModelError: There are none, as in a model that starts with convolutions.
    """
    for name, array in weights.items():
        if len(shape) in (2, 3) and array.ndim == 2 and array.shape[0] == math.prod(shape):
            return name
    raise ModelError(
        f"{model}: has no layer whose units are connected to all pixels, so there is none to draw"
    )


def unit_images(kernel: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the weights of each unit as an image.

    The kernel is ``[pixels, units]``; the shape of an image is ``(H, W)`` or ``(H, W, C)``.

    Returns:
        float32 ``[units, H, W]``; the mean of several channels.
    """
    images = kernel.T.reshape(-1, *shape).astype(np.float32)
    return images if images.ndim == 3 else images.mean(axis=3)


_AS_IT_SAYS = Execution()


@dataclass(frozen=True)
class InspectedModel:
    """What a model file is."""

    model: ModelFile
    """Which file."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    metadata: Metadata | None
    """Metadata of an artifact; None for an original, and for foreign files."""
    contract: InputContract
    """Its input contract."""
    types: StoredTypes | None
    """Types of its weights and of its computation; None for a Keras model."""


@dataclass(frozen=True)
class Inspection(ModelContents, InspectedModel):
    """A model file that was read; also the content of the JSON result."""

    initial_weights: tuple[InspectedWeight, ...] | None
    """Weights of a run's original before training; None if not recorded."""
    footprint: Footprint | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """With ``--on`` alone: memory that a C model takes on a microcontroller."""


def select_model(named: Path | None) -> tuple[Path, Run | None]:
    """Return the model file that the user named; for a run its original, by default that of the newest run.

    Returns:
        The file, and its run, if a run was used.

    Raises:
        ResultError: No file is named and there is no finished run, or the file is missing.
    """
    if named is not None and not is_run(named):
        if not named.suffix:
            require_there(named)
        return named, None
    run = Run(named) if named is not None else newest_run()
    return run.model if run.has_original() else select_artifacts([run.folder]).paths[0], run


def inspect_model(path: Path, how: Execution = _AS_IT_SAYS, with_values: bool = True) -> Inspection:
    """Read a model file, with or without the elements of its weights.

    Raises:
        ModelError: The file is missing, damaged or not a classifier.
        ResultError: Its run has damaged initial weights.
        MissingExtraError: The package that opens it is not installed.
    """
    with open_model(path, replace(how, target=HOST)) as session:
        engine: Any = session  # each format's session has its own attribute to read from
        initial = None
        if session.info.format == "keras":
            contents = read_keras(engine.model)
            initial = _initial(path, engine.model)
        elif session.info.format == "tflite":
            contents = _read_tflite(path)
        elif session.info.format == "npz":
            contents = read_npz(session.info.input_shape, engine.layers)
        elif session.info.format == "c":
            contents = read_c(engine.network)
        elif session.info.format == "onnx":
            contents = read_onnx(path, engine.inference_session)
        else:
            contents = ModelContents((), None, (), None)  # a format without a reader
        return Inspection(
            model=describe(session),
            labels=session.info.labels,
            metadata=session.info.metadata,
            contract=session.info.contract,
            types=read_stored_types(path),
            layers=contents.layers,
            operators=contents.operators,
            tensors=contents.tensors,
            weights=_weights(contents.weights, with_values),
            initial_weights=_weights(initial, with_values),
            footprint=None if how.target == HOST else measure_footprint(path, how.target),
        )


def _read_tflite(path: Path) -> ModelContents:
    try:
        return read_tflite(path)
    except ValueError as error:  # invalid UTF-8 in names, which the engine accepts
        raise ModelError(f"{path}: is damaged ({error}); copy it again") from error


def _weights(
    weights: tuple[InspectedWeight, ...] | None, with_values: bool
) -> tuple[InspectedWeight, ...] | None:
    if weights is None or with_values:
        return weights
    return tuple(replace(weight, values=None) for weight in weights)


def _initial(path: Path, model: Any) -> tuple[InspectedWeight, ...] | None:
    """Return the initial weights, if the model is the original of a run that has them."""
    run = run_of(path)
    if run is None or run.model != path.absolute():
        return None
    trained = {weight.path: np.asarray(weight) for weight in model.trainable_weights}
    weights = initial_weights(run, trained)
    return None if weights is None else tuple(measure_weight(*item) for item in weights.items())
