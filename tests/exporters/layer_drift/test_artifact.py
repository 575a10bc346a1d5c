"""Layers of artifacts beside those of the original, on networks of every kind, untrained."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from support import DATA
from support.networks import NETWORKS, input_range

from fmnist.parity.layers import compare_values
from fmnist_exporters.formats import converter
from fmnist_exporters.layer_drift.artifact import artifact_activations
from fmnist_exporters.layer_drift.original import original_activations
from fmnist_exporters.original import reduce as reducing
from fmnist_exporters.original.classifier import Classifier, as_classifier
from fmnist_runtime.artifact.contract import parse_range
from fmnist_runtime.data.datasets import load_dataset

LEAST_DB = {"float32": 100, "int8": 20}

TFLITE = {
    "cnn": ["relu_1", "pool_1", "relu_2", "pool_2", "hidden", "head"],
    "separable": ["stem_relu", "depthwise_relu", "pointwise_norm", "residual", "both", "average", "head"],
    "logits": ["conv", "head", "probabilities"],
    "unit_range": ["relu", "head", "scores"],
}
"""Layers that a TFLite file computes by themselves, named as in the original. What is folded into the
layer before it, or computed with the layer behind it, is none."""
ONNX = {
    "cnn": ["norm_1", "relu_1", "pool_1", "norm_2", "relu_2", "pool_2", "hidden", "head"],
    "separable": ["stem", *TFLITE["separable"]],
    "logits": TFLITE["logits"],
    "unit_range": ["norm", *TFLITE["unit_range"]],
}
"""In ONNX an activation is an operator of its own, unless it is quantised."""


def network(name: str) -> Classifier:
    """As initialised, but for biases and normalisations, which would change nothing."""
    keras.utils.set_random_seed(0)
    model = NETWORKS[name]()
    random = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return as_classifier(model, parse_range(input_range(name)))


def layers(classifier: Classifier, content: bytes, path: Path, images: np.ndarray) -> dict[str, float]:
    """SNR in dB of the layers that an artifact has, by their names in the original."""
    path.write_bytes(content)
    activations, graph = original_activations(classifier, images)
    values = artifact_activations(path, images, graph)
    return {
        item.layer: compare_values(item.values, values[item.home]).snr_db
        for item in activations
        if item.home in values
    }


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("format", "expected"), [("tflite", TFLITE), ("onnx", ONNX)])
def test_float32_has_the_same_values_in_every_layer(tmp_path, t10k, name, format, expected):
    classifier = network(name)
    images = t10k.images[:50].reshape(-1, *classifier.model.input_shape[1:])
    content = converter(format).convert(classifier, "float32")
    snr = layers(classifier, content, tmp_path / f"model.{format}", images)
    assert list(snr) == expected[name]
    assert min(snr.values()) > LEAST_DB["float32"]


@pytest.mark.parametrize("name", ["cnn", "unit_range"])
@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_int8_has_about_the_same(tmp_path, t10k, name, format):
    """In ONNX, too, activations are then part of the layer before; and what that gives is gone."""
    classifier = network(name)
    calibration = load_dataset("fashion-mnist", "train", DATA).images[:200]
    content = converter(format).convert(classifier, "int8", calibration)
    snr = layers(classifier, content, tmp_path / f"model.{format}", t10k.images[:50])
    assert list(snr) == TFLITE[name]
    assert LEAST_DB["int8"] < min(snr.values()) < LEAST_DB["float32"]


def test_npz_has_dense_layers_with_their_activations(tmp_path, t10k):
    classifier = network("unit_range")
    content = converter("npz").convert(classifier, "float32")
    snr = layers(classifier, content, tmp_path / "model.npz", t10k.images[:50])
    assert list(snr) == ["relu", "scores"]
    assert min(snr.values()) > LEAST_DB["float32"]


def test_images_as_deep_as_wide_are_turned_right(tmp_path, t10k):
    """ONNX has the channels first, which the shape alone does not tell here."""
    image = keras.Input((28, 28, 1))
    x = keras.layers.Conv2D(10, 9, strides=2, activation="relu", name="cube")(image)
    x = keras.layers.Flatten(name="flatten")(x)
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax", name="head")(x))
    assert model.get_layer("cube").output.shape == (None, 10, 10, 10)
    classifier = as_classifier(model)
    content = converter("onnx").convert(classifier, "float32")
    snr = layers(classifier, content, tmp_path / "model.onnx", t10k.images[:50, ..., np.newaxis])
    assert list(snr) == ["cube", "head"]
    assert min(snr.values()) > LEAST_DB["float32"]


def test_a_wrong_fold_is_found_where_it_is(tmp_path, t10k, monkeypatch):
    """A normalisation is folded with a gain that is a thousandth off; the original knows nothing of it."""
    classifier = network("cnn")

    def wrong(layer):
        gain, shift = right(layer)
        return (gain * 1.001, shift) if layer.name == "norm_2" else (gain, shift)

    right = reducing._gain_and_shift
    with monkeypatch.context() as patch:
        patch.setattr(reducing, "_gain_and_shift", wrong)
        content = converter("onnx").convert(classifier, "float32")
    snr = layers(classifier, content, tmp_path / "model.onnx", t10k.images[:50])
    assert next(name for name, value in snr.items() if value < LEAST_DB["float32"]) == "norm_2"
