"""Originals of every input range: found out, checked, or said; and what has learned nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from support import DATA
from support.artifacts import BY_NAME, FLOAT32, SOURCE

from fmnist_exporters.export import Artifact, Exporter, Source
from fmnist_runtime import load
from fmnist_runtime.artifact.contract import parse_range
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.errors import FmnistError, ModelError, UnknownInputError

RANGES = ("0-255", "0-1", "-1-1", "1-0", "mean=0.286,std=0.353")
COLOUR_RANGES = ("mean=0.485,0.456,0.406,std=0.229,0.224,0.225", "-1-1:bgr")


@pytest.fixture(scope="module")
def grey() -> Dataset:
    whole = load_dataset("fashion-mnist", "train", DATA)
    return replace(whole, images=whole.images[:12_000], targets=whole.targets[:12_000])


@pytest.fixture(scope="module")
def colour(grey: Dataset) -> Dataset:
    """Garments of which each class has a colour of its own, so that blue is not red."""
    tints = np.random.default_rng(0).integers(60, 256, (10, 1, 1, 3))[grey.targets]
    images = (grey.images[:, ::2, ::2, np.newaxis].astype(np.int64) * tints // 255).astype(np.uint8)
    return replace(grey, images=images)


def network(shape: tuple[int, ...], bias: bool = True) -> keras.Model:
    keras.utils.set_random_seed(0)
    hidden = [layers.Dense(32, "relu", use_bias=bias)] if bias else []
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            *hidden,
            layers.Dense(10, "softmax", use_bias=bias),
        ]
    )


def trained(model: keras.Model, data: Dataset, range: str, path: Path) -> Path:
    pixels = parse_range(range)
    images = data.images[..., ::-1] if pixels.bgr else data.images
    values = images * np.array(pixels.scale) + np.array(pixels.offset)
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy")
    model.fit(values, data.targets, epochs=2, batch_size=64, verbose=0)
    model.save(path)
    return path


def source(path: Path, data: Dataset, input_range: str | None = None, **more: object) -> Source:
    return replace(SOURCE, path=path, input_range=input_range, load_training=lambda: data, **more)


def export(source: Source, notes: list[str] | None = None, recipes: Sequence = (FLOAT32,)) -> list[Artifact]:
    tell = (notes if notes is not None else []).append
    targets = {recipe: recipe.artifact_path("own", source.path.parent / "export") for recipe in recipes}
    results = dict(Exporter(source, tell=tell).export_all(targets))
    for result in results.values():
        if isinstance(result, FmnistError):
            raise result
    return [results[recipe] for recipe in recipes]


def accuracy(artifact: Artifact, data: Dataset) -> float:
    """Of raw pixels, which an artifact takes whatever its original did."""
    with load(artifact.path) as session:
        return float((session.scores(data.images).argmax(axis=1) == data.targets).mean())


@pytest.mark.parametrize("range", RANGES)
def test_the_range_is_found_and_put_in_front(range, grey, tmp_path):
    path = trained(network((28, 28)), grey, range, tmp_path / "own.keras")
    notes: list[str] = []
    recipes = [FLOAT32, BY_NAME["tflite", "int8"], BY_NAME["onnx", "int8"]]
    artifacts = export(source(path, grey), notes, recipes)
    assert {artifact.metadata.source_range for artifact in artifacts} == {range}
    assert notes == [] if range == "0-255" else notes[0].startswith(f"{path}: takes pixels of {range}, ")
    right = artifacts[0].metadata.proof["reference_accuracy"]
    assert right > 0.5
    assert min(accuracy(artifact, grey) for artifact in artifacts) > right - 0.02
    assert [artifact.kept for artifact in export(source(path, grey), recipes=recipes)] == [True] * 3


@pytest.mark.parametrize("range", COLOUR_RANGES)
def test_colour_has_a_range_for_each_channel_and_an_order(range, colour, tmp_path):
    path = trained(network((14, 14, 3)), colour, range, tmp_path / "own.keras")
    artifacts = export(source(path, colour), recipes=[FLOAT32, BY_NAME["onnx", "float32"]])
    assert {artifact.metadata.source_range for artifact in artifacts} == {range}
    assert min(accuracy(artifact, colour) for artifact in artifacts) > 0.85


def test_one_as_a_browser_trains_it_is_not_taken_for_another(grey, tmp_path):
    """An .h5 of -1 to 1: both ranges that its user may name by mistake are refused with the right one."""
    path = trained(network((28, 28, 1)), grey, "-1-1", tmp_path / "own.h5")
    for wrong in ("0-255", "0-1"):
        with pytest.raises(UnknownInputError, match="such as --input-range -1-1"):
            export(source(path, grey, wrong))
    assert accuracy(export(source(path, grey, "-1-1"))[0], grey) > 0.75


def test_where_the_scale_makes_no_difference_to_classes_the_users_word_counts(grey, tmp_path):
    """A linear model without biases: 0-255 is usual, and said; what the user names is taken."""
    path = trained(network((28, 28), bias=False), grey, "0-255", tmp_path / "own.keras")
    notes: list[str] = []
    assert export(source(path, grey), notes)[0].metadata.source_range == "0-255"
    [note] = notes
    assert "takes pixels of 0-255, as is usual: it gives the same classes, and other probabilities" in note
    assert "name the one it was trained on with --input-range" in note
    assert export(source(path, grey, "0-1"), notes)[0].metadata.source_range == "0-1"
    assert len(notes) == 1


def test_what_is_always_of_one_answer_is_exported_on_demand_alone(grey, tmp_path):
    model = network((28, 28))
    kernel, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([0 * kernel, bias - 1])
    model.save(tmp_path / "own.keras")
    with pytest.raises(ModelError) as refused:
        export(source(tmp_path / "own.keras", grey))
    assert "held-out training images right, and always naming one class" in str(refused.value)
    assert str(refused.value).endswith("or export it all the same with --allow-chance")
    assert not (tmp_path / "export").exists()
    [artifact] = export(source(tmp_path / "own.keras", grey, allow_chance=True))
    assert artifact.metadata.proof["reference_accuracy"] <= artifact.metadata.proof["largest_class"]
    with pytest.raises(ModelError, match="--allow-chance"):  # what is there is not kept without it, either
        export(source(tmp_path / "own.keras", grey))
