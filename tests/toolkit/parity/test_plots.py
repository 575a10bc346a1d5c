"""Pictures of parity: what is drawn of each candidate, where it is written, and what is not overwritten."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import TINY

from fmnist.plots.changed import changed_figure
from fmnist.plots.reliability import reliability_figure
from fmnist.plots.scatter import scatter_figure
from fmnist.plots.style import GREEN, GREY, RED, write_figure
from fmnist_runtime import load
from fmnist_runtime.parity import Gate, Parity, compare
from fmnist_runtime.parity.calibration import reliability
from fmnist_runtime.parity.changes import Flips
from fmnist_runtime.recorded import Reference, read_reference, write_reference

EXPORT = TINY / "export"
FLOAT32, INT8, INT8_FULL = (EXPORT / f"model-{scheme}.tflite" for scheme in ("float32", "int8", "int8-full"))
REFERENCE = read_reference(TINY / "reference.npz")
NAMES = ("model.keras", "model-int8-full.tflite")
KINDS = ("changed", "reliability", "probabilities")


@pytest.fixture(scope="module")
def int8_full(t10k) -> np.ndarray:
    with load(INT8_FULL) as session:
        return session.scores(t10k.images)


@pytest.fixture(scope="module")
def parity(int8_full) -> Parity:
    return compare(REFERENCE.scores, int8_full, REFERENCE.targets, Gate(0.01))


def flips_of(*rows: tuple[int, int, int, int, float, float]) -> Flips:
    return Flips(*zip(*rows, strict=True))


def captions(figure) -> list[tuple[str, str, str]]:
    return [(axes.get_title(), axes.title.get_color(), axes.get_xlabel()) for axes in figure.axes]


def test_every_candidate_gets_its_pictures_and_they_are_made_anew(tmp_path, tiny, fmnist):
    files = [f"plots/{model.name}-{kind}.png" for model in (INT8, INT8_FULL) for kind in KINDS]
    for _ in range(2):
        result = fmnist("parity", INT8, INT8_FULL, "--plots", "plots")
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines() == files
        assert result.stdout == fmnist("parity", INT8, INT8_FULL).stdout
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(
        Path(file).name for file in files
    )
    for file in files:
        with Image.open(tmp_path / file) as image:
            assert image.format == "PNG"
            assert image.info["Software"] == "fmnist"
            assert min(image.size) > 400
            assert max(image.size) < 2000
        assert (tmp_path / file).stat().st_size < 300_000


def test_where_no_answer_changed_there_are_the_two_diagrams_alone(tmp_path, fmnist):
    """A gallery that an earlier model of this name had left would be taken for this one's."""
    stale = tmp_path / "plots" / "model-float32.tflite-changed.png"
    assert fmnist("parity", INT8, "--plots", "plots").returncode == 0
    (tmp_path / "plots" / "model-int8.tflite-changed.png").rename(stale)
    result = fmnist("parity", FLOAT32, "--plots", "plots")
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == [
        "plots/model-float32.tflite-reliability.png",
        "plots/model-float32.tflite-probabilities.png",
        "model-float32.tflite: no answer changed",
    ]
    assert not stale.exists()


def test_json_stands_alone_on_stdout(fmnist):
    result = fmnist("parity", INT8, "--plots", "plots", "--json", "-")
    assert json.loads(result.stdout)["schema"] == "fmnist.parity/4"
    assert result.stderr.count(".png\n") == 3


def test_a_failed_gate_exits_3_and_the_pictures_are_there(tmp_path, fmnist):
    result = fmnist("parity", INT8_FULL, "--plots", "plots", "--min-agreement", 1)
    assert result.returncode == 3
    assert len(list((tmp_path / "plots").iterdir())) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_ours_is_refused_before_any_work(tmp_path, fmnist, t10k, kind):
    path = tmp_path / "plots" / f"model-int8.tflite-{kind}.png"
    path.parent.mkdir()
    Image.fromarray(t10k.images[0]).save(path)
    before = path.read_bytes()
    result = fmnist("parity", INT8_FULL, INT8, "--plots", "plots", "--data-dir", "nowhere")
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: plots/{path.name}: exists and is not a picture of fmnist; choose another folder\n"
    )
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_takes_no_files_is_refused_before_any_work(tmp_path, fmnist):
    (tmp_path / "notes").touch()
    result = fmnist("parity", INT8, "--plots", "notes", "--data-dir", "nowhere")
    assert result.returncode == 1
    assert result.stderr == (
        "fmnist: notes/model-int8.tflite-changed.png: cannot be written "
        f"({tmp_path / 'notes'} takes no files); choose another place\n"
    )


def test_models_of_the_same_name_do_not_overwrite_each_other(tmp_path, tiny, fmnist):
    shutil.copy(INT8, tmp_path)
    other = "runs/tiny/export/model-int8.tflite"
    result = fmnist("parity", other, "model-int8.tflite", "--plots", "plots", "--data-dir", "nowhere")
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: model-int8.tflite: has the same file name as {other}, and so would their pictures; "
        "compare one at a time, each with its own folder for --plots\n"
    )
    assert not (tmp_path / "plots").exists()


def test_without_matplotlib_the_extra_is_named_before_any_work(without_matplotlib):
    without_matplotlib("parity", INT8, "--plots", "plots", "--data-dir", "nowhere")


def test_the_gallery_shows_the_surest_first_with_answers_margins_and_a_mark(t10k):
    flips = flips_of(
        (3, 0, 1, 0, 0.02, 0.25),
        (7, 2, 2, 6, 0.5049, 0.75),
        (8, 0, 4, 6, 0.25, 0.0),
        (9, 0, 0, 6, 0.25, 0.125),
    )
    figure = changed_figure(t10k.images, flips, t10k.labels, NAMES)
    assert figure.get_suptitle() == (
        "model-int8-full.tflite against model.keras\n"
        "4 of 4 changed answers, with their margins; the original's surest first\n"
        "✗ 2 worse, ✓ 1 better, · 1 wrong to wrong"
    )
    assert captions(figure) == [
        ("was Pullover by 0.505\n✗ now Shirt by 0.750", RED, "is Pullover · no. 7"),
        ("was Coat by 0.250\n· now Shirt in a tie", GREY, "is T-shirt/top · no. 8"),
        ("was T-shirt/top by 0.250\n✗ now Shirt by 0.125", RED, "is T-shirt/top · no. 9"),
        ("was Trouser by 0.020\n✓ now T-shirt/top by 0.250", GREEN, "is T-shirt/top · no. 3"),
    ]
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert np.array_equal(shown, t10k.images[[7, 8, 9, 3]])


def test_the_gallery_ends_at_30_and_its_title_counts_all(t10k, parity):
    flips, answers = parity.changes.flips, parity.answers
    assert len(flips.images) > 30
    figure = changed_figure(t10k.images, flips, t10k.labels, NAMES)
    _, shown, counts = figure.get_suptitle().splitlines()
    assert shown.startswith(f"30 of {len(flips.images)} changed answers, ")
    assert counts == (
        f"✗ {answers.worse} worse, ✓ {answers.better} better, · {answers.wrong_to_wrong} wrong to wrong"
    )
    second, first = np.sort(REFERENCE.scores, axis=1)[:, -2:].astype(float).T
    surest = sorted(flips.images, key=lambda image: -(first - second)[image])[:30]
    numbers = [int(axes.get_xlabel().rpartition(" ")[2]) for axes in figure.axes]
    assert numbers == surest


def test_a_gallery_of_colour_images(t10k):
    images = np.stack([t10k.images[:2], t10k.images[2:4], t10k.images[4:6]], axis=-1)
    figure = changed_figure(images, flips_of((1, 0, 0, 1, 0.5, 0.5)), t10k.labels, NAMES)
    assert np.array_equal(figure.axes[0].images[0].get_array(), images[1])


def test_long_and_odd_names_stay_in_their_place(t10k, tmp_path):
    """Own data sets name classes as they like: a dollar would begin a formula, and the font has no 衣."""
    labels = ("an uncommonly long name of a class", "$1 bill and $2 more", "上衣")
    rows = [(image, image % 3, image % 3, (image + 1) % 3, 0.5, 0.0) for image in range(6)]
    names = ("$a$" * 40, "b" * 250)
    figure = changed_figure(t10k.images, flips_of(*rows), labels, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_figure(tmp_path / "a.png", figure)
    boxes = [axes.title.get_window_extent() for axes in figure.axes]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    title = figure._suptitle.get_window_extent()
    assert title.x0 >= 0
    assert title.x1 <= figure.bbox.x1
    assert title.y0 >= max(box.y1 for box in boxes)


def test_a_name_that_is_no_text_is_drawn_as_tables_print_it(t10k, tmp_path, parity, int8_full):
    """Linux allows any bytes in a file's name; Python reads those that are no UTF-8 as surrogates."""
    names = ("model.keras", os.fsdecode(b"a\xff\n.tflite"))
    figure = changed_figure(t10k.images, flips_of((0, 1, 1, 2, 0.5, 0.0)), ("a", "b", "c"), names)
    others = (
        reliability_figure(parity.calibration, names),
        scatter_figure(REFERENCE.scores, int8_full, parity.changes.flips, names),
    )
    for number, picture in enumerate((figure, *others)):
        write_figure(tmp_path / f"{number}.png", picture)
    assert figure._suptitle.get_text().startswith("a??.tflite against model.keras\n")


def test_reliability_of_both_with_the_errors_and_their_difference(parity, int8_full):
    bins = [reliability(scores, REFERENCE.targets) for scores in (REFERENCE.scores, int8_full)]
    calibration = parity.calibration
    figure = reliability_figure(calibration, NAMES)
    accuracy, images = figure.axes
    assert (accuracy.get_title(), accuracy.get_ylabel()) == ("Accuracy by confidence", "accuracy")
    assert (images.get_xlabel(), images.get_ylabel()) == ("confidence, in 15 bins", "images")
    assert images.get_yscale() == "log"
    legend, interval = accuracy.get_legend(), calibration.ece_difference_interval
    assert [text.get_text() for text in legend.get_texts()] == [
        "as often right as it says",
        f"ECE {calibration.reference_ece:.4f}: model.keras",
        f"ECE {calibration.candidate_ece:.4f}: model-int8-full.tflite",
    ]
    assert legend.get_title().get_text() == (
        f"ECE changes by {calibration.ece_difference:+.4f}\n"
        f"(95% interval {interval.low:+.4f} to {interval.high:+.4f})"
    )
    diagonal, *lines = accuracy.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    for line, steps, expected in zip(lines, images.patches, bins, strict=True):
        assert np.array_equal(np.transpose(line.get_data()), expected.points)
        values, edges, _ = steps.get_data()
        assert np.array_equal(values, expected.images)
        assert np.array_equal(edges, np.linspace(0, 1, 16))


def test_no_difference_of_calibration_has_no_minus(int8_full):
    """An error that is smaller by 1e-9 is not smaller by -0.0000."""
    same = compare(int8_full, int8_full, REFERENCE.targets, Gate(0.01)).calibration
    almost = type(same.ece_difference_interval)(-1e-9, 1e-9)
    tiny = replace(same, ece_difference=-1e-9, ece_difference_interval=almost)
    legend = reliability_figure(tiny, NAMES).axes[0].get_legend()
    assert legend.get_title().get_text() == "ECE changes by +0.0000\n(95% interval +0.0000 to +0.0000)"


def test_scatter_counts_every_probability_where_it_lies(parity, int8_full):
    figure = scatter_figure(REFERENCE.scores, int8_full, parity.changes.flips, NAMES)
    axes, bar = figure.axes
    difference = parity.probabilities.max_difference
    assert axes.get_title() == f"100,000 probabilities, largest difference {difference:.2g}"
    assert axes.get_xlabel() == "probability that model.keras gives"
    assert axes.get_ylabel() == "probability that model-int8-full.tflite gives"
    assert bar.get_ylabel() == "probabilities at a point"
    points, changed = axes.collections
    x, y = np.asarray(points.get_offsets()).T
    counts = dict(zip(zip(x, y, strict=True), points.get_array(), strict=True))
    assert sum(counts.values()) == 100_000
    near = np.rint(np.stack([REFERENCE.scores, int8_full]).astype(float) * 512) / 512
    assert counts[0, 0] == (near == 0).all(axis=0).sum()
    assert counts.keys() == set(zip(*near.reshape(2, -1).tolist(), strict=True))
    assert set(y) == set(np.unique(int8_full).astype(float))  # each of the levels is a row of its own
    flips = parity.changes.flips
    entries = list(flips.images), list(flips.reference)
    assert np.array_equal(changed.get_offsets(), np.stack([REFERENCE.scores[entries], int8_full[entries]], 1))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "no difference",
        f"changed answers: {len(flips.images)}, at the class that the original gave",
    ]


@pytest.mark.parametrize("classes", [2, 26])
def test_pictures_of_the_extremes(tmp_path, classes):
    """Of two images, a model that says the same of both, and one that is the original."""
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(classes), 2).astype(np.float32)
    targets, collapsed = np.array([0, 1], np.uint8), np.eye(classes, dtype=np.float32)[[-1, -1]]
    for candidate in (collapsed, scores):
        parity = compare(scores, candidate, targets, Gate(0.01))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_figure(tmp_path / "a.png", reliability_figure(parity.calibration, NAMES))
            write_figure(tmp_path / "b.png", scatter_figure(scores, candidate, parity.changes.flips, NAMES))


def test_a_collapsed_model_is_pictured_and_fails(tmp_path, fmnist):
    """The original is made to say of every image what it is surely not."""
    other = np.eye(10, dtype=np.float32)[(REFERENCE.targets + 1) % 10]
    write_reference(tmp_path / "other.npz", Reference(**{**vars(REFERENCE), "scores": other}))
    result = fmnist("parity", INT8, "--reference", "other.npz", "--plots", "plots")
    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 3
    for path in (tmp_path / "plots").iterdir():
        assert path.stat().st_size < 300_000
