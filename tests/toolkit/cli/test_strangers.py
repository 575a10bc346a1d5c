"""The verbs on models of strangers: no figure comes of an input that a model was not trained on."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from support import TINY
from support.foreign_tflite import pack
from support.predicting import encode
from support.strangers import INT8, UINT8, tflite, with_metadata

FASHION = ("--dataset", "fashion-mnist")
RIGHT = 84.22
"""Percent of the test images that the tiny run's network gets right, on what it was trained on."""


@pytest.fixture
def stranger(tmp_path):
    def write(name: str = "stranger.tflite", **how):
        path = tmp_path / name
        path.write_bytes(pack(tflite(**how)))
        return path

    return write


def accuracy(result) -> float:
    """Of the only model in the table, in percent."""
    [line] = (line for line in result.stdout.splitlines() if "stranger" in line)
    return float(line.split("%")[0].split()[-1])


@pytest.mark.parametrize("range", ["0-255", "0-1", "-1-1", "1-0", "mean=0.286,std=0.353"])
def test_eval_finds_the_range_out_and_says_it(range, fmnist, stranger, tmp_path):
    result = fmnist("eval", stranger(range=range), *FASHION, "--json", "eval.json")
    assert result.returncode == 0, result.stderr
    assert accuracy(result) == pytest.approx(RIGHT, abs=0.02)  # two images of 10,000, as sums are rounded
    said = rf"takes pixels of {range}, the best of 9 ranges on [\d,]+ labelled images: .* with {range}; next"
    assert re.search(said, result.stderr)
    [model] = json.loads((tmp_path / "eval.json").read_text())["models"]
    assert (model["input_range"], model["range_known_from"]) == (range, "labelled images")


def test_eval_takes_the_users_word(fmnist, stranger, tmp_path):
    path = stranger()
    right = fmnist("eval", path, *FASHION, "--input-range", "0-1", "--json", "eval.json")
    assert (right.returncode, right.stderr) == (0, "")
    assert accuracy(right) == pytest.approx(RIGHT, abs=0.02)
    [model] = json.loads((tmp_path / "eval.json").read_text())["models"]
    assert (model["input_range"], model["range_known_from"]) == ("0-1", "the user")
    wrong = fmnist("eval", path, *FASHION, "--input-range", "0-255")
    assert accuracy(wrong) < RIGHT - 2


@pytest.mark.parametrize(("kind", "zero_point"), [(UINT8, 0), (INT8, -128)])
def test_the_tutorials_integers_are_not_binarised(kind, zero_point, fmnist, stranger):
    result = fmnist("eval", stranger(integers=(kind, 1 / 255, zero_point)), *FASHION)
    assert accuracy(result) == pytest.approx(RIGHT, abs=0.02)
    assert "takes pixels of 0-1, known from its integer input" in result.stderr


@pytest.mark.parametrize("unit", ["another data set", "weights of zeros"])
def test_what_is_right_under_no_range_ends_with_what_to_type(unit, fails, tmp_path):
    model = tflite()
    if unit == "weights of zeros":
        for buffer in model.buffers[1:]:
            buffer.data = np.zeros_like(buffer.data) if len(buffer.data) > 1000 else buffer.data
    path = tmp_path / "stranger.tflite"
    path.write_bytes(pack(model))
    dataset = "mnist" if unit == "another data set" else "fashion-mnist"
    line = fails("eval", path, "--dataset", dataset)
    assert "is not accurate with any of 9 ranges" in line
    assert "--dataset" in line
    assert "--input-range" in line


def test_where_ranges_are_as_good_the_user_is_asked(fails, fmnist, tmp_path):
    """Without a hidden layer or a bias every scale gives the same answers, and other probabilities."""
    from support.foreign_tflite import Builder

    images = np.load(TINY / "reference.npz")["scores"]
    assert images.shape == (10_000, 10)
    path = tmp_path / "stranger.tflite"
    path.write_bytes(pack(linear(Builder())))
    line = fails("eval", path, *FASHION)
    assert "10,000 labelled images do not decide it" in line
    assert "name the right one, such as --input-range" in line
    for range in ("0-1", "0-255"):
        result = fmnist("eval", path, *FASHION, "--input-range", range)
        assert result.returncode == 0
        assert accuracy(result) > 50


def linear(b):
    """Means of the training images of each class, less the mean of all: a classifier of one layer."""
    from support import DATA

    from fmnist_runtime.data.datasets import load_dataset

    train = load_dataset("fashion-mnist", "train", DATA)
    images = train.images.reshape(-1, 784).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    means = np.stack([images[train.targets == label].mean(axis=0) for label in range(10)])
    kernel = ((means - means.mean(axis=0)) / 20).astype(np.float32)
    image = b.tensor((1, 28, 28))
    x = b.add("RESHAPE", [image, b.ints([1, 784])], (1, 784), "Reshape", newShape=[1, 784])
    x = b.add("FULLY_CONNECTED", [x, b.constant(kernel), -1], (1, 10), "FullyConnected")
    x = b.add("SOFTMAX", [x], (1, 10), "Softmax", beta=1.0)
    for tensor in b.graph.tensors:
        tensor.shapeSignature = None
    return b.done([image], [x])


def test_predict_asks_for_the_range(fails, fmnist, stranger, tmp_path, t10k):
    (tmp_path / "boot.png").write_bytes(encode(t10k.images[0]))
    path = stranger()
    line = fails("predict", path, "boot.png")
    assert "does not say its input range" in line
    assert "--input-range" in line
    result = fmnist("predict", path, "boot.png", "--input-range", "0-1")
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1].split()[1] == "9"


def test_predict_names_what_the_files_own_metadata_names(fmnist, tmp_path, t10k):
    (tmp_path / "boot.png").write_bytes(encode(t10k.images[0]))
    classes = ["Tops", "Trousers", "Pullovers", "Dresses", "Coats", "Sandals", "Shirts", "Sneakers", "Bags"]
    classes.append("Boots")
    names = "".join(f"{index} {name}\n" for index, name in enumerate(classes)).encode()
    path = tmp_path / "stranger.tflite"
    path.write_bytes(with_metadata(tflite(range="-1-1"), (127.5,), (127.5,), names))
    result = fmnist("predict", path, "boot.png")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].split()[1] == "Boots"
    assert "takes pixels of -1-1, known from its TFLite metadata" in result.stderr


def test_metadata_that_labelled_images_contradict_is_not_followed(fails, fmnist, tmp_path):
    """As of a tool that writes mean 0 and deviation 1 whatever the model was trained on."""
    path = tmp_path / "stranger.tflite"
    path.write_bytes(with_metadata(tflite(range="0-1"), (0,), (1,)))
    line = fails("eval", path, *FASHION)
    assert "takes pixels of 0-255 by its TFLite metadata, but labelled images speak against it: " in line
    assert "name the right one, such as --input-range 0-1" in line
    result = fmnist("eval", path, *FASHION, "--input-range", "0-1")
    assert accuracy(result) == pytest.approx(RIGHT, abs=0.02)


def test_parity_of_a_faithful_conversion_passes(fmnist, stranger, tmp_path):
    """Against the scores of the original, which takes raw pixels: the range of the copy is its own."""
    result = fmnist("parity", stranger(), "--reference", TINY / "reference.npz", "--json", "parity.json")
    assert result.returncode == 0, result.stdout + result.stderr
    [model] = json.loads((tmp_path / "parity.json").read_text())["candidates"]
    assert model["answers"]["agreement"] > 0.9995
    assert model["input_range"] == "0-1"


def test_classes_by_other_names_are_named_as_the_originals(fmnist, tmp_path):
    names = [f"garment {letter}" for letter in "abcdefghij"]
    path = tmp_path / "stranger.tflite"
    path.write_bytes(with_metadata(tflite(), (0,), (255,), "\n".join(names).encode()))
    (tmp_path / "names.txt").write_text("\n".join(json.loads((TINY / "train.json").read_text())["labels"]))
    reference = ("--reference", TINY / "reference.npz")
    refused = fmnist("parity", path, *reference)
    assert refused.returncode == 1
    assert "or its classes as there with --labels" in refused.stderr
    result = fmnist("parity", path, *reference, "--labels", "names.txt")
    assert result.returncode == 0, result.stderr


def test_bench_times_it_on_its_own_input(fmnist, stranger, tmp_path):
    result = fmnist(
        "bench", stranger(), *FASHION, "--duration", "0.1", "--processes", "2", "--json", "bench.json"
    )
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "bench.json").read_text())
    [model] = record["models"]
    assert (model["input_range"], model["range_known_from"]) == ("0-1", "labelled images")


def test_inspect_shows_the_contract_and_where_it_is_known_from(fmnist, stranger, tmp_path):
    unknown = fmnist("inspect", stranger(shape=(28, 28, 1)), "--json", "one.json")
    assert "input" in unknown.stdout
    assert "28×28×1 (HWC), float32" in unknown.stdout
    assert "of an unknown range; name it with --input-range" in unknown.stdout
    contract = json.loads((tmp_path / "one.json").read_text())["contract"]
    assert contract == {
        "range": None,
        "known_from": "",
        "layout": "HWC",
        "dtype": "float32",
        "shape": [28, 28, 1],
    }
    known = fmnist("inspect", stranger(integers=(INT8, 1 / 255, -128)))
    assert "0-1, known from its integer input" in known.stdout
    sealed = fmnist("inspect", TINY / "export" / "model-int8.tflite")
    assert "0-255, known from its seal" in sealed.stdout


def test_a_range_for_what_is_sealed_is_said_not_to_count(fmnist):
    result = fmnist("eval", TINY / "export" / "model-int8.tflite", "--input-range", "0-1")
    assert result.returncode == 0
    assert "takes pixels of 0-255, known from its seal; --input-range is not for it" in result.stderr


@pytest.mark.parametrize(
    ("range", "complaint"),
    [
        ("0..1", "is not an input range; examples are 0-255, 0-1, -1-1"),
        ("mean=127.5,std=127.5", "mean and std are of pixels 0-1: mean=0.5,std=0.5"),
        ("mean=0.5,std=0", "has a deviation of 0"),
        ("1-1", "black and white are different numbers"),
    ],
)
def test_what_is_no_range_is_usage(range, complaint, fmnist, stranger):
    result = fmnist("eval", stranger(), *FASHION, "--input-range", range)
    assert result.returncode == 2
    assert complaint in " ".join(result.stderr.split())


def test_a_keras_model_from_elsewhere_is_asked_too(fmnist, tmp_path):
    keras = pytest.importorskip("keras")
    from support.strangers import weights

    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    model.set_weights(weights("-1-1"))
    model.save(tmp_path / "stranger.keras")
    result = fmnist("eval", "stranger.keras", *FASHION)
    assert result.returncode == 0, result.stderr
    assert accuracy(result) == pytest.approx(RIGHT, abs=0.02)
    assert "takes pixels of -1-1, the best of 9 ranges on" in result.stderr
