"""The confusion matrix as a drawing, and the list of the most frequent confusions."""

from __future__ import annotations

import numpy as np
from support import TINY
from support.drawn import HOSTILE, of_class, parse, titles

from fmnist.figures.confusion import confusion_picture, draw_confusion, most_confused
from fmnist_runtime.evaluate import evaluate
from fmnist_runtime.recorded import read_reference

REFERENCE = read_reference(TINY / "reference.npz")
EVALUATION = evaluate(REFERENCE.scores, REFERENCE.targets)


def numbers(svg) -> list[str]:
    return [each.text for each in svg.iter("text") if each.text.isdecimal()]


def test_every_cell_has_its_count_and_every_class_its_name():
    svg = parse(draw_confusion(EVALUATION.confusion, REFERENCE.labels))
    assert numbers(svg) == [str(count) for count in EVALUATION.confusion.ravel()]
    names = [each.text for each in svg.iter("text") if not each.text.isdecimal()]
    assert names == [name for label in REFERENCE.labels for name in (label, label)]
    right, wrong = of_class(svg, "right"), of_class(svg, "wrong")
    assert len(right) + len(wrong) == np.count_nonzero(EVALUATION.confusion)
    assert len(right) == np.count_nonzero(np.diag(EVALUATION.confusion))


def test_cells_are_told_and_deepen_with_their_count():
    svg = parse(draw_confusion(np.array([[90, 10], [40, 60]]), ["a", "b"]))
    assert titles(svg) == [
        "true class a, answer a: 90 of 100 images",
        "true class a, answer b: 10 of 100 images",
        "true class b, answer a: 40 of 100 images",
        "true class b, answer b: 60 of 100 images",
    ]
    opacities = [float(cell.get("fill-opacity")) for cell in of_class(svg, "cell")]
    assert opacities[0] > opacities[3] > 0
    assert opacities[2] == 2 * opacities[1] > 0  # as the square root of the count
    assert svg.get("aria-label") == "Confusion matrix of 2 classes: 150 of 200 answers are right."


def test_of_many_classes_colour_alone_tells():
    matrix = np.diag(np.arange(1, 61))
    svg = parse(draw_confusion(matrix, [f"class {index}" for index in range(60)]))
    assert numbers(svg) == []
    assert len(of_class(svg, "right")) == 60


def test_long_and_odd_names_stay_inside():
    svg = parse(draw_confusion(np.eye(len(HOSTILE), dtype=np.int64), HOSTILE))
    _, _, width, _ = map(float, svg.get("viewBox").split())
    rows = [each for each in of_class(svg, "tick") if each.get("text-anchor") == "end"]
    assert len(rows) == len(HOSTILE)
    for name in rows:
        letters = 11.5 if "上" in name.text else 6
        assert float(name.get("x")) - letters * len(name.text) >= 0
        assert len(name.text) <= 24
    [last] = [each for each in of_class(svg, "tick") if each.get("transform")][-1:]
    x = float(last.get("transform").removeprefix("translate(").split()[0])
    assert x + 0.5 * 12 * len(last.text) <= width  # rises by 60°


def test_a_file_has_the_matrix_under_its_title():
    svg = parse(confusion_picture(EVALUATION.confusion, REFERENCE.labels, "what it is of"))
    assert next(svg.iter("text")).text == "what it is of"
    assert numbers(svg) == [str(count) for count in EVALUATION.confusion.ravel()]


def test_the_most_frequent_confusions_come_first():
    found = most_confused(EVALUATION)
    assert [item.images for item in found] == sorted((item.images for item in found), reverse=True)
    first = found[0]
    assert first.images == EVALUATION.confusion[first.true, first.answer]
    assert first.share == first.images / EVALUATION.confusion[first.true].sum()
