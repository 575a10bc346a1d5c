"""Photographs of digits and of garments, answered by the default runs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support import DATA
from support.photographs import BACKGROUNDS, pen, set_in_type, shop, telephone, written

from fmnist_runtime.data.datasets import load_dataset

pytest.importorskip("tensorflow")
SLANTS = (0.0, 0.15, 0.3, -0.1)


def train(fmnist, dataset):
    assert fmnist("train", "--dataset", dataset).returncode == 0
    assert fmnist("export", "--quantize", "int8").returncode == 0


def answers(fmnist, *arguments):
    result = fmnist("predict", *arguments, "--as", "jsonl", "--top", 1)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def is_right(answer, labels):
    """Whether the answer is the class whose number begins the file's name."""
    return labels.index(answer["predictions"][0]["label"]) == int(Path(answer["file"]).name[0])


def test_photographs_of_digits(fmnist, tmp_path):
    """By pen, brush and type, on paper in uneven light, of 12 megapixels, and turned by EXIF."""
    train(fmnist, "mnist")
    digits = load_dataset("mnist", "test", DATA)
    random = np.random.default_rng(7)
    (tmp_path / "photos").mkdir()
    for number in range(50):
        digit = number % 10
        chosen = digits.images[random.choice(np.flatnonzero(digits.targets == digit))]
        draw = (
            partial(written, chosen),
            partial(pen, digit, random),
            partial(set_in_type, digit, SLANTS[number % 4]),
        )[number // 10 % 3]
        (tmp_path / "photos" / f"{digit}-{number}.jpg").write_bytes(telephone(draw, random))
    found = answers(fmnist, "photos")
    assert all(answer["inverted"] for answer in found)
    wrong = [answer for answer in found if not is_right(answer, digits.labels)]
    assert len(found) == 50
    assert len(wrong) <= 5, wrong


def test_photographs_of_garments(fmnist, tmp_path, t10k):
    """A background of another colour or size changes at most one answer in 20, or the picture is marked."""
    train(fmnist, "fashion-mnist")
    right = {}
    for background in BACKGROUNDS:
        folder = tmp_path / background
        folder.mkdir()
        for number in range(75):
            content = shop(t10k.images[number], background)
            (folder / f"{t10k.targets[number]}-{number}.jpg").write_bytes(content)
        found = answers(fmnist, folder)
        right[background] = sum(is_right(answer, t10k.labels) or bool(answer["unlike"]) for answer in found)
    assert all(count >= right["white square"] - 0.05 * 75 for count in right.values()), right
    assert right["white square"] >= 0.75 * 75  # of these, 84% of the originals are right

    # As the pixels are, they are not the model's input, and that is said.
    for answer in answers(fmnist, tmp_path / "light grey", "--preparation", "stretch"):
        assert any(reason.startswith("border") for reason in answer["unlike"])
    strict = fmnist("predict", tmp_path / "light grey", "--preparation", "stretch", "--strict")
    assert strict.returncode == 3
    assert "75 of 75 images are unlike the training images" in strict.stderr
    table = fmnist("predict", tmp_path / "light grey" / "9-0.jpg", "--preparation", "stretch").stdout
    assert "unlike training: " in table
