"""`fmnist train --resume` with a model from elsewhere, which may know other pixels than 0-255."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from support import DATA, run_fmnist

from fmnist_runtime.data.datasets import load_dataset

SCALINGS = {"0-1": (255, 0), "-1-1": (127.5, -1)}
"""What pixels are divided by, and what is added, to get to a range."""


def dense(*first: keras.layers.Layer) -> keras.Model:
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dense(32, "relu"),
        keras.layers.Dense(10, "softmax"),
    ]
    model = keras.Sequential([keras.Input((28, 28)), *first, *layers])
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[str, Path]:
    """A file for each range, trained on pixels scaled outside of it, until similar ranges differ."""
    training = load_dataset("fashion-mnist", "train", DATA)
    paths = {}
    for name, (divisor, offset) in SCALINGS.items():
        keras.utils.set_random_seed(0)
        model = dense()
        model.fit(training.images[:20000] / divisor + offset, training.targets[:20000], epochs=3, verbose=0)
        paths[name] = tmp_path_factory.mktemp("trained") / "own.keras"
        model.save(paths[name])
    return paths


def accuracy(path: Path, divisor: float = 1, offset: float = 0) -> float:
    test = load_dataset("fashion-mnist", "test", DATA)
    scores = keras.saving.load_model(path).predict(test.images / divisor + offset, verbose=0)
    return float((scores.argmax(axis=1) == test.targets).mean())


@pytest.mark.parametrize("name", SCALINGS)
def test_one_of_other_pixels_is_refused_and_the_line_to_type_mends_it(tmp_path, trained, fmnist, name):
    """An epoch on all 60,000 images, after three on 20,000, makes the mended model better, not worse."""
    path = Path(shutil.copy(trained[name], tmp_path / "own.keras"))
    refused = fmnist("train", "--resume", "own.keras", "--epochs", 1)
    assert refused.returncode == 1
    line = refused.stderr.splitlines()[-1]
    assert line.startswith(f"fmnist: own.keras: takes pixels of {name}, the best of 9 ranges on ")
    assert f"so put the scaling into the model: --resume own.keras --input-range {name}" in line
    assert "Traceback" not in refused.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.keras"]

    before = accuracy(path, *SCALINGS[name])
    resumed = fmnist("train", *shlex.split(line[line.index("--resume own") :]), "--epochs", 1)
    assert resumed.returncode == 0, resumed.stderr
    assert accuracy(tmp_path / "runs" / "fashion-mnist" / "model.keras") > before  # it takes raw pixels


def test_an_input_range_is_for_a_model_from_elsewhere(tiny, fmnist):
    for arguments, line in (
        (
            ("--resume", "runs/tiny", "--epochs", 9),
            "was trained here, on raw pixels; leave out --input-range",
        ),
        ((), "--input-range: is of a model to --resume"),
    ):
        refused = fmnist("train", *arguments, "--input-range", "0-1")
        assert refused.returncode in (1, 2)
        assert line in refused.stderr


def test_a_schedule_of_its_own_is_followed(tmp_path):
    """Keras refuses to set the rate of an optimizer that has a schedule."""
    model = dense(keras.layers.Rescaling(1 / 255))
    schedule = keras.optimizers.schedules.ExponentialDecay(0.001, 1000, 0.5)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    model.save(tmp_path / "own.keras")
    result = run_fmnist(tmp_path, "train", "--resume", "own.keras", "--epochs", 1)
    assert result.returncode == 0, result.stderr
    kept = keras.saving.load_model(tmp_path / "runs" / "fashion-mnist" / "model.keras").optimizer
    assert int(kept.iterations) == 1688  # 54,000 images in batches of 32
    # Halved every 1,000 steps: 0.001 * 0.5 ** 1.688, in float32.
    assert float(kept.learning_rate) == pytest.approx(0.001 * 0.5**1.688, rel=1e-5)


def test_one_that_lies_beside_a_runs_model_is_not_that_runs(tiny, trained, fmnist):
    shutil.copy(trained["0-1"], tiny / "own.keras")
    refused = fmnist("train", "--resume", "runs/tiny/own.keras", "--epochs", 9)
    assert refused.returncode == 1
    assert "own.keras: takes pixels of 0-1, the best of 9 ranges on " in refused.stderr


@pytest.mark.parametrize(
    "first",
    [(), (keras.layers.Rescaling(1 / 255),), (keras.layers.BatchNormalization(),)],
    ids=["untrained", "scaling inside", "normalising"],
)
def test_one_without_another_range_is_gone_on_with(tmp_path, first):
    model = dense(*first)
    if first:
        training = load_dataset("fashion-mnist", "train", DATA)
        model.fit(training.images[:6000].astype(np.float32), training.targets[:6000], epochs=2, verbose=0)
    model.save(tmp_path / "own.keras")
    result = run_fmnist(tmp_path, "train", "--resume", "own.keras", "--epochs", 1)
    assert result.returncode == 0, result.stderr
    assert "continuing after epoch 0" in result.stderr
