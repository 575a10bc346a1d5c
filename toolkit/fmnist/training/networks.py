"""The networks that can be trained: that of the lectures, a small convolutional one, or a function's own."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmnist.runs.settings import TrainSettings
from fmnist_exporters.original.session import load_keras
from fmnist_runtime.errors import ModelError

_CHANNELS = (16, 32, 48, 64, 128)
"""Output channels of the convolutions of ``cnn``."""
_MOMENTUM = 0.9
"""Of the moving averages of batch normalisation: a short training ends before slower ones have followed."""


def build_model(settings: TrainSettings, image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Return a compiled network, from raw pixels 0–255 to probabilities.

    The shape of an image is ``(H, W)`` or ``(H, W, C)``.

    Raises:
        ModelError: The settings name a function that gives no such network.
    """
    if settings.network == "mlp":
        model = _mlp(settings, image_shape, classes)
    elif settings.network == "cnn":
        model = _cnn(settings, image_shape, classes)
    else:
        model = _of_function(settings.network, image_shape, classes)
    optimizer = keras.optimizers.get(settings.optimizer)
    optimizer.learning_rate = settings.learning_rate
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _mlp(settings: TrainSettings, image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """The lectures' network: hidden layers with dropout."""
    layers = [
        keras.Input(image_shape, name="image"),
        keras.layers.Rescaling(1 / 255, name="normalisation"),
        keras.layers.Flatten(name="flatten"),
    ]
    for number, units in enumerate(settings.hidden, start=1):
        layers.append(keras.layers.Dense(units, activation=settings.activation, name=f"hidden_{number}"))
        layers.append(keras.layers.Dropout(settings.dropout, name=f"dropout_{number}"))
    layers.append(keras.layers.Dense(classes, activation="softmax", name="probabilities"))
    return keras.Sequential(layers, name="classifier")


def _cnn(settings: TrainSettings, image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Four convolutions of 3 × 3, two of them with a stride, one of 1 × 1, and the mean over the image.

    An export folds the normalisation into the convolutions.
    """
    image = keras.Input(image_shape, name="image")
    features = keras.layers.Rescaling(1 / 255, name="normalisation")(image)
    if len(image_shape) == 2:
        features = keras.layers.Reshape((*image_shape, 1), name="channel")(features)
    for number, channels in enumerate(_CHANNELS, start=1):
        is_last = number == len(_CHANNELS)
        convolution = keras.layers.Conv2D(
            channels,
            1 if is_last else 3,
            strides=2 if number in (2, 4) else 1,
            padding="same",
            use_bias=False,
            name=f"convolution_{number}",
        )
        features = convolution(features)
        features = keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"norm_{number}")(features)
        features = keras.layers.Activation(settings.activation, name=f"activation_{number}")(features)
    features = keras.layers.GlobalAveragePooling2D(name="mean")(features)
    features = keras.layers.Dropout(settings.dropout, name="dropout")(features)
    output = keras.layers.Dense(classes, activation="softmax", name="probabilities")(features)
    return keras.Model(image, output, name="classifier")


def _of_function(named: str, image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Call a user's function, ``FILE.py:FUNCTION``, of an image's shape and the number of classes."""
    file, _, name = named.rpartition(":")
    path = Path(file)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ModelError(f"{file}: no such Python file; give --network FILE.py:FUNCTION")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        make: Any = getattr(module, name)
        model = make(image_shape, classes)
        _check(model, named, image_shape, classes)
    except ModelError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{named}: fails ({type(error).__name__}: {error})") from error
    return model


def _check(model: Any, named: str, image_shape: tuple[int, ...], classes: int) -> None:
    """Check that a user's network maps raw pixels to probabilities, and can be loaded without its code."""
    if not isinstance(model, keras.Model):
        raise ModelError(f"{named}: returns {type(model).__name__}, not a Keras model")
    if not model.built:
        raise ModelError(f"{named}: gives a model that is not built; begin it with keras.Input(image_shape)")
    wanted, found = ((None, *image_shape), (None, classes)), (model.input_shape, model.output_shape)
    if found != wanted:
        raise ModelError(
            f"{named}: returns a model from {found[0]} to {found[1]}, and images and classes need one from "
            f"{wanted[0]} to {wanted[1]}"
        )
    noise = np.random.default_rng(0).integers(0, 256, (2, *image_shape)).astype(np.float32)
    sums = np.asarray(model(noise, training=False)).sum(axis=1)
    if not np.allclose(sums, 1, atol=1e-3):
        raise ModelError(f"{named}: does not end in softmax: its outputs for raw pixels sum to {sums[0]:.3g}")
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.keras"
        model.save(saved)
        try:
            load_keras(saved)
        except ModelError as error:
            raise ModelError(f"{named}: {str(error).removeprefix(f'{saved}: ')}") from error
