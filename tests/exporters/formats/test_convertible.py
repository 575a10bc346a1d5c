"""Keras classifiers of many kinds become files that answer like them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from fmnist_exporters.formats import converter
from fmnist_exporters.original.precision import Precision
from fmnist_exporters.original.session import KerasSession
from fmnist_runtime import load
from fmnist_runtime.parity.gates import FLOAT32_DIFFERENCE, ROUNDINGS

Build = Callable[[], keras.Model]


def sequential(*stack: object) -> keras.Model:
    return keras.Sequential([keras.Input((28, 28)), layers.Rescaling(1 / 255), *stack])


def flat(make: Callable[[object], object]) -> keras.Model:
    """What is made of the flattened image."""
    image = keras.Input((28, 28))
    return keras.Model(image, make(layers.Flatten()(layers.Rescaling(1 / 255)(image))))


def head() -> object:
    return layers.Dense(10, activation="softmax")


def convolutional(*stack: object) -> keras.Model:
    first = layers.Conv2D(8, 3, strides=3, activation="relu")
    return sequential(layers.Reshape((28, 28, 1)), first, *stack, layers.Flatten(), head())


def recurrent(*stack: object) -> keras.Model:
    """Of seven steps, so that it takes little time."""
    return sequential(layers.Reshape((7, 112)), *stack, head())


def dense(*stack: object) -> keras.Model:
    return sequential(layers.Flatten(), layers.Dense(32, activation="relu"), *stack)


@contextmanager
def policy(name: str) -> Iterator[None]:
    keras.mixed_precision.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


def of_type(name: str, build: Build) -> Build:
    def built() -> keras.Model:
        with policy(name):
            return build()

    return built


def quantized(mode: str) -> Build:
    def build() -> keras.Model:
        model = dense(layers.Dense(16), layers.BatchNormalization(), layers.ReLU(), head())
        model.quantize(mode)
        return model

    return build


def adapted() -> keras.Model:
    model = dense(head())
    model.layers[2].enable_lora(2)
    for weight in model.layers[2].weights:
        weight.assign(np.random.default_rng(0).normal(0, 0.05, weight.shape))
    return model


def channels_first() -> keras.Model:
    stack = [layers.Rescaling(1 / 255), layers.Permute((2, 3, 1)), layers.Conv2D(4, 3, strides=4)]
    return keras.Sequential([keras.Input((3, 32, 32)), *stack, layers.Flatten(), head()])


both, dense_only = ("tflite", "onnx"), ("tflite", "onnx", "npz")
MODELS: dict[str, tuple[Build, tuple[str, ...]]] = {
    "GELU": (lambda: dense(layers.Dense(16, activation="gelu"), head()), both),
    "GELU by operation": (
        lambda: flat(lambda x: head()(ops.gelu(layers.Dense(16)(x), approximate=False))),
        both,
    ),
    "GELU by tanh": (lambda: flat(lambda x: head()(ops.gelu(layers.Dense(16)(x), approximate=True))), both),
    "groups": (
        lambda: convolutional(
            layers.Conv2D(16, 3, groups=2, padding="same"), layers.BatchNormalization(), layers.ReLU()
        ),
        both,
    ),
    "a group for each channel": (
        lambda: convolutional(layers.Conv2D(16, 3, groups=8, use_bias=False), layers.BatchNormalization()),
        both,
    ),
    "groups in a row": (
        lambda: sequential(layers.Conv1D(16, 3, groups=4, padding="causal"), layers.Flatten(), head()),
        both,
    ),
    "LSTM": (lambda: recurrent(layers.LSTM(8)), both),
    "GRU, then SimpleRNN": (
        lambda: recurrent(layers.GRU(8, return_sequences=True), layers.SimpleRNN(4)),
        both,
    ),
    "bidirectional": (lambda: recurrent(layers.Bidirectional(layers.LSTM(4))), both),
    "time-distributed": (
        lambda: recurrent(layers.TimeDistributed(layers.Dense(8)), layers.GRU(4, go_backwards=True)),
        both,
    ),
    "int8 of Keras": (quantized("int8"), dense_only),
    "int4 of Keras": (quantized("int4"), dense_only),
    "float8 of Keras": (quantized("float8"), dense_only),
    "LoRA": (adapted, dense_only),
    "one sigmoid unit": (lambda: dense(layers.Dense(1, activation="sigmoid")), dense_only),
    "one sigmoid unit by operation": (lambda: flat(lambda x: ops.sigmoid(layers.Dense(1)(x))), both),
    "one logit": (lambda: dense(layers.Dense(1)), dense_only),
    "one tanh unit": (lambda: dense(layers.Dense(1, activation="tanh")), both),
    "log-softmax": (lambda: dense(layers.Dense(10, activation="log_softmax")), both),
    "log-softmax by operation": (lambda: flat(lambda x: ops.log_softmax(layers.Dense(10)(x))), both),
    "mean of logits": (lambda: flat(lambda x: layers.Average()([layers.Dense(10)(x) for _ in "ab"])), both),
    "mean of logits by operations": (
        lambda: flat(lambda x: (layers.Dense(10)(x) + layers.Dense(10)(x)) / 2.0),
        both,
    ),
    "logits beside each other": (
        lambda: flat(lambda x: layers.Concatenate()([layers.Dense(4)(x), layers.Dense(6)(x)])),
        both,
    ),
    "percent": (lambda: dense(head(), layers.Rescaling(100.0)), both),
    "sum of probabilities": (lambda: flat(lambda x: layers.Add()([head()(x), head()(x)])), both),
    "bfloat16": (of_type("mixed_bfloat16", lambda: dense(head())), dense_only),
    "float16": (of_type("mixed_float16", lambda: dense(head())), dense_only),
    "float64": (of_type("float64", lambda: dense(head())), dense_only),
    "bidirectional in bfloat16": (
        of_type("mixed_bfloat16", lambda: recurrent(layers.Bidirectional(layers.GRU(4)))),
        ("tflite",),
    ),
    "channels first": (channels_first, both),
}


def saved(build: Build, folder: Path) -> Path:
    keras.utils.set_random_seed(3)
    path = folder / "model.keras"
    build().save(path)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_float32_answers_as_the_original_does(name, tmp_path, t10k):
    """Within the tolerance of the gate, which grows with the rounding of the original's own type."""
    build, formats = MODELS[name]
    with KerasSession(saved(build, tmp_path)) as original:
        images = np.random.default_rng(0).integers(0, 256, (100, *original.info.input_shape), np.uint8)
        if original.info.input_shape == (28, 28):
            images = t10k.images[:100]
        expected = original.scores(images)
        exact = Precision(original.classifier)
        allowed = max(FLOAT32_DIFFERENCE, ROUNDINGS * exact.rounding(images, expected))
        contents = {name: converter(name).convert(original.classifier, "float32") for name in formats}
    assert np.abs(expected.sum(axis=1) - 1).max() < 0.01  # bfloat16 has steps of 1/256 below 1
    assert np.ptp(expected, axis=0).max() > 1e-4  # it does not answer the same to all images
    for format, content in contents.items():
        path = tmp_path / f"model.{format}"
        path.write_bytes(content)
        with load(path, input_range="0-255") as copy:
            assert copy.info.labels == original.info.labels
            assert np.abs(copy.scores(images) - expected).max() <= allowed, format


@pytest.mark.parametrize("name", ["groups", "LSTM", "one sigmoid unit", "int8 of Keras", "mean of logits"])
def test_int8_gives_mostly_the_same_classes(name, tmp_path, t10k):
    with KerasSession(saved(MODELS[name][0], tmp_path)) as original:
        images = t10k.images[:200]
        expected = original.scores(images)
        content = converter("tflite").convert(original.classifier, "int8", images)
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with load(path, input_range="0-255") as copy:
        same = copy.scores(images).argmax(axis=1) == expected.argmax(axis=1)
    assert same.mean() >= 0.9


def test_an_lstm_is_one_operator_in_onnx(tmp_path):
    """Unrolled it is eight times as large."""
    import onnx

    with KerasSession(saved(MODELS["LSTM"][0], tmp_path)) as original:
        content = converter("onnx").convert(original.classifier, "float32")
    kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert kinds.count("LSTM") == 1


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("one logit", "has one unit without activation; it is taken for a logit, above 0 for the second"),
        ("one tanh unit", "has one unit with tanh; it is taken to be 1 for the second class"),
        ("one sigmoid unit", ""),
        ("mean of logits", ""),
    ],
)
def test_what_a_unit_is_taken_for_is_said_where_it_could_be_another(name, note, tmp_path):
    with KerasSession(saved(MODELS[name][0], tmp_path)) as original:
        notes = " ".join(original.info.notes)
    assert note in notes
    assert bool(note) == bool(notes)
