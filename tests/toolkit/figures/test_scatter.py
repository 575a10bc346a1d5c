"""Probabilities of a model against those of its original."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from support import TINY
from support.drawn import of_class, parse

from fmnist.figures.scatter import count_points, scatter_picture
from fmnist_runtime import load
from fmnist_runtime.parity import Gate, compare
from fmnist_runtime.recorded import read_reference

REFERENCE = read_reference(TINY / "reference.npz")
NAMES = ("model.keras", "model-int8-full.tflite")


@pytest.fixture(scope="module")
def int8_full(t10k) -> np.ndarray:
    with load(TINY / "export" / "model-int8-full.tflite") as session:
        return session.scores(t10k.images)


@pytest.fixture(scope="module")
def parity(int8_full):
    return compare(REFERENCE.scores, int8_full, REFERENCE.targets, Gate(0.01))


def texts(svg) -> str:
    return "\n".join(each.text for each in svg.iter("text") if each.text)


def layers(svg) -> list[np.ndarray]:
    """The pixels of both layers."""
    uris = [each.get("href") for each in svg.iter("image")]
    pictures = [base64.b64decode(uri.removeprefix("data:image/png;base64,")) for uri in uris]
    return [np.asarray(Image.open(io.BytesIO(content))) for content in pictures]


def test_every_probability_is_counted_where_it_lies(int8_full):
    points = count_points(REFERENCE.scores, int8_full)
    assert points.sum() == 100_000
    near = np.rint(np.stack([REFERENCE.scores, int8_full]).astype(float) * 512).astype(int)
    assert points[512, 0] == (near == 0).all(axis=0).sum()
    filled = {(512 - row, column) for row, column in np.argwhere(points).tolist()}
    assert filled == {(int(y), int(x)) for x, y in near.reshape(2, -1).T}
    levels = {row / 512 for row, _ in filled}
    assert levels == set(np.unique(int8_full).astype(float))  # each of the levels is a row of its own


def test_a_probability_a_little_above_1_counts_as_1():
    assert count_points(np.array([[1.0]], np.float32), np.array([[1.0004]], np.float32))[0, 512] == 1


def test_layers_show_where_any_are_and_how_many(parity, int8_full):
    svg = parse(scatter_picture(REFERENCE.scores, int8_full, parity.changes.flips, NAMES))
    any_there, how_many = layers(svg)
    points = count_points(REFERENCE.scores, int8_full)
    assert np.array_equal(any_there == 255, points > 0)
    expected = 255 * np.log(np.maximum(points, 1)) / np.log(points.max())
    assert np.abs(how_many - expected).max() <= 0.5
    for layer in ("few", "many"):
        drawn = [each for each in of_class(svg, layer) if each.get("mask")]
        assert [each.get("mask") for each in drawn] == [f"url(#mask-{layer})"]


def test_what_is_drawn_is_said(parity, int8_full):
    flips = parity.changes.flips
    svg = parse(scatter_picture(REFERENCE.scores, int8_full, flips, NAMES))
    difference = parity.probabilities.max_difference
    said = texts(svg)
    assert said.startswith(f"100,000 probabilities, largest difference {difference:.2g}\n")
    assert "Across: probability from model.keras. Upwards: probability from model-int8-full.tflite." in said
    assert f"◇ changed answers: {len(flips.images)}, at the class that the original gave." in said
    [marks] = of_class(svg, "flips")
    entries = list(flips.images), list(flips.reference)
    places = {
        (round(48 + 768 * float(x), 1), round(10 + 768 * (1 - float(y)) - 4, 1))
        for x, y in zip(REFERENCE.scores[entries], int8_full[entries], strict=True)
    }
    found = {(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)", marks.get("d"))}
    assert found == places


@pytest.mark.parametrize("classes", [2, 26])
def test_extremes_are_drawn(classes):
    """Of two images, a model that says the same of both, and one that is the original."""
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(classes), 2).astype(np.float32)
    targets, collapsed = np.array([0, 1], np.uint8), np.eye(classes, dtype=np.float32)[[-1, -1]]
    for candidate in (collapsed, scores):
        flips = compare(scores, candidate, targets, Gate(0.01)).changes.flips
        svg = parse(scatter_picture(scores, candidate, flips, NAMES))
        assert f"{2 * classes} probabilities" in texts(svg)
