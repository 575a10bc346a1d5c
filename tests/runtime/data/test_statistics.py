"""Statistics of training images, and which pictures are unlike them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from support import DATA

from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.data.statistics import FIGURES, image_statistics, measure, parse_statistics


def sure(images):
    """Scores of a model that is sure of everything, so that the images alone decide."""
    return np.tile(np.array([0.98, 0.02], np.float32), (len(images), 1))


@pytest.fixture(scope="module")
def garments(t10k):
    train = load_dataset("fashion-mnist", "train", DATA).images
    return image_statistics(train, sure(train))


def share(statistics, images):
    return np.mean([bool(reasons) for reasons in statistics.unlike(images, sure(images))])


def test_figures_by_hand():
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 1:3, 1:3] = 160
    [row] = measure(image)
    # 4 of 16 pixels; 8 of 24 differences of neighbours; no pixel of the border; 2 of 4 rows.
    contrast = np.sqrt(160**2 * (1 / 4) * (3 / 4))
    expected = [40, contrast, 0, 1 / 2, 160 / 3 / contrast, 0, 160]
    assert row == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(measure(np.repeat(image[..., None], 3, axis=3)), measure(image))


def test_few_of_the_same_kind_and_most_of_others_are_marked(garments, t10k):
    digits = load_dataset("mnist", "test", DATA).images
    noise = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), np.uint8)
    assert share(garments, t10k.images) <= 0.01
    for others in (255 - t10k.images, np.maximum(t10k.images, 55), noise, digits, 255 - digits):
        assert share(garments, others) >= 0.9


def test_digits_know_garments(t10k):
    train, test = (load_dataset("mnist", split, DATA).images for split in ("train", "test"))
    digits = image_statistics(train, sure(train))
    assert share(digits, test) <= 0.01
    for others in (255 - test, np.maximum(test, 55), t10k.images, 255 - t10k.images):
        assert share(digits, others) >= 0.9


def test_reasons_are_named(garments, t10k):
    negative = 255 - t10k.images[:1]
    [reasons] = garments.unlike(negative, sure(negative))
    assert any(reason.startswith("border 2") for reason in reasons)
    unsure = np.full((1, 10), 0.1, np.float32)
    [reasons] = garments.unlike(t10k.images[:1], unsure)
    assert [reason.split()[0] for reason in reasons] == ["probability"]


@pytest.mark.parametrize("count", [1, 2, 10, 100])
def test_few_training_images(t10k, count):
    """Their limits are wide, and hold at least the images themselves."""
    images = t10k.images[:count]
    statistics = image_statistics(images, sure(images))
    assert not any(statistics.unlike(images, sure(images)))
    assert any(statistics.unlike(255 - images, sure(images)))


def test_a_record_gives_the_same(garments, t10k):
    again = parse_statistics(asdict(garments))
    assert again == garments
    for damage in (
        {"low": [1.0]},
        {"precision": []},
        {"distance": float("nan")},
        {"mean": ["a"] * len(FIGURES)},
    ):
        with pytest.raises((ValueError, TypeError)):
            parse_statistics(asdict(garments) | damage)
