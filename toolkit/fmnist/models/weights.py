"""A model's weights, before training and after."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.runs.run import Run
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
