"""Networks other than that of the lectures, and changes of the training images."""

from __future__ import annotations

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import DATA

from fmnist.datasets.read import Wanted, as_idx
from fmnist.runs.settings import CNN, TrainSettings
from fmnist.training.augment import augment
from fmnist.training.loop import EpochLoop
from fmnist.training.networks import build_model
from fmnist_runtime.data.datasets import load_dataset

FUNCTION = """
import keras

def narrow(image_shape, classes):
    layers = [
        keras.Input(image_shape),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(8, "relu"),
        keras.layers.Dense(classes, "softmax"),
    ]
    return keras.Sequential(layers)

def logits(image_shape, classes):
    return keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(classes)])

def other(image_shape, classes):
    return keras.Sequential([keras.Input((5, 5)), keras.layers.Flatten(), keras.layers.Dense(classes)])

def nothing(image_shape, classes):
    return None

def unbuilt(image_shape, classes):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes, "softmax")])

def code(image_shape, classes):
    first = keras.layers.Lambda(lambda image: image / 255)
    last = keras.layers.Dense(classes, "softmax")
    return keras.Sequential([keras.Input(image_shape), first, keras.layers.Flatten(), last])

def broken(image_shape, classes):
    raise ZeroDivisionError("of the user")
"""


def test_a_small_convolutional_network():
    model = build_model(CNN, (28, 28), 10)
    assert (model.input_shape, model.output_shape) == ((None, 28, 28), (None, 10))
    assert model.count_params() < 60_000
    colour = build_model(CNN, (32, 24, 3), 3)
    assert (colour.input_shape, colour.output_shape) == ((None, 32, 24, 3), (None, 3))


def test_it_learns_and_is_exported(tmp_path, fmnist):
    """An epoch on 2,000 photographs of three classes; int8 answers as the original does."""
    pixels = load_dataset("fashion-mnist", "train", DATA)
    chosen = np.isin(pixels.targets, (1, 8, 9))
    images, targets = pixels.images[chosen][:2500], pixels.targets[chosen][:2500]
    numbers = np.searchsorted((1, 8, 9), targets)
    table = {"x_train": images[:2000], "y_train": numbers[:2000]}
    table |= {"x_test": images[2000:], "y_test": numbers[2000:]}
    np.savez(tmp_path / "three.npz", **table)
    trained = fmnist("train", "--dataset", "three.npz", "--network", "cnn", "--epochs", 3, "--dropout", 0.1)
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / "runs" / "three"
    record = json.loads((run / "train.json").read_text())
    settings = record["settings"]
    assert (settings["network"], settings["augment"], settings["dropout"]) == ("cnn", ["shift"], 0.1)
    assert record["test_accuracy"] > 0.9
    exported = fmnist("export", "--format", "all", "--quantize", "int8", "--max-drop", 5)
    assert exported.returncode == 0, exported.stderr
    assert re.search(r"9\d% of weights int8, \d of \d operators integer", exported.stdout)


def test_a_function_of_ones_own(tmp_path, fmnist):
    (tmp_path / "mine.py").write_text(FUNCTION)
    for function, line in (
        ("logits", "does not end in softmax"),
        ("other", "returns a model from (None, 5, 5) to (None, 10), and images and classes need one from "),
        ("nothing", "returns NoneType, not a Keras model"),
        ("broken", "broken: fails (ZeroDivisionError: of the user)"),
        ("missing", "missing: fails (AttributeError"),
        ("unbuilt", "gives a model that is not built; begin it with keras.Input(image_shape)"),
        ("code", "holds a Lambda layer or function, which is Python code that is not run"),
    ):
        refused = fmnist("train", "--network", f"mine.py:{function}")
        assert refused.returncode == 1
        assert line in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not (tmp_path / "runs").exists()
    refused = fmnist("train", "--network", "theirs.py:narrow")
    assert "theirs.py: no such file; give the path of a Python file, as of --network" in refused.stderr
    trained = fmnist("train", "--network", "mine.py:narrow", "--epochs", 1)
    assert trained.returncode == 0, trained.stderr
    assert "6,370 weights" in trained.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--network", "resnet"), "'resnet' is not mlp, cnn or FILE.py:FUNCTION"),
        (("--network", "cnn", "--hidden", "10"), "--hidden: is for --network mlp"),
        (("--network", "cnn", "--preset", "best"), "--preset: is for mlp; cnn has settings of its own"),
        (("--augment", "zoom"), "'zoom' is not one of shift, flip, rotate, none"),
    ],
)
def test_what_does_not_go_together(arguments, line, fmnist):
    refused = fmnist("train", *arguments)
    assert refused.returncode == 2
    assert line in refused.stderr


SEED = tf.constant([3, 1])


def changed(images, *kinds):
    return augment(tf.constant(images), SEED, kinds).numpy()


def test_shifts_move_every_pixel_alike(t10k):
    images = t10k.images[:200]
    shifted = changed(images, "shift")
    places = set()
    for image, other in zip(images, shifted, strict=True):
        padded = np.pad(image, 2)
        found = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if np.array_equal(padded[row : row + 28, column : column + 28], other)
        ]
        assert found
        places.add(found[0])
    assert len(places) == 25  # 200 draws of 25; one is missing with 25 * (24 / 25) ** 200 = 0.7%, not here


def test_flips_are_of_half(t10k):
    images = t10k.images[:1000]
    flipped = changed(images, "flip")
    mirrored = [np.array_equal(image[:, ::-1], other) for image, other in zip(images, flipped, strict=True)]
    kept = [np.array_equal(image, other) for image, other in zip(images, flipped, strict=True)]
    assert all(one or other for one, other in zip(mirrored, kept, strict=True))
    assert 430 < sum(mirrored) < 570  # 4.4 deviations of 15.8


def test_turns_keep_the_middle(t10k):
    images = np.zeros((50, 29, 29, 1), np.uint8)
    images[:, 14, 14] = 255
    images[:, 14, 2] = 255
    turned = changed(images, "rotate")
    assert (turned[:, 14, 14] >= 254).all()
    rows = turned[:, :, :8, 0].astype(float).sum(axis=2).argmax(axis=1)
    # 12 pixels from the centre, up to 10 degrees: at most 2.1 rows.
    assert rows.min() >= 12
    assert rows.max() <= 16
    assert len(set(rows.tolist())) >= 3


def test_the_same_seed_gives_the_same_and_colour_is_kept(t10k):
    images = np.repeat(t10k.images[:20, ..., None], 3, axis=3)
    for kinds in (("shift",), ("flip",), ("rotate",), ("shift", "flip", "rotate")):
        first = changed(images, *kinds)
        assert np.array_equal(first, changed(images, *kinds))
        assert not np.array_equal(first, images)
        assert np.array_equal(first[..., 0], first[..., 2])
    assert np.array_equal(changed(images), images)


def test_epochs_differ_and_do_not_depend_on_those_before():
    training = load_dataset("fashion-mnist", "train", DATA)
    small = type(training)(
        training.name, "train", training.images[:320], training.targets[:320], training.labels
    )
    settings = TrainSettings(hidden=(4,), augment=("shift", "flip"), validation_split=0.0)

    def after(*epochs):
        keras.utils.set_random_seed(0)
        loop = EpochLoop(build_model(settings, (28, 28), 10), small, settings)
        return [loop.run(epoch)["loss"] for epoch in epochs]

    assert after(0)[0] == after(0)[0]
    assert after(0)[0] != after(1)[0]


def test_a_preparation_is_recorded(tmp_path, fmnist, t10k):
    np.savez(tmp_path / "some.npz", x_train=t10k.images[:500], y_train=t10k.targets[:500] // 5)
    as_idx(str(tmp_path / "some.npz"), Wanted())
    options = ("--dataset", "some.npz", "--preparation", "fashion-mnist", "--epochs", 1, "--hidden", 4)
    trained = fmnist("train", *options)
    assert trained.returncode == 0, trained.stderr
    record = json.loads((tmp_path / "runs" / "some" / "train.json").read_text())
    assert record["settings"]["preparation"] == "fashion-mnist"
