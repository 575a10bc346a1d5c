"""Weights rounded together: on the grid that the converters take, and better than the nearest integers."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from support import DATA, TINY

from fmnist_exporters.formats import onnx as onnx_format
from fmnist_exporters.formats import tflite
from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.reduce import reduce
from fmnist_exporters.original.rounding import round_kernel, round_weights
from fmnist_exporters.original.session import KerasSession
from fmnist_runtime.data.datasets import load_dataset

DENSE = keras.layers.Dense


@pytest.fixture(scope="module")
def images():
    """500 training images to calibrate on, and 2,000 others."""
    training = load_dataset("fashion-mnist", "train", DATA).images
    return training[:500], training[500:2500]


def tiny() -> keras.Sequential:
    """The tiny network with its normalisation in its first dense layer."""
    *_, hidden, _, scores = keras.saving.load_model(TINY / "model.keras", compile=False).layers
    model = network(keras.layers.Flatten(), DENSE(16, activation="relu"), DENSE(10, activation="softmax"))
    model.layers[1].set_weights([np.asarray(hidden.kernel, np.float64) / 255, hidden.bias])
    model.layers[2].set_weights(scores.get_weights())
    return model


def network(*layers: object) -> keras.Sequential:
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((28, 28)), *layers])


def kernel(model: keras.Model, layer: int) -> np.ndarray:
    return np.asarray(model.layers[layer].kernel).copy()


def steps(kernel: np.ndarray) -> np.ndarray:
    """How a converter sees a kernel: in steps of its columns' grids."""
    largest = np.abs(kernel.astype(np.float64)).max(axis=0)
    return kernel / (np.where(largest > 0, largest, 127) / 127)


def nearest(kernel: np.ndarray) -> np.ndarray:
    return np.rint(steps(kernel)) * np.abs(kernel).max(axis=0) / 127


def pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)


def test_weights_lie_on_the_grid_of_the_original(images):
    model, original = tiny(), kernel(tiny(), 1)
    round_weights(model, images[0])
    rounded = kernel(model, 1)
    # A weight is rounded to float32 once (2⁻²⁴ of it), and so is the largest; of 127 steps that is 1.5e-5.
    assert np.abs(steps(rounded) - np.rint(steps(rounded))).max() <= 1.6e-5
    assert np.array_equal(np.abs(rounded).max(axis=0), np.abs(original).max(axis=0))
    assert not np.array_equal(rounded, nearest(original).astype(np.float32))


def test_other_images_are_answered_better_than_by_the_nearest(images, t10k):
    original, rounded, plain = tiny(), tiny(), tiny()
    round_weights(rounded, images[0])
    plain.layers[1].set_weights([nearest(kernel(plain, 1)), plain.layers[1].bias])
    wanted = np.asarray(original(t10k.images.astype(np.float32)))
    errors = [
        np.abs(np.asarray(model(t10k.images.astype(np.float32))) - wanted).mean()
        for model in (rounded, plain)
    ]

    assert errors[0] < errors[1] / 2  # measured: a quarter


def test_sums_are_kept_even_where_no_bias_takes_up_the_mean(images):
    calibration, others = images
    model = network(keras.layers.Flatten(), DENSE(16, use_bias=False), DENSE(10))
    original = kernel(model, 1)
    round_weights(model, calibration)
    error = pixels(others) @ (kernel(model, 1) - original)
    plain = pixels(others) @ (nearest(original) - original)

    assert (error**2).mean() < (plain**2).mean() / 2


def test_every_layer_but_the_last(images):
    model = network(keras.layers.Flatten(), DENSE(8, "relu"), DENSE(8, "relu"), DENSE(10))
    original = [kernel(model, layer) for layer in (1, 2, 3)]
    round_weights(model, images[0])
    for layer in (1, 2):
        assert np.abs(steps(kernel(model, layer)) - np.rint(steps(kernel(model, layer)))).max() <= 1.6e-5
    assert not np.array_equal(kernel(model, 2), original[1])
    assert np.array_equal(kernel(model, 3), original[2])


def test_convolutions_are_left_alone(images):
    model = network(
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(2, 3, strides=3, activation="relu"),
        keras.layers.Flatten(),
        DENSE(8, activation="relu"),
        DENSE(10),
    )
    convolution = kernel(model, 1)
    round_weights(model, images[0])
    assert np.array_equal(kernel(model, 1), convolution)
    assert np.abs(steps(kernel(model, 3)) - np.rint(steps(kernel(model, 3)))).max() <= 1.6e-5


def test_the_same_each_time(images):
    first, second = tiny(), tiny()
    for model in (first, second):
        round_weights(model, images[0])
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_units_and_inputs_without_values():
    weights = np.array([[0.0, 1.0], [0.0, -0.3]])
    expected = np.array([[0, 127], [0, -38]]) / 127
    assert np.array_equal(round_kernel(weights, np.zeros((5, 2))), expected.astype(np.float32))


@pytest.fixture(scope="module")
def chosen(images) -> tuple[Classifier, np.ndarray]:
    """The tiny original, and the integers that are chosen for its hidden layer, ``[16, 784]``."""
    with KerasSession(TINY / "model.keras") as original:
        model = reduce(original.classifier)
        round_weights(model, images[0])
        [hidden, _] = [layer for layer in model.layers if isinstance(layer, DENSE)]
        return original.classifier, np.rint(steps(np.asarray(hidden.kernel))).T


def test_tflite_stores_the_integers_that_were_chosen(chosen, images):
    classifier, integers = chosen
    interpreter = Interpreter(model_content=tflite.convert(classifier, "int8", images[0]))
    interpreter.allocate_tensors()
    [stored] = [
        interpreter.get_tensor(tensor["index"])
        for tensor in interpreter.get_tensor_details()
        if tensor["shape"].tolist() == [16, 784]
    ]
    assert stored.dtype == np.int8
    assert np.array_equal(stored, integers)


def test_onnx_stores_the_integers_that_were_chosen(chosen, images):
    classifier, integers = chosen
    graph = onnx.load_from_string(onnx_format.convert(classifier, "int8", images[0])).graph
    [stored] = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if 784 in tensor.dims]
    assert stored.dtype == np.uint8  # 128 higher; see fmnist_exporters.formats.onnx_int8
    assert np.array_equal(stored.astype(int) - 128, integers.T)


def test_a_layer_that_is_called_twice_is_left_alone(images):
    """Weights that are right for the inputs of one call would be wrong for those of the other."""
    image = keras.Input((28, 28))
    shared = DENSE(784, activation="relu")
    model = keras.Model(image, DENSE(10)(shared(shared(keras.layers.Flatten()(image)))))
    before = np.asarray(shared.kernel).copy()
    round_weights(model, images[0][:50])
    assert np.array_equal(np.asarray(shared.kernel), before)
