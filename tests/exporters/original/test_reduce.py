"""The reduced model answers like the whole one, with weights of its own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from fmnist_exporters.formats.tensorflow_private import inference_function
from fmnist_exporters.original.classifier import as_classifier
from fmnist_exporters.original.reduce import reduce
from fmnist_runtime.artifact.contract import parse_range

# Probabilities of the same sums in float32, of weights that were rounded once more: the float32 gate of
# the recipes.
TOLERANCE = 1e-5

SCALING = {"scale": 1 / 127.5, "offset": -1}


def sequential(*stack: object) -> keras.Model:
    return keras.Sequential([keras.Input((28, 28)), *stack])


def head(x: object) -> object:
    return layers.Dense(10, activation="softmax", name="head")(layers.Flatten(name="flatten")(x))


def mlp() -> keras.Model:
    return sequential(
        layers.Rescaling(1 / 255, name="scaling"),
        layers.Flatten(name="flatten"),
        layers.Dense(8, activation="relu", name="hidden"),
        layers.Dropout(0.5, name="dropout"),
        layers.Dense(10, activation="softmax", name="head"),
    )


def offset_without_bias() -> keras.Model:
    return sequential(layers.Rescaling(**SCALING), layers.Flatten(), layers.Dense(10, use_bias=False))


def scaled_behind_dropout() -> keras.Model:
    dense = layers.Dense(10, activation="softmax")
    return sequential(layers.Flatten(), layers.Rescaling(1 / 255), layers.Dropout(0.5), dense)


def scaled_twice() -> keras.Model:
    return sequential(
        layers.Rescaling(1 / 255), layers.Rescaling(2, offset=-1), layers.Flatten(), layers.Dense(10)
    )


def scaled_by_column() -> keras.Model:
    return sequential(layers.Rescaling([1 / 255] * 28), layers.Flatten(), layers.Dense(10))


def convolution(padding: str, kind: type = layers.Conv2D) -> keras.Model:
    """Padding puts zeros around what the scaling made: with an offset it cannot move behind it."""
    image = keras.Input((28, 28, 1))
    x = layers.Rescaling(**SCALING, name="scaling")(image)
    settings = {"depth_multiplier": 4} if kind is layers.DepthwiseConv2D else {"filters": 4}
    x = kind(kernel_size=3, padding=padding, activation="relu", name="conv", **settings)(x)
    return keras.Model(image, head(x))


def taken_twice() -> keras.Model:
    """One branch can do the scaling, the other cannot."""
    image = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 255, name="scaling")(image)
    y = layers.Conv2D(1, 3, padding="same", activation="relu", name="conv")(x)
    return keras.Model(image, head(layers.Add(name="residual")([x, y])))


def shared_layer() -> keras.Model:
    """Scaled pixels and activations go through the same weights, which can take over no scaling."""
    image = keras.Input((28, 28))
    x = layers.Rescaling(1 / 255, name="scaling")(image)
    dense = layers.Dense(28, activation="relu", name="shared")
    return keras.Model(image, head(dense(dense(x))))


def normalised() -> keras.Model:
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(4, 3, use_bias=False, name="conv")(image)
    x = layers.ReLU(name="relu_1")(layers.BatchNormalization(name="norm_1")(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.ReLU(name="relu_2")(layers.BatchNormalization(scale=False, name="norm_2")(x))
    x = layers.Dense(6, name="dense")(layers.Flatten(name="flat")(x))
    x = layers.ReLU(name="relu_3")(layers.BatchNormalization(center=False, name="norm_3")(x))
    return keras.Model(image, layers.Dense(10, activation="softmax", name="head")(x))


def normalised_beside() -> keras.Model:
    """The convolution's own values are needed too, so that its weights must stay."""
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(4, 3, name="conv")(image)
    return keras.Model(image, head(layers.Add(name="add")([x, layers.BatchNormalization(name="norm")(x)])))


def nested() -> keras.Model:
    """Two nested models whose layers have the same names, and an operation that is no layer."""

    def block(shape: tuple[int, ...], name: str) -> keras.Model:
        inner = keras.Input(shape)
        x = layers.Conv2D(2, 3, activation="relu", name="conv")(inner)
        return keras.Model(inner, layers.Dropout(0.5, name="drop")(x), name=name)

    image = keras.Input((28, 28, 1))
    x = block((26, 26, 2), "second")(block((28, 28, 1), "first")(image / 255))
    return keras.Model(image, head(x))


@keras.saving.register_keras_serializable("tests")
class Shaken(layers.Layer):
    """As some layers of Keras, it takes itself to be in training unless it is told."""

    def call(self, inputs: object, training: bool = True) -> object:
        return inputs + keras.random.uniform(keras.ops.shape(inputs)) if training else inputs


def shaken() -> keras.Model:
    return sequential(layers.Rescaling(1 / 255), Shaken(), layers.Flatten(), layers.Dense(10))


def scaled_at_the_end() -> keras.Model:
    """As a temperature is applied to logits: nothing follows that could take the scaling over."""
    return sequential(
        layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10, name="head"), layers.Rescaling(0.5)
    )


def standardised() -> keras.Model:
    """As Keras's own tutorials begin: mean and variance of the data, learnt before training."""
    layer = layers.Normalization(axis=None)
    layer.adapt(np.float32([10, 80, 200]))
    return sequential(layer, layers.Flatten(), layers.Dense(10))


MODELS = {
    "standardised": (standardised, None),
    "scaled at the end": (scaled_at_the_end, None),
    "shaken": (shaken, None),
    "mlp": (mlp, ["flatten", "hidden", "head"]),
    "offset without bias": (offset_without_bias, None),
    "scaled behind dropout": (scaled_behind_dropout, None),
    "scaled twice": (scaled_twice, None),
    "scaled by column": (scaled_by_column, None),
    "convolution": (lambda: convolution("valid"), ["conv", "flatten", "head"]),
    "padded": (lambda: convolution("same"), ["scaling", "conv", "flatten", "head"]),
    "depthwise": (lambda: convolution("valid", layers.DepthwiseConv2D), ["conv", "flatten", "head"]),
    "taken twice": (taken_twice, ["scaling", "conv", "residual", "flatten", "head"]),
    "shared layer": (shared_layer, ["scaling", "shared", "flatten", "head"]),
    "normalised": (
        normalised,
        ["conv", "relu_1", "depthwise", "relu_2", "flat", "dense", "relu_3", "head"],
    ),
    "normalised beside": (normalised_beside, ["conv", "norm", "add", "flatten", "head"]),
    "nested": (nested, ["conv", "conv_2", "flatten", "head"]),
}


def scramble(model: keras.Model) -> None:
    """Give every weight a value that matters: biases are built as 0, normalisations as none."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if weight.ndim < 2:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()


@pytest.mark.parametrize("taken", ["0-255", "0-1", "1--1"])
@pytest.mark.parametrize("name", MODELS)
def test_it_answers_the_same_with_fewer_layers(name, taken, t10k):
    build, expected = MODELS[name]
    keras.utils.set_random_seed(3)
    model = build()
    scramble(model)
    if taken == "0-255" and name.startswith("normalised"):
        model.layers[1].set_weights([weight / 255 for weight in model.layers[1].get_weights()])
    before = model.get_weights()
    classifier = as_classifier(model, parse_range(taken))
    images = t10k.images[:100].reshape(-1, *model.input_shape[1:])
    whole = classifier.scores(images)

    reduced = reduce(classifier)
    scores = np.asarray(reduced(images.astype(np.float32)))
    assert np.abs(scores - whole).max() <= TOLERANCE
    traced = inference_function(reduced)(keras.ops.convert_to_tensor(images.astype(np.float32)))
    assert np.abs(np.asarray(traced[0]) - whole).max() <= TOLERANCE
    if expected and taken == "0-255":
        assert [layer.name for layer in reduced.layers[1:]] == expected

    for weight in reduced.weights:
        weight.assign(np.zeros(weight.shape))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_0_to_1_costs_no_operator():
    model = keras.Sequential(
        [keras.Input((28, 28)), layers.Flatten(name="flatten"), layers.Dense(10, name="head")]
    )
    reduced = reduce(as_classifier(model, parse_range("0-1")))
    assert [layer.name for layer in reduced.layers[1:]] == ["flatten", "head", "probabilities"]
    assert np.allclose(reduced.get_layer("head").kernel, model.get_layer("head").kernel / 255, rtol=1e-6)


def test_half_precision_training_becomes_float32():
    policy = keras.mixed_precision.DTypePolicy("mixed_float16")
    dense = layers.Dense(10, activation="softmax", dtype=policy)
    reduced = reduce(as_classifier(sequential(layers.Rescaling(1 / 255), layers.Flatten(), dense)))
    assert reduced(np.zeros((1, 28, 28), np.float32)).dtype == "float32"


class Doubled(layers.Dense):
    """Takes its weights twice: what is true of a dense layer is not of this one."""

    def call(self, inputs: object) -> object:
        return super().call(2 * inputs)


def test_a_layer_derived_from_a_known_one_keeps_its_own_way(t10k):
    scaling = layers.Rescaling(1 / 127.5, offset=-1)
    classifier = as_classifier(sequential(scaling, layers.Flatten(), Doubled(10)))
    images = t10k.images[:20]
    reduced = np.asarray(reduce(classifier)(images.astype(np.float32)))
    assert np.abs(reduced - classifier.scores(images)).max() <= TOLERANCE


def test_names_that_tensorflow_does_not_take_are_mended(t10k):
    model = sequential(layers.Flatten(name="_flat"), layers.Dense(10, name="my head (ten)"))
    traced = inference_function(reduce(as_classifier(model)))
    scopes = {node.name.split("/")[0] for node in traced.graph.as_graph_def().node}
    assert scopes >= {"flat", "my_head__ten_"}
