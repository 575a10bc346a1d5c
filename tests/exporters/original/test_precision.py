"""How exactly originals compute, and that no more is asked of their artifacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from support import DATA, TINY
from support.artifacts import BY_NAME, SOURCE, make

from fmnist_exporters.original.classifier import as_classifier
from fmnist_exporters.original.precision import Precision
from fmnist_exporters.original.session import KerasSession
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.data.datasets import load_dataset


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


def rounding(session: KerasSession, images: np.ndarray) -> float:
    return Precision(session.classifier).rounding(images, session.scores(images))


def test_a_normalised_network_is_exact_enough_for_the_gate(t10k):
    """Four times its rounding, which is what is allowed, are within the 1e-5 that the recipes allow."""
    with KerasSession(TINY / "model.keras") as session:
        assert 0 < 4 * rounding(session, t10k.images) < 1e-5


def test_large_logits_are_not(raw, t10k):
    with KerasSession(raw) as session:
        assert (session.scores(t10k.images).argmax(axis=1) == t10k.targets).mean() > 0.7
        assert 4 * rounding(session, t10k.images) > 1e-5


def test_it_is_the_largest_of_all_images(raw, t10k):
    with KerasSession(raw) as session:
        scores, precision = session.scores(t10k.images), Precision(session.classifier)
        parts = [
            precision.rounding(t10k.images[first : first + 2500], scores[first : first + 2500])
            for first in range(0, 10_000, 2500)
        ]
        assert max(parts) > min(parts)
        assert precision.rounding_that_matters(t10k.images, scores) == max(parts)


def test_a_sample_is_enough_where_nothing_depends_on_it(t10k):
    with KerasSession(TINY / "model.keras") as session:
        scores, precision = session.scores(t10k.images), Precision(session.classifier)
        sampled = precision.rounding(t10k.images[::10], scores[::10])
        assert precision.rounding_that_matters(t10k.images, scores) == sampled < 2.5e-6 / 2


@pytest.mark.parametrize("format", ["tflite", "onnx", "npz"])
def test_float32_artifacts_of_large_logits_pass(raw, tmp_path, format):
    """They answer as the original, as far as that itself is sure of its answers."""
    [artifact] = make(tmp_path, BY_NAME[format, "float32"], source=replace(SOURCE, path=raw))
    assert artifact.agreement == 1
    metadata = read_metadata(artifact.path)
    assert metadata is not None
    assert metadata.proof["max_difference"] <= metadata.proof["allowed_difference"]
    assert metadata.golden is not None
    assert 1e-5 <= metadata.golden.tolerance <= max(1e-5, metadata.proof["allowed_difference"])


def test_what_cannot_be_computed_in_float64_is_not_known(t10k):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((28, 28)), keras.layers.Flatten(), Stubborn(), keras.layers.Dense(10)]
    classifier = as_classifier(keras.Sequential(layers))
    assert Precision(classifier).rounding(t10k.images, classifier.scores(t10k.images)) == 0


class Stubborn(keras.layers.Layer):
    """A layer of somebody's that takes float32 and nothing else."""

    def call(self, inputs: object) -> object:
        if keras.backend.standardize_dtype(inputs.dtype) != "float32":
            raise TypeError("float32, please")
        return inputs * np.float32(2)
