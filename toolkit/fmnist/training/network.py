"""The lectures' network, with the normalisation they teach inside the model."""

from __future__ import annotations

import keras

from fmnist.runs.settings import TrainSettings


def build_model(settings: TrainSettings, image_shape: tuple[int, ...], classes: int) -> keras.Sequential:
    """Flatten, hidden layers with dropout, softmax; fed with raw pixels.

    Args:
        settings: Hidden units, dropout rate and learning rate.
        image_shape: ``(H, W)`` or ``(H, W, C)``.
        classes: Number of classes.

    Returns:
        A compiled model from raw pixels 0–255 to probabilities.
    """
    layers = [
        keras.Input(image_shape, name="image"),
        keras.layers.Rescaling(1 / 255, name="normalisation"),
        keras.layers.Flatten(name="flatten"),
    ]
    for number, units in enumerate(settings.hidden, start=1):
        layers.append(keras.layers.Dense(units, activation="relu", name=f"hidden_{number}"))
        layers.append(keras.layers.Dropout(settings.dropout, name=f"dropout_{number}"))
    layers.append(keras.layers.Dense(classes, activation="softmax", name="probabilities"))
    model = keras.Sequential(layers, name="classifier")
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
