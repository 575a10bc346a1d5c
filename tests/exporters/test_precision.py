"""How exactly originals compute, and that no more is asked of their artifacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from artifacts import BY_NAME, SOURCE, make
from support import DATA, TINY

from fmnist_exporters.classifier import as_classifier
from fmnist_exporters.original import KerasSession
from fmnist_exporters.precision import rounding
from fmnist_runtime.carriers import read_metadata
from fmnist_runtime.datasets import load_dataset


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """Softmax regression as a beginner trains it: on pixels of 0 to 255, with logits in the hundreds."""
    training = load_dataset("fashion-mnist", "train", DATA)
    keras.utils.set_random_seed(0)
    layers = [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(training.images.astype("float32"), training.targets, batch_size=64, epochs=2, verbose=0)
    path = tmp_path_factory.mktemp("raw") / "raw.keras"
    model.save(path)
    return path


def test_a_normalised_network_is_exact_enough_for_the_gate(t10k):
    """Four times its rounding, which is what is allowed, are within the 1e-5 that the recipes allow."""
    with KerasSession(TINY / "model.keras") as session:
        assert 0 < 4 * rounding(session.classifier, t10k.images) < 1e-5


def test_large_logits_are_not(raw, t10k):
    with KerasSession(raw) as session:
        assert (session.scores(t10k.images).argmax(axis=1) == t10k.targets).mean() > 0.7
        assert 4 * rounding(session.classifier, t10k.images) > 1e-5


@pytest.mark.parametrize("format", ["tflite", "onnx", "npz"])
def test_float32_artifacts_of_large_logits_pass(raw, tmp_path, format):
    """They answer as the original, as far as that itself is sure of its answers."""
    [artifact] = make(tmp_path, BY_NAME[format, "float32"], source=replace(SOURCE, path=raw))
    assert artifact.agreement == 1
    metadata = read_metadata(artifact.path)
    assert metadata is not None
    assert metadata.proof["max_difference"] <= metadata.proof["allowed_difference"]
    assert metadata.golden is not None
    assert metadata.golden.tolerance == metadata.proof["allowed_difference"]


def test_what_cannot_be_computed_in_float64_is_not_known(t10k):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((28, 28)), keras.layers.Flatten(), Stubborn(), keras.layers.Dense(10)]
    classifier = as_classifier(keras.Sequential(layers))
    assert rounding(classifier, t10k.images) == 0


class Stubborn(keras.layers.Layer):
    """A layer of somebody's that takes float32 and nothing else."""

    def call(self, inputs: object) -> object:
        if keras.backend.standardize_dtype(inputs.dtype) != "float32":
            raise TypeError("float32, please")
        return inputs * np.float32(2)
