"""Grids of images: what is above and below each, and which images they are."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from support import TINY
from support.drawn import parse

from fmnist.figures.grids import (
    changed_picture,
    colour_weights,
    confident_mistakes,
    first_answers,
    predictions_picture,
    sample_picture,
    weights_picture,
)
from fmnist.models.inspect import unit_images
from fmnist_runtime.parity import Gate, compare
from fmnist_runtime.parity.changes import Flips
from fmnist_runtime.recorded import Reference, read_reference

REFERENCE = read_reference(TINY / "reference.npz")
NAMES = ("model.keras", "model-int8-full.tflite")


def flips_of(*rows: tuple[int, int, int, int, float, float]) -> Flips:
    return Flips(*zip(*rows, strict=True))


def lines(svg) -> list[tuple[str, str]]:
    """Every line of text below the title, with its class."""
    return [(each.text, each.get("class").split()[-1]) for each in svg.iter("text")][1:]


def pixels(svg) -> list[np.ndarray]:
    uris = [each.get("href") for each in svg.iter("image")]
    contents = [base64.b64decode(uri.removeprefix("data:image/png;base64,")) for uri in uris]
    return [np.asarray(Image.open(io.BytesIO(content))) for content in contents]


def assert_apart(svg) -> None:
    """No caption is cut off, or reaches into the next one of its row."""
    ends: dict[float, float] = {}
    [grid] = [each for each in svg.iter("svg") if each.get("x")]
    width = float(grid.get("width"))
    for each in grid.iter("text"):
        bold = "caption" in each.get("class")
        letters = sum(2 if "上" <= letter <= "衣" else 1 for letter in each.text)
        half, x, y = (7 if bold else 6) * letters / 2, float(each.get("x")), float(each.get("y"))
        assert x - half >= ends.get(y, -7)
        ends[y] = x + half
        assert ends[y] <= width + 7


def test_predictions_have_class_probability_and_a_mark(t10k):
    svg = parse(predictions_picture(t10k.images, first_answers(REFERENCE, 20), "what they are"))
    said = lines(svg)
    assert next(svg.iter("text")).text == "what they are"
    assert len(said) == 40
    for number, (above, below) in enumerate(zip(said[::2], said[1::2], strict=True)):
        scores, true = REFERENCE.scores[number], t10k.labels[t10k.targets[number]]
        right = t10k.labels[scores.argmax()] == true
        label = f"{t10k.labels[scores.argmax()]} {100 * scores.max():.1f}%"
        assert above == (f"{'✓' if right else '✗'} {label}", "good" if right else "bad")
        assert below == (f"is {true} · no. {number}", "tick")
    for number, shown in enumerate(pixels(svg)):
        assert np.array_equal(shown, t10k.images[number])
    assert_apart(svg)


def test_mistakes_come_with_the_highest_confidence_first():
    answers = confident_mistakes(REFERENCE, 20)
    assert len({answer.image for answer in answers}) == 20
    assert not any(answer.right or answer.predicted == answer.true for answer in answers)
    wrong = REFERENCE.scores.argmax(axis=1) != REFERENCE.targets
    expected = sorted(REFERENCE.scores[wrong].max(axis=1), reverse=True)[:20]
    assert [answer.probability for answer in answers] == [float(value) for value in expected]


def test_a_sample_has_every_image_under_its_name(t10k):
    svg = parse(sample_picture(t10k, 25))
    assert [words for words, _ in lines(svg)] == [t10k.labels[target] for target in t10k.targets[:25]]
    assert np.array_equal(pixels(svg), t10k.images[:25])


def test_changed_answers_have_answers_margins_and_a_mark_the_surest_first(t10k):
    flips = flips_of(
        (3, 0, 1, 0, 0.02, 0.25),
        (7, 2, 2, 6, 0.5049, 0.75),
        (8, 0, 4, 6, 0.25, 0.0),
        (9, 0, 0, 6, 0.25, 0.125),
    )
    svg = parse(changed_picture(t10k.images, flips, t10k.labels, NAMES))
    assert next(svg.iter("text")).text == "model-int8-full.tflite against model.keras"
    about, said = lines(svg)[:2], lines(svg)[2:]
    assert [words for words, _ in about] == [
        "4 of 4 changed answers, with their margins; largest margin of the original first",
        "✗ 2 worse, ✓ 1 better, · 1 wrong to wrong",
    ]
    assert said == [
        ("was Pullover by 0.505", "bad"),
        ("✗ now Shirt by 0.750", "bad"),
        ("is Pullover · no. 7", "tick"),
        ("was Coat by 0.250", "tick"),
        ("· now Shirt in a tie", "tick"),
        ("is T-shirt/top · no. 8", "tick"),
        ("was T-shirt/top by 0.250", "bad"),
        ("✗ now Shirt by 0.125", "bad"),
        ("is T-shirt/top · no. 9", "tick"),
        ("was Trouser by 0.020", "good"),
        ("✓ now T-shirt/top by 0.250", "good"),
        ("is T-shirt/top · no. 3", "tick"),
    ]
    assert np.array_equal(pixels(svg), t10k.images[[7, 8, 9, 3]])


def test_changed_answers_end_at_30_and_the_title_counts_all(t10k):
    other = np.roll(REFERENCE.scores, 1, axis=1)
    parity = compare(REFERENCE.scores, other, REFERENCE.targets, Gate(0.01))
    flips, answers = parity.changes.flips, parity.answers
    said = [words for words, _ in lines(parse(changed_picture(t10k.images, flips, t10k.labels, NAMES)))]
    assert said[0].startswith(f"30 of {len(flips.images):,} changed answers, ")
    assert said[1] == (
        f"✗ {answers.worse:,} worse, ✓ {answers.better:,} better, · {answers.wrong_to_wrong:,} wrong to wrong"
    )
    second, first = np.sort(REFERENCE.scores, axis=1)[:, -2:].astype(float).T
    surest = sorted(flips.images, key=lambda image: -(first - second)[image])[:30]
    assert [int(words.rpartition(" ")[2]) for words in said[4::3]] == surest


def test_images_in_colour_and_large_ones(t10k):
    images = np.stack([t10k.images[:2], t10k.images[2:4], t10k.images[4:6]], axis=-1)
    svg = parse(changed_picture(images, flips_of((1, 0, 0, 1, 0.5, 0.5)), t10k.labels, NAMES))
    assert np.array_equal(pixels(svg)[0], images[1])
    large = np.zeros((1, 600, 300, 3), np.uint8)
    svg = parse(changed_picture(large, flips_of((0, 0, 0, 1, 0.5, 0.5)), t10k.labels, NAMES))
    assert pixels(svg)[0].shape == (128, 64, 3)


def test_long_and_odd_names_stay_in_their_place(t10k):
    labels = ("an uncommonly long name of a class", "$1 bill & <b>", "上衣" * 20, *"3456789")
    rows = [(image, image % 3, image % 3, (image + 1) % 3, 0.5, 0.0) for image in range(6)]
    svg = parse(changed_picture(t10k.images, flips_of(*rows), labels, ("$a$" * 40, "b" * 250)))
    assert_apart(svg)
    for each in svg.iter("text"):
        assert float(each.get("x")) + 4 * len(each.text) <= float(svg.get("width"))
    reference = Reference(**{**vars(REFERENCE), "labels": labels})
    assert_apart(parse(predictions_picture(t10k.images, first_answers(reference, 20), "$title")))


def test_weights_are_drawn_before_and_after_each_on_its_own_scale():
    random = np.random.default_rng(0)
    before, after = random.normal(0, 0.1, (16, 28, 28)), random.normal(0, 1, (30, 28, 28))
    svg = parse(weights_picture(before.astype(np.float32), after.astype(np.float32)))
    said = [words for words, _ in lines(svg)]
    assert [words for words in said if "training" in words] == [
        "before training (16 of 16 units)",
        "after training (24 of 30 units)",
    ]
    shown = pixels(svg)
    units = [picture for picture in shown if picture.shape == (28, 28, 3)]
    assert len(units) == 16 + 24
    limits = [np.percentile(np.abs(block), 99.5) for block in (before, after[:24])]
    assert [words for words in said if words.startswith("≥")] == [f"≥ {limit:.2g}" for limit in limits]
    expected = colour_weights((before / limits[0]).astype(np.float32))
    assert np.abs(np.array(units[:16], int) - expected).max() <= 1


def test_colours_of_weights():
    weights = np.array([-9.0, -1.0, 0.0, 1.0, np.nan])
    low, lowest, zero, high, unknown = colour_weights(weights).tolist()
    assert low == lowest == [0, 114, 178]
    assert zero == [255, 255, 255]
    assert high == [213, 94, 0]
    assert unknown == [128, 128, 128]


@pytest.mark.parametrize("value", [0, np.nan])
def test_weights_that_show_nothing_are_drawn_all_the_same(value):
    svg = parse(weights_picture(None, np.full((3, 28, 28), value, np.float32)))
    assert lines(svg)[0][0] == "after training (3 of 3 units)"
    assert len({shown.tobytes() for shown in pixels(svg)[:3]}) == 1


def test_a_unit_is_shown_as_the_pixels_lie():
    """Weight of row 3, column 5 of unit 1 stands there in its image."""
    kernel = np.zeros((28 * 28, 2), np.float32)
    kernel[3 * 28 + 5, 1] = 7
    images = unit_images(kernel, (28, 28))
    assert images.shape == (2, 28, 28)
    assert np.argwhere(images).tolist() == [[1, 3, 5]]
