"""Pictures of a run: what is drawn, where it is written, and what is not overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import DATA, TINY

from fmnist.figures.answers import confident_mistakes, first_answers
from fmnist.models.inspect import initial_weights, trained_weights, unit_images
from fmnist.plots.confusion import confusion_figure
from fmnist.plots.history import history_figure
from fmnist.plots.predictions import predictions_figure
from fmnist.plots.style import GREEN, RED, write_figure
from fmnist.plots.weights import weights_figure
from fmnist.runs.history import Epoch, read_history
from fmnist.runs.run import Run
from fmnist_runtime.errors import ResultError
from fmnist_runtime.evaluate import evaluate
from fmnist_runtime.recorded import Reference, read_reference, write_reference

REFERENCE = read_reference(TINY / "reference.npz")
PLOTS = ["history", "predictions", "weights", "confusion"]


def write_initial(run: Path, names: str = "{}") -> dict[str, np.ndarray]:
    """Weights as training records them before its first step, of the tiny run's shapes."""
    trained, _ = trained_weights(run / "model.keras")
    random = np.random.default_rng(0)
    initial = {name: random.normal(size=w.shape).astype(np.float32) for name, w in trained.items()}
    np.savez(run / "initial.npz", **{names.format(name): array for name, array in initial.items()})
    return initial


def texts_of_axes(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("name", PLOTS)
def test_the_newest_run_gets_a_picture_and_it_is_made_anew(tiny, fmnist, name):
    for _ in range(2):
        result = fmnist("plot", name)
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"runs/tiny/plots/{name}.png\n"
        assert result.stderr.startswith("run: runs/tiny\n")
    assert [path.name for path in (tiny / "plots").iterdir()] == [f"{name}.png"]
    with Image.open(tiny / "plots" / f"{name}.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 400
        assert max(image.size) < 2000
        assert image.info["Software"] == "fmnist"


def test_mistakes_get_a_file_of_their_own(tiny, fmnist):
    assert fmnist("plot", "predictions", "runs/tiny", "--wrong").stdout == "runs/tiny/plots/mistakes.png\n"


def test_a_file_that_is_not_ours_is_replaced_by_force_alone(tmp_path, tiny, fmnist, t10k):
    path = tmp_path / "holiday.png"
    Image.fromarray(t10k.images[0]).save(path)
    before = path.read_bytes()
    refused = fmnist("plot", "history", "--out", path)
    assert refused.returncode == 1
    assert f"{path}: exists and is not a picture of fmnist" in refused.stderr
    assert path.read_bytes() == before
    assert fmnist("plot", "history", "--out", path, "--force").returncode == 0
    assert path.read_bytes() != before
    assert fmnist("plot", "history", "--out", path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["history", "nowhere"], "nowhere: no such run or file"),
        (["history", "--out", "plot.pdf"], "plot.pdf: pictures are PNG files"),
        (["confusion", "--out", "model.keras/a.png"], "model.keras takes no files"),
        (["predictions", "--data-dir", "nowhere"], "no folder holds t10k-images"),
    ],
)
def test_mistakes_of_the_user_are_one_line(tiny, tmp_path, fmnist, arguments, complaint):
    (tmp_path / "model.keras").touch()
    result = fmnist("plot", *arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert complaint in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tiny / "plots").exists()


def test_no_run_yet(fmnist):
    assert "make one with: fmnist train" in fmnist("plot", "history").stderr


def test_without_matplotlib_the_extra_is_named(tiny):
    code = """
import sys
sys.modules["matplotlib"] = None  # as if it were not installed
sys.argv = ["fmnist", "plot", "confusion"]
from fmnist.cli.main import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tiny.parent.parent, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.endswith(
        "plotting needs matplotlib, which is not installed: pip install 'fmnist[train]'\n"
    )


def test_the_same_picture_has_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_figure(tmp_path / name, history_figure(read_history(TINY / "history.csv")))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_history_has_a_line_for_training_and_one_for_validation():
    history = read_history(TINY / "history.csv")
    record = json.loads((TINY / "train.json").read_text())["epochs"]
    accuracy, loss = history_figure(history).axes
    for axes, quantity in ((accuracy, "accuracy"), (loss, "loss")):
        assert axes.get_title().startswith(quantity)
        assert [line.get_label() for line in axes.lines] == ["training", "validation"]
        for line, key in zip(axes.lines, (quantity, f"val_{quantity}"), strict=True):
            assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
            assert list(line.get_ydata()) == [epoch[key] for epoch in record]


@pytest.mark.parametrize("count", [1, 2, 5, 37])
def test_epochs_are_whole_numbers(count):
    values = tuple(np.linspace(0.1, 0.9, count))
    figure = history_figure([Epoch(n + 1, v, v, v, v, 1.0) for n, v in enumerate(values)])
    figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        seen = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert seen
        assert all(tick == int(tick) for tick in seen)


@pytest.mark.parametrize("content", ["", "epoch,loss\n1,2\n", "epoch,loss,accuracy,val_loss,val_accuracy\n"])
def test_a_damaged_history_is_named(tmp_path, content):
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(ResultError, match=r"history\.csv: "):
        read_history(path)


def test_predictions_carry_answer_probability_and_a_mark(t10k):
    answers = first_answers(REFERENCE, 20)
    figure = predictions_figure(t10k.images, answers, "title")
    assert len(figure.axes) == 20
    for number, axes in enumerate(figure.axes):
        scores, true = REFERENCE.scores[number], t10k.labels[t10k.targets[number]]
        right = t10k.labels[scores.argmax()] == true
        label = f"{t10k.labels[scores.argmax()]} {100 * scores.max():.1f}%"
        assert axes.get_title() == f"{'✓' if right else '✗'} {label}"
        assert axes.title.get_color() == (GREEN if right else RED)
        assert axes.get_xlabel() == f"is {true} · no. {number}"
        assert np.array_equal(axes.images[0].get_array(), t10k.images[number])


def test_mistakes_come_most_sure_first():
    answers = confident_mistakes(REFERENCE, 20)
    assert len({answer.image for answer in answers}) == 20
    assert not any(answer.right or answer.predicted == answer.true for answer in answers)
    wrong = REFERENCE.scores.argmax(axis=1) != REFERENCE.targets
    expected = sorted(REFERENCE.scores[wrong].max(axis=1), reverse=True)[:20]
    assert [answer.probability for answer in answers] == [float(value) for value in expected]


def test_a_model_without_mistakes_has_none_to_show(tiny, fmnist):
    perfect = np.eye(10, dtype=np.float32)[REFERENCE.targets]
    write_reference(tiny / "reference.npz", Reference(**{**vars(REFERENCE), "scores": perfect}))
    result = fmnist("plot", "predictions", "--wrong")
    assert result.returncode == 1
    assert "made no mistake on the test images" in result.stderr


def test_long_and_odd_class_names_stay_in_their_place(t10k):
    """Own data sets name classes as they like; a dollar would begin a formula."""
    labels = ("an uncommonly long name of a class", "$1 bill", *"23456789")
    reference = Reference(**{**vars(REFERENCE), "labels": labels})
    figure = predictions_figure(t10k.images, first_answers(reference, 20), "$title")
    figure.canvas.draw()
    boxes = [axes.title.get_window_extent() for axes in figure.axes[:5]]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    matrix = confusion_figure(evaluate(REFERENCE.scores, REFERENCE.targets).confusion, labels, "$")
    matrix.canvas.draw()
    for label in [*matrix.axes[0].get_xticklabels(), *matrix.axes[0].get_yticklabels()]:
        box = label.get_window_extent()
        assert min(box.x0, box.y0) >= 0
        assert box.y1 <= matrix.bbox.y1


def test_confusion_has_a_count_in_every_cell():
    confusion = evaluate(REFERENCE.scores, REFERENCE.targets).confusion
    figure = confusion_figure(confusion, REFERENCE.labels, "title")
    matrix = figure.axes[0]
    assert texts_of_axes(figure) == [str(count) for count in confusion.ravel()]
    for labels in (matrix.get_xticklabels(), matrix.get_yticklabels()):
        assert [label.get_text() for label in labels] == list(REFERENCE.labels)


def test_weights_are_drawn_before_and_after(tiny):
    initial = write_initial(tiny)
    trained, shape = trained_weights(tiny / "model.keras")
    images = [unit_images(weights["hidden_1/kernel"], shape) for weights in (initial, trained)]
    figure = weights_figure(*images)
    titles = [part.get_suptitle() for part in figure.subfigs]
    assert titles == ["before training (16 of 16 units)", "after training (16 of 16 units)"]
    for part, expected in zip(figure.subfigs, images, strict=True):
        shown = [axes.images[0] for axes in part.axes if axes.images]
        assert np.array_equal([image.get_array() for image in shown], expected)
        limits = {image.get_clim() for image in shown}
        assert len(limits) == 1  # one scale for the block, with zero in its middle
        [(low, high)] = limits
        assert -low == high > 0


@pytest.mark.parametrize("value", [0, np.nan])
def test_weights_that_show_nothing_are_drawn_all_the_same(tmp_path, value):
    write_figure(tmp_path / "weights.png", weights_figure(None, np.full((3, 28, 28), value, np.float32)))
    with Image.open(tmp_path / "weights.png") as image:
        assert image.format == "PNG"


def test_a_unit_is_shown_as_the_pixels_lie():
    """Weight of row 3, column 5 of unit 1 stands there in its image."""
    kernel = np.zeros((28 * 28, 2), np.float32)
    kernel[3 * 28 + 5, 1] = 7
    images = unit_images(kernel, (28, 28))
    assert images.shape == (2, 28, 28)
    assert np.argwhere(images).tolist() == [[1, 3, 5]]


@pytest.mark.parametrize("names", ["{}", "classifier/{}"], ids=["loaded", "just built"])
def test_initial_weights_are_found_by_their_order(tiny, names):
    written = write_initial(tiny, names)
    trained, _ = trained_weights(tiny / "model.keras")
    read = initial_weights(Run(tiny), trained)
    assert list(read) == list(trained)
    assert all(np.array_equal(read[name], written[name]) for name in trained)


def test_without_initial_weights_only_those_after_are_drawn_and_it_says_so(tiny, fmnist):
    (tiny / "initial.npz").unlink()
    without = fmnist("plot", "weights")
    assert "runs/tiny/initial.npz: missing, so only the weights after training" in without.stderr
    with Image.open(tiny / "plots" / "weights.png") as image:
        width = image.width
    write_initial(tiny)
    both = fmnist("plot", "weights")
    assert (both.returncode, both.stderr) == (0, "run: runs/tiny\n")
    with Image.open(tiny / "plots" / "weights.png") as image:
        assert image.width == 2 * width


@pytest.mark.parametrize("case", ["damaged", "of another model"])
def test_initial_weights_that_do_not_fit_are_named(tiny, fmnist, case):
    if case == "damaged":
        (tiny / "initial.npz").write_bytes(b"PK\3\4 and no more")
    else:
        np.savez(tiny / "initial.npz", a=np.zeros((784, 32), np.float32))
    result = fmnist("plot", "weights")
    assert result.returncode == 1
    assert "runs/tiny/initial.npz: " in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_pictures_of_scores_need_no_tensorflow(tiny):
    code = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
sys.argv = ["fmnist", "plot", sys.argv[1]]
from fmnist.cli.main import main
main()
"""
    for name in ("history", "predictions", "confusion"):
        result = subprocess.run(
            [sys.executable, "-c", code, name],
            cwd=tiny.parent.parent,
            env={**os.environ, "FMNIST_DATA": str(DATA)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stdout) == (0, f"runs/tiny/plots/{name}.png\n"), result.stderr
