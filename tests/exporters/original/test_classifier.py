"""What is taken for a classifier of images, and what is refused in one line."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from support import TINY

from fmnist_exporters.formats import converter
from fmnist_exporters.original.session import KerasSession
from fmnist_runtime.errors import ModelError


def sequential(*stack: object, shape: tuple[int | None, ...] = (28, 28)) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 255), layers.Flatten(), *stack])


def save(model: keras.Model, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """Its layers are known, but not what it does with them."""

    def __init__(self, activation: str = "softmax", **keywords: object) -> None:
        super().__init__(**keywords)
        self.activation_name = activation
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(10, activation=activation)

    def call(self, images: object) -> object:
        return self.dense(self.flatten(images / 255))

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "activation": self.activation_name}


def subclassed(activation: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = Subclassed(activation)
    model(np.zeros((1, 28, 28), np.float32))
    return model


def nested(activation: str) -> keras.Model:
    return sequential(keras.Sequential([keras.Input((784,)), layers.Dense(10, activation=activation)]))


def averaged() -> keras.Model:
    """A fully convolutional network: a score for each place, averaged over all."""
    return keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(10, 9), layers.GlobalAveragePooling2D()])


def by_operation() -> keras.Model:
    image = keras.Input((28, 28))
    return keras.Model(image, keras.ops.softmax(layers.Dense(10)(layers.Flatten()(image))))


def by_parts() -> keras.Model:
    image = keras.Input((28, 28))
    x = layers.Flatten()(image)
    return keras.Model(
        image, layers.Concatenate()([layers.Dense(5, activation="softmax")(x) for _ in range(2)])
    )


ENDS = {
    "dense softmax": (lambda: sequential(layers.Dense(10, activation="softmax")), False),
    "softmax layer": (lambda: sequential(layers.Dense(10), layers.Softmax()), False),
    "activation layer": (lambda: sequential(layers.Dense(10), layers.Activation("softmax")), False),
    "softmax, then a type": (
        lambda: sequential(layers.Dense(10, activation="softmax"), layers.Activation("linear")),
        False,
    ),
    "softmax operation": (by_operation, False),
    "nested softmax": (lambda: nested("softmax"), False),
    "subclassed softmax": (lambda: subclassed("softmax"), False),
    "logits": (lambda: sequential(layers.Dense(10)), True),
    "logits, then dropout": (lambda: sequential(layers.Dense(10), layers.Dropout(0.1)), True),
    "logits, normalised": (lambda: sequential(layers.Dense(10), layers.BatchNormalization()), True),
    "logits, scaled": (lambda: sequential(layers.Dense(10), layers.Rescaling(0.5)), True),
    "nested logits": (lambda: nested("linear"), True),
    "averaged logits": (averaged, True),
}


@pytest.mark.parametrize("name", ENDS)
def test_scores_are_probabilities_however_the_model_ends(name, tmp_path, t10k):
    """A softmax behind logits, none behind softmax: two would squeeze all scores towards 0.1."""
    build, logits = ENDS[name]
    model = build()
    images = t10k.images[:20]
    with KerasSession(save(model, tmp_path / "model.keras")) as session:
        scores = session.scores(images)
        answers = np.asarray(model(session.fit(images).astype(np.float32)))
    expected = np.asarray(keras.ops.softmax(answers)) if logits else answers
    assert np.abs(scores - expected).max() <= 1e-6  # the same operations in float32


@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_a_subclassed_model_is_converted_whole(format, tmp_path, t10k):
    with KerasSession(save(subclassed("softmax"), tmp_path / "model.keras")) as session:
        assert converter(format).convert(session.classifier, "float32", None)


def two_inputs() -> keras.Model:
    images = [keras.Input((28, 28)), keras.Input((28, 28))]
    return keras.Model(images, layers.Dense(10)(layers.Flatten()(layers.Add()(images))))


def two_outputs() -> keras.Model:
    image = keras.Input((28, 28))
    x = layers.Flatten()(image)
    return keras.Model(image, [layers.Dense(10)(x), layers.Dense(2)(x)])


def not_finite(value: float) -> keras.Model:
    model = sequential(layers.Dense(16, name="hidden"), layers.Dense(10, activation="softmax"))
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[3, 5] = value
    model.get_layer("hidden").set_weights([kernel, bias])
    return model


def any_size() -> keras.Model:
    image = keras.Input((None, None, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


REFUSED = {
    "two inputs": (two_inputs, "has 2 inputs; a classifier has one"),
    "two outputs": (two_outputs, "has 2 outputs; a classifier has one"),
    "one unit of softmax": (
        lambda: sequential(layers.Dense(1, activation="softmax")),
        "ends in softmax over one unit, which is always 1; .* one unit with sigmoid",
    ),
    "one unit of relu": (
        lambda: sequential(layers.Dense(1, activation="relu")),
        "has one unit of .* ends in relu.*, which is not a probability",
    ),
    "NaN": (lambda: not_finite(np.nan), "its weight hidden/kernel holds NaN or infinity"),
    "infinity": (lambda: not_finite(np.inf), "its weight hidden/kernel holds NaN or infinity"),
    "sigmoid": (
        lambda: sequential(layers.Dense(10, activation="sigmoid")),
        "ends in sigmoid for each of 10 classes, which is the probability of each class by itself",
    ),
    "percent, shifted": (
        lambda: sequential(layers.Dense(10, activation="softmax"), layers.Rescaling(100.0, offset=3)),
        "scores that sum to 130 for each image",
    ),
    "relu": (lambda: sequential(layers.Dense(10, activation="relu")), "a classifier ends in softmax"),
    "subclassed sigmoid": (lambda: subclassed("sigmoid"), "a classifier ends in softmax"),
    "any size": (any_size, r"no fixed size \(None, None, 1\); build it with a fixed one, as keras.Input"),
    "four dimensions": (
        lambda: sequential(layers.Dense(10), shape=(4, 7, 7, 4)),
        r"takes \(4, 7, 7, 4\), which is not an image; \(height, width\) with or without channels is one",
    ),
    "two softmaxes beside each other": (
        by_parts,
        "scores that sum to 2 for each image .layer 'concatenate.* is a Concatenate",
    ),
    "softmax by place": (
        lambda: keras.Sequential(
            [keras.Input((28, 28, 1)), layers.Conv2D(5, 27, activation="softmax"), layers.Flatten()]
        ),
        "scores that sum to 4 for each image",
    ),
    "a map of scores": (
        lambda: keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(10, 3)]),
        r"returns \(None, 26, 26, 10\) for a batch; a classifier's scores are \(None, classes\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_classifier_is_refused(name, tmp_path):
    build, message = REFUSED[name]
    path = save(build(), tmp_path / "model.keras")
    with pytest.raises(ModelError, match=rf"model\.keras: .*{message}") as refused:
        KerasSession(path)
    assert "\n" not in str(refused.value)


def damaged(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_damaged_files_are_refused(tmp_path):
    whole = save(sequential(layers.Dense(10)), tmp_path / "whole.h5").read_bytes()
    with h5py.File(tmp_path / "numbers.h5", "w") as file:
        file["numbers"] = np.arange(3)
    keras_zip = (TINY / "model.keras").read_bytes()
    for path in (
        damaged(tmp_path / "cut.h5", whole[:3000]),
        damaged(tmp_path / "text.h5", b"no HDF5"),
        damaged(tmp_path / "cut.keras", keras_zip[:1000]),
        damaged(tmp_path / "flipped.keras", keras_zip[:2000] + b"\0" * 64 + keras_zip[2064:]),
        tmp_path / "numbers.h5",
    ):
        with pytest.raises(ModelError, match=rf"{path.name}: not a model that Keras .* can load") as refused:
            KerasSession(path)
        assert "\n" not in str(refused.value)


def test_other_suffixes_and_empty_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"model\.pt: a Keras model's file ends in \.keras, \.h5 or \.hdf5"):
        KerasSession(damaged(tmp_path / "model.pt", b"x"))
    with pytest.raises(ModelError, match=r"empty\.h5: is empty"):
        KerasSession(damaged(tmp_path / "empty.h5", b""))


@keras.saving.register_keras_serializable("tests")
class Odd(layers.Layer):
    """Adds nothing, by an operator that no format has."""

    def call(self, inputs: object) -> object:
        return inputs + tf.math.betainc(1.0, 1.0, tf.sigmoid(inputs)) * 0


@pytest.mark.parametrize(("format", "name"), [("tflite", "TFLite"), ("onnx", "ONNX")])
def test_an_operator_that_a_format_lacks_is_named_with_its_layer(format, name, tmp_path):
    inner = keras.Sequential([keras.Input((16,)), Odd(name="odd"), layers.Dense(10, name="head")])
    model = save(sequential(layers.Dense(16, name="hidden"), inner), tmp_path / "model.keras")
    message = rf"layer 'odd' \(Odd\) uses Betainc, for which {name} has no operator; replace the layer"
    with KerasSession(model) as session, pytest.raises(ModelError, match=message):
        converter(format).convert(session.classifier, "float32", None)


def test_int8_full_holds_no_floats(tmp_path):
    """For hardware that has none; the converter leaves in float what it cannot quantise, and says nothing."""
    model = sequential(
        layers.Dense(16, name="hidden"), Negated(name="negated"), layers.Dense(10, name="head")
    )
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    message = "layer 'negated' uses NEG, which TFLite computes in float only; use int8"
    with KerasSession(save(model, tmp_path / "model.keras")) as session:
        assert converter("tflite").convert(session.classifier, "int8", images)
        with pytest.raises(ModelError, match=message):
            converter("tflite").convert(session.classifier, "int8-full", images)


@keras.saving.register_keras_serializable("tests")
class Negated(layers.Layer):
    def call(self, inputs: object) -> object:
        return -inputs


@pytest.mark.parametrize("first", [layers.MaxPooling2D, layers.AveragePooling2D, layers.ZeroPadding2D])
def test_pixels_map_one_to_one_through_what_keeps_their_range(first, tmp_path):
    """Such operators are quantised like their input; dark calibration images do not stretch either."""
    stack = [first(2), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28, 1)), *stack])
    images = np.random.default_rng(0).integers(0, 64, (20, 28, 28, 1), np.uint8)
    with KerasSession(save(model, tmp_path / "model.keras")) as session:
        content = converter("tflite").convert(session.classifier, "int8-full", images)
    assert Interpreter(model_content=content).get_input_details()[0]["quantization"] == (1.0, -128)
