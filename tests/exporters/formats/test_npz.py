"""What npz holds, and what it says it cannot hold."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fmnist_exporters.formats import npz
from fmnist_exporters.original.classifier import as_classifier
from fmnist_runtime import load
from fmnist_runtime.errors import UnsupportedError

layers = keras.layers


def twice(image: object) -> object:
    shared = layers.Dense(784, activation="relu", name="shared")
    return layers.Dense(10)(shared(shared(layers.Flatten()(image))))


def by_rows(image: object) -> object:
    rows = layers.Reshape((2, 5))(layers.Dense(10)(layers.Flatten()(image)))
    return layers.Dense(10)(layers.Flatten()(layers.Softmax(name="rows")(rows)))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (twice, "layer 'shared' is a Dense that is called more than once"),
        (by_rows, "layer 'rows' is a Softmax"),
        (
            lambda image: layers.Dense(10)(layers.Flatten()(layers.Dense(4, name="wide")(image))),
            "layer 'wide'",
        ),
        (
            lambda image: layers.Dense(10)(layers.Dense(4, "gelu", name="odd")(layers.Flatten()(image))),
            "gelu",
        ),
        (
            lambda image: layers.Dense(10)(layers.Conv1D(2, 3, name="look")(image)[:, 0]),
            "layer 'look' is a Conv1D",
        ),
    ],
    ids=["shared", "by rows", "of a matrix", "activation", "convolution"],
)
def test_what_is_no_row_of_dense_layers_is_refused_by_name(network, reason):
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28))
    with pytest.raises(UnsupportedError, match="npz cannot hold it: ") as caught:
        npz.convert(as_classifier(keras.Model(image, network(image))), "float32")
    assert reason in str(caught.value)


def test_activations_and_normalisation_of_their_own_are_taken_in(tmp_path, t10k):
    """As layers behind the dense one, or as BatchNormalization, which is folded."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(20, use_bias=False),
            layers.BatchNormalization(beta_initializer="ones"),
            layers.ReLU(),
            layers.Dropout(0.5),
            layers.Dense(12),
            layers.Activation("tanh"),
            layers.Dense(10),
            layers.Softmax(),
        ]
    )
    classifier = as_classifier(model)
    path = tmp_path / "m.npz"
    path.write_bytes(npz.convert(classifier, "float32"))
    with load(path) as session:
        assert [layer.activation for layer in session.layers] == ["relu", "tanh", "softmax"]
        difference = np.abs(session.scores(t10k.images[:500]) - classifier.scores(t10k.images[:500])).max()
    assert difference < 1e-5  # the gate for float32
