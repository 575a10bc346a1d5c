"""Classifiers as other people build them, trained briefly on real data."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from fmnist_runtime.data.datasets import Dataset

TRAINING_IMAGES, EPOCHS = 6_000, 3
"""70% to 80% correct after a few seconds: scores that differ as much as a real model's."""


def cnn() -> keras.Model:
    """Two convolutions, normalised and pooled, then dense layers."""
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Rescaling(1 / 255, name="scaling"),
            layers.Reshape((28, 28, 1), name="channel"),
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv_1"),
            layers.BatchNormalization(momentum=0.9, name="norm_1"),
            layers.ReLU(name="relu_1"),
            layers.MaxPooling2D(name="pool_1"),
            layers.Conv2D(16, 3, name="conv_2"),
            layers.BatchNormalization(momentum=0.9, name="norm_2"),
            layers.ReLU(name="relu_2"),
            layers.MaxPooling2D(name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dropout(0.25, name="dropout"),
            layers.Dense(32, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax", name="head"),
        ],
        name="cnn",
    )


def separable() -> keras.Model:
    """Depthwise-separable convolutions, one in a nested model with a residual connection."""
    image = keras.Input((28, 28, 1))
    x = layers.RandomTranslation(0.02, 0.02, name="shift")(image)
    x = layers.Rescaling(1 / 127.5, offset=-1, name="scaling")(x)
    x = layers.Conv2D(24, 3, strides=2, name="stem")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    inner = keras.Input(x.shape[1:])
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(inner)
    y = layers.BatchNormalization(momentum=0.9, name="depthwise_norm")(y)
    y = layers.ReLU(6.0, name="depthwise_relu")(y)
    y = layers.Conv2D(24, 1, use_bias=False, name="pointwise")(y)
    y = layers.BatchNormalization(momentum=0.9, name="pointwise_norm")(y)
    block = keras.Model(inner, y, name="block")
    x = layers.Add(name="residual")([x, block(x)])
    x = layers.SeparableConv2D(48, 3, strides=2, padding="same", activation="relu", name="both")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(0.1, name="dropout")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="head")(x), name="separable")


def logits() -> keras.Model:
    """No activation at the end; the loss applies the softmax."""
    image = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 255, name="scaling")(image)
    x = layers.Conv2D(16, 5, strides=2, activation="relu", name="conv")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(image, layers.Dense(10, name="head")(x), name="logits")


def unit_range() -> keras.Model:
    """Dense layers with normalisation between, for pixels divided by 255."""
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(name="flatten"),
            layers.Dense(64, name="hidden"),
            layers.BatchNormalization(momentum=0.9, name="norm"),
            layers.Activation("relu", name="relu"),
            layers.Dropout(0.2, name="dropout"),
            layers.Dense(10, name="head"),
            layers.Softmax(name="scores"),
        ],
        name="unit_range",
    )


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "cnn": cnn,
    "separable": separable,
    "logits": logits,
    "unit_range": unit_range,
}


def input_range(name: str) -> str:
    """Return the input range of a network."""
    return "0-1" if name == "unit_range" else "0-255"


def train(name: str, training: Dataset) -> keras.Model:
    """Train a network on the first images."""
    keras.utils.set_random_seed(0)
    model = NETWORKS[name]()
    images = training.images[:TRAINING_IMAGES].reshape(-1, *model.input_shape[1:]).astype("float32")
    if input_range(name) == "0-1":
        images /= 255
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=name == "logits")
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(images, training.targets[:TRAINING_IMAGES], batch_size=64, epochs=EPOCHS, verbose=0)
    return model
