"""The course of a training: lines through every epoch, and what is not known left out."""

from __future__ import annotations

import math

import pytest
from support.drawn import NEAR, assert_ascending, of_class, parse, place, ticks, titles

from fmnist.figures.training import accuracy_curve, loss_curve
from fmnist.runs.history import Epoch
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run

NAN = math.nan
PLAIN = [Epoch(number, 1 / number, 0.8 + number / 100, 1.1 / number, 0.79 + number / 100, 1.0) for number in
         range(1, 11)]  # fmt: skip


def marks(svg, name: str) -> list[tuple[float, float]]:
    """Middles of the marks of a series."""
    [group] = of_class(svg, name)
    found = []
    for mark in of_class(group, "mark"):
        if mark.tag == "circle":
            found.append((float(mark.get("cx")), float(mark.get("cy"))))
        else:
            half = float(mark.get("width")) / 2
            found.append((float(mark.get("x")) + half, float(mark.get("y")) + half))
    return found


@pytest.mark.parametrize(
    ("draw", "figure"), [(accuracy_curve, "accuracy"), (loss_curve, "loss")], ids=["accuracy", "loss"]
)
def test_marks_lie_where_the_ticks_say(draw, figure, tiny_run):
    epochs = read_run(Run(tiny_run)).epochs
    svg = parse(draw(epochs))
    across, upwards = ticks(svg, "x"), ticks(svg, "y")
    assert_ascending(across)
    assert_ascending(upwards)
    assert all(value == int(value) for value in across)
    for name, prefix in (("training", ""), ("validation", "val_")):
        expected = [
            (place(epoch.epoch, across), place(getattr(epoch, prefix + figure), upwards)) for epoch in epochs
        ]
        # A square is drawn from its corner: another 0.05, for half of its width and its place.
        for found, wanted in zip(marks(svg, name), expected, strict=True):
            assert found == pytest.approx(wanted, abs=NEAR + 0.1)


def test_figures_are_told():
    svg = parse(accuracy_curve(PLAIN))
    assert titles(svg)[:2] == ["epoch 1: training 81.00%", "epoch 2: training 82.00%"]
    assert titles(svg)[-1] == "epoch 10: validation 89.00%"
    assert svg.get("aria-label") == (
        "Accuracy in epochs 1 to 10: training 81.00% to 90.00%; validation 80.00% to 89.00%."
    )
    assert parse(loss_curve(PLAIN)).get("aria-label") == (
        "Loss in epochs 1 to 10: training 1.0000 to 0.1000; validation 1.1000 to 0.1100."
    )


def test_without_validation_there_is_one_line():
    epochs = [Epoch(number, 0.5, 0.8, NAN, NAN, 1.0) for number in (1, 2, 3)]
    svg = parse(accuracy_curve(epochs))
    assert not of_class(svg, "validation")
    assert len(marks(svg, "training")) == 3
    assert "nan" not in f"{accuracy_curve(epochs)}{loss_curve(epochs)}"
    assert svg.get("aria-label") == "Accuracy in epochs 1 to 3: training 80.00% to 80.00%."


def test_a_single_epoch_is_a_mark():
    svg = parse(loss_curve(PLAIN[:1]))
    assert len(marks(svg, "training")) == len(marks(svg, "validation")) == 1
    assert [text.text for text in of_class(svg, "tick") if text.get("text-anchor") == "middle"] == ["1"]
    assert svg.get("aria-label") == "Loss in the only epoch: training 1.0000; validation 1.1000."


def test_a_loss_that_is_no_number_parts_the_line():
    epochs = [*PLAIN]
    epochs[4] = Epoch(5, NAN, 0.85, math.inf, 0.84, 1.0)
    svg = parse(loss_curve(epochs))
    [training] = of_class(svg, "training")
    assert len(of_class(training, "curve")) == 2
    assert len(marks(svg, "training")) == 9
    assert "epoch 5" not in " ".join(titles(svg))


def test_many_epochs_have_a_line_through_all_and_few_marks():
    epochs = [Epoch(number, 1 / number, 0.5, 1 / number, 0.5, 1.0) for number in range(1, 1001)]
    svg = parse(loss_curve(epochs))
    [training] = of_class(svg, "training")
    [curve] = of_class(training, "curve")
    assert curve.get("d").count("L") == 999
    assert titles(training)[-1] == "epoch 1000: training 0.0010"
    assert len(marks(svg, "training")) == 51  # every twentieth, and the last
