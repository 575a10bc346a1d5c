"""`fmnist train --resume` with a model from elsewhere, which may know other pixels than 0-255."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
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
    assert "; training takes 0-255, so put the scaling into the model and --resume the file" in line
    assert "Traceback" not in refused.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.keras"]

    python, *arguments = shlex.split(line[line.index("python -c") :])
    assert python == "python"
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, check=True, capture_output=True)
    mended = tmp_path / "own-raw.keras"
    before = accuracy(path, *SCALINGS[name])
    assert accuracy(mended) == pytest.approx(before, abs=0.001)  # rounding may turn ten of 10,000 answers
    resumed = fmnist("train", "--resume", "own-raw.keras", "--epochs", 1)
    assert resumed.returncode == 0, resumed.stderr
    assert accuracy(tmp_path / "runs" / "fashion-mnist" / "model.keras") > before


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
