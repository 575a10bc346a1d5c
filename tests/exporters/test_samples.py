"""Which training images an export calibrates on, is checked on, and lets its artifacts carry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import DATA

from fmnist_exporters.samples import choose_golden, split_images, subset
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.errors import DatasetError


@pytest.fixture(scope="module")
def training() -> Dataset:
    return load_dataset("fashion-mnist", "train", DATA)


def test_every_class_is_there_alike(training):
    samples = split_images(training)
    assert np.bincount(training.targets[samples.calibration]).tolist() == [50] * 10
    assert np.bincount(training.targets[samples.held_out]).tolist() == [1000] * 10


def test_none_is_in_both(training):
    samples = split_images(training)
    assert set(samples.calibration).isdisjoint(samples.held_out)


def test_the_choice_is_always_the_same(training):
    first, second = split_images(training), split_images(training)
    assert np.array_equal(first.calibration, second.calibration)
    assert np.array_equal(first.held_out, second.held_out)
    assert np.all(np.diff(first.calibration) > 0)


def test_a_rare_class_is_not_left_out(training):
    """One image of class 3 among 600 others."""
    others = np.flatnonzero(training.targets != 3)[:600]
    few = subset(training, np.append(others, np.flatnonzero(training.targets == 3)[0]))
    samples = split_images(few)
    chosen = np.concatenate([samples.calibration, samples.held_out])
    assert 600 in chosen
    assert len(samples.calibration) == 300


@pytest.mark.parametrize(
    ("images", "calibration", "held_out"), [(1, 1, 1), (2, 1, 1), (3, 1, 2), (999, 499, 500)]
)
def test_few_images_are_shared_out(training, images, calibration, held_out):
    samples = split_images(subset(training, np.arange(images)))
    assert (len(samples.calibration), len(samples.held_out)) == (calibration, held_out)


def test_no_images_are_an_error(training):
    nothing = replace(training, images=training.images[:0], targets=training.targets[:0])
    with pytest.raises(DatasetError, match="fashion-mnist: has no training images"):
        split_images(nothing)


def test_golden_images_are_of_several_classes_and_not_too_sure():
    targets = np.array([0, 0, 1, 1, 2, 3], np.uint8)
    best = np.array([0.81, 0.99, 0.5, 0.79, 1.0, 0.7], np.float32)
    scores = np.stack([best, 1 - best], axis=1)
    scores.sort(axis=1)
    images = np.zeros((6, 28, 28), np.uint8)
    assert choose_golden(images, targets, scores) == [0, 3, 5]


@pytest.mark.parametrize(("shape", "count"), [((28, 28), 3), ((32, 32, 3), 1), ((96, 96, 3), 1), ((8, 8), 3)])
def test_golden_images_take_little_room(shape, count):
    scores = np.full((10, 2), 0.5, np.float32)
    images = np.zeros((10, *shape), np.uint8)
    assert len(choose_golden(images, np.zeros(10, np.uint8), scores)) == count
