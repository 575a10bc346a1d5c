"""The ranges of activations in int8, also where operators work in place."""

from __future__ import annotations

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from fmnist_exporters.formats import tflite
from fmnist_exporters.original.classifier import as_classifier

GAIN = 10


def scales(content: bytes, operator: str) -> list[float]:
    """Scale of the output of each operator of a kind."""
    details = {detail["index"]: detail for detail in Interpreter(model_content=content).get_tensor_details()}
    return [
        details[index]["quantization"][0]
        for name, outputs in tflite.operators(content)
        if name == operator
        for index in outputs
    ]


def test_what_is_multiplied_in_place_keeps_its_own_range():
    keras.utils.set_random_seed(0)
    norm = layers.BatchNormalization(center=False, epsilon=0)  # behind ReLU it stays a multiplication
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            norm,
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    gamma, *moments = norm.get_weights()
    norm.set_weights([GAIN * gamma, *moments])
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), np.uint8)
    content = tflite.convert(as_classifier(model), "int8", images)
    [product], first = scales(content, "MUL"), scales(content, "CONV_2D")[0]
    np.testing.assert_allclose(product / first, GAIN, rtol=0.01)


def test_the_range_does_not_depend_on_how_many_images_run_at_once():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dense(4), layers.Dense(3)])
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8), np.uint8)
    content = tflite.convert(as_classifier(model), "float32")
    ranges = [
        [tensor.quantization.max for tensor in tensors.values()]
        for step in (1, 3, 10)
        for _, tensors in tflite.operators(tflite._calibrate(content, images, step))[-2:]
    ]
    for found in ranges[2:4], ranges[4:]:
        np.testing.assert_allclose(found, ranges[:2], rtol=1e-5)
