"""Make the models that `fmnist doctor` runs; needs the training stack, the doctor does not.

Run from the repository's root: .venv/bin/python toolkit/fmnist/devices/doctor/models/generate.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from fmnist_exporters.export import Exporter, Source
from fmnist_exporters.recipes import select_recipes
from fmnist_runtime.data.datasets import Dataset

_LABELS = ("upper left", "upper right", "lower left", "lower right")
_QUARTERS = np.kron(np.arange(4).reshape(2, 2), np.ones((2, 2), int)).ravel()
"""The quarter that each pixel of a 4×4 image lies in."""


def main() -> None:
    """Export a network that says which quarter of an image is the brightest, by weights set by hand."""
    import keras

    mean = np.eye(4)[_QUARTERS] / 4
    sharpen = np.eye(4) / 16  # so that a difference of 16 levels makes e times the odds
    layers = [keras.layers.Flatten(), keras.layers.Dense(4, "relu"), keras.layers.Dense(4, "softmax")]
    model = keras.Sequential([keras.Input((4, 4)), *layers])
    model.set_weights([mean, np.zeros(4), sharpen, np.zeros(4)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        exporter = Exporter(Source(path, "0-255", "quarters", "", _LABELS, _images), force=True)
        for recipe in select_recipes("all", "float32"):
            exporter.export(recipe, Path(__file__).with_name(f"model.{recipe.format}"))


def _images() -> Dataset:
    """Noise, one quarter of which is a little brighter."""
    random = np.random.default_rng(0)
    targets = random.integers(0, 4, 1000).astype(np.uint8)
    brighter = 32 * (targets[:, np.newaxis] == _QUARTERS)
    pixels = random.integers(0, 224, (1000, 16)) + brighter
    return Dataset("quarters", "train", pixels.astype(np.uint8).reshape(-1, 4, 4), targets, _LABELS)


if __name__ == "__main__":
    main()
