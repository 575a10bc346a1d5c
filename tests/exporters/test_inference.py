"""The reduced model answers like the whole one."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fmnist_exporters.inference import inference_function

# Both compute the same sums of 784 products in float32, one of them with weights rounded once more:
# the float32 gate of the recipes.
TOLERANCE = 1e-5


def network(*layers: object) -> keras.Sequential:
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((28, 28)), *layers])


DENSE = keras.layers.Dense


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), DENSE(10, activation="softmax")],
        lambda: [keras.layers.Rescaling(1 / 127.5, offset=-1), keras.layers.Flatten(), DENSE(10)],
        lambda: [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), DENSE(10, use_bias=False)],
        lambda: [
            keras.layers.Flatten(),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Dropout(0.5),
            DENSE(10, activation="softmax"),
        ],
        lambda: [
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            DENSE(10, activation="softmax"),
        ],
        lambda: [
            keras.layers.RandomFlip(),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.BatchNormalization(),
            DENSE(10, activation="softmax"),
        ],
        lambda: [
            keras.layers.Rescaling([1 / 255] * 28),
            keras.layers.Flatten(),
            DENSE(10, activation="softmax"),
        ],
    ],
    ids=[
        "lecture",
        "offset",
        "no bias",
        "rescaled after flattening",
        "convolution",
        "augmented",
        "rescaled by column",
    ],
)
def test_sequential(layers, t10k):
    model = network(*layers())
    images = t10k.images[:100].astype(np.float32)
    whole = np.asarray(model(images, training=False))
    reduced = np.asarray(inference_function(model)(images))
    assert np.abs(reduced - whole).max() <= TOLERANCE * max(1.0, np.abs(whole).max())


def test_functional(t10k):
    image = keras.Input((28, 28))
    hidden = keras.layers.Dense(8)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image)))
    model = keras.Model(image, keras.layers.Dense(10)(keras.layers.Dropout(0.5)(hidden)))
    images = t10k.images[:100].astype(np.float32)
    assert np.array_equal(np.asarray(inference_function(model)(images)), np.asarray(model(images)))
