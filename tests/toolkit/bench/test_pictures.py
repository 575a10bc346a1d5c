"""Pictures of a benchmark: what is drawn, where it is written, and what is not overwritten."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Annotation, Text
from PIL import Image
from support import TINY, told
from support.timings import benchmark, timed

from fmnist.bench import pictures
from fmnist.bench.tradeoffs import TradeOff, best
from fmnist.plots.latencies import Distribution, latencies_figure
from fmnist.plots.style import BLUE, GREY, RED, write_figure
from fmnist.plots.tradeoff import tradeoff_figure
from fmnist_runtime.timing import Samples
from fmnist_runtime.timing.percentiles import Percentile

INT8, NPZ = TINY / "export" / "model-int8.tflite", TINY / "export" / "model-float32.npz"
QUICK = ("--duration", 0.06, "--processes", 2)
TRADEOFF, LATENCIES = "plots/tradeoff.png", "plots/latencies.png"


@pytest.fixture
def copies(tmp_path) -> list[str]:
    """Artifacts that lie in no run, so that no Keras model stands beside them."""
    return [Path(shutil.copy(model, tmp_path)).name for model in (INT8, NPZ)]


def point(label: str, accuracy: float, speed: float, size: int, kind: str = "tflite") -> TradeOff:
    return TradeOff(label, kind, accuracy, Percentile(speed, 0.9 * speed, 1.2 * speed), size)


POINTS = [
    point("keras original", 0.875, 1400, 1_250_000, "keras"),
    point("tflite float32", 0.875, 5, 410_000),
    point("tflite int8", 0.874, 2.5, 118_000),
    point("tflite int8-full", 0.872, 2.9, 114_000),
    point("onnx int8", 0.874, 7, 117_000, "onnx"),
]


def markers(figure) -> dict[float, tuple[float, bool, str, float]]:
    """Of each point by its speed: accuracy, whether it is filled, colour and area."""
    found = {}
    for line in figure.axes[0].lines:
        if line.get_marker() == "o":
            [x], [y] = line.get_xdata(), line.get_ydata()
            filled = line.get_markerfacecolor() != "none"
            found[x] = (y, filled, to_hex(line.get_markeredgecolor()).upper(), line.get_markersize() ** 2)
    return found


def names(figure) -> list[Annotation]:
    return [text for text in figure.axes[0].texts if isinstance(text, Annotation)]


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def assert_apart(figure) -> None:
    """No name lies on another, or is cut off."""
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in names(figure)]
    assert not any(left.overlaps(right) for left, right in combinations(boxes, 2))
    inside = figure.axes[0].bbox
    assert all(inside.contains(*box.min) and inside.contains(*box.max) for box in boxes)


def test_every_point_lies_where_it_was_measured_and_the_best_are_filled():
    figure = tradeoff_figure(POINTS, "p50 of a call in µs", "one image at a time")
    drawn = markers(figure)
    assert list(drawn) == [1400, 5, 2.5, 7, 2.9]  # large files first, on which small ones lie
    for each, is_best in zip(POINTS, best(POINTS), strict=True):
        accuracy, filled, _, area = drawn[each.speed.value]
        assert (accuracy, filled) == (each.accuracy, is_best)
        assert area / drawn[1400][3] == pytest.approx(each.size_bytes / 1_250_000)
    assert [drawn[x][2] for x in (1400, 5, 7)] == [GREY, BLUE, RED]
    [axes] = figure.axes
    bars = [collection.get_segments()[0] for collection in axes.collections]
    ends = sorted(tuple(bar[:, 0]) for bar in bars)
    assert np.allclose(ends, sorted((each.speed.low, each.speed.high) for each in POINTS), rtol=1e-12)
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "p50 of a call in µs")
    assert axes.get_ylabel() == "accuracy on the test images"
    assert figure.get_suptitle() == "Accuracy, speed and size\none image at a time"
    assert legend(figure) == [
        "best trade-off",
        "another is as good, and better in one",
        "95% interval",
        "file of 114.0 kB",
        "file of 1.25 MB",
    ]


def test_every_point_has_its_name_and_the_best_are_bold():
    figure = tradeoff_figure(POINTS, "µs", "")
    labels = {text.get_text(): text for text in names(figure)}
    assert labels.keys() == {each.label for each in POINTS}
    for each, is_best in zip(POINTS, best(POINTS), strict=True):
        text = labels[each.label]
        assert text.xy == (each.speed.value, each.accuracy)
        assert text.get_fontweight() == ("bold" if is_best else "normal")
    assert_apart(figure)


def test_accuracies_are_ticked_in_per_cent_and_none_is_beyond_100():
    figure = tradeoff_figure([point("a", 0.975, 3, 10), point("b", 0.1, 1, 10)], "µs", "")
    figure.draw_without_rendering()
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "80%" in ticks
    assert not {"120%", "-20%", "−20%"} & set(ticks)


@pytest.mark.parametrize("count", [1, 2, 9, 20])
def test_names_of_alike_models_do_not_hide_each_other(count):
    """The same accuracy, speed and size: all points are one."""
    figure = tradeoff_figure([point(f"model number {n}", 0.5, 3, 10) for n in range(count)], "µs", "")
    assert len(names(figure)) == count
    assert_apart(figure)


def test_names_of_a_sweep_do_not_hide_each_other():
    points = [
        point(
            f"tflite int8, {threads} threads, batch {batch}", 0.875, 2.5 * batch**0.7 / threads**0.2, 118_000
        )
        for threads in (1, 2, 4)
        for batch in (1, 8, 64, 256)
    ]
    assert_apart(tradeoff_figure(points, "µs", ""))


ODD = ("a" * 250, "$x$ of $y$", "上衣 (NOISY)", os.fsdecode(b"g\xff\n\x1b[31m"))


def test_long_and_odd_names_are_drawn_without_a_word(tmp_path):
    points = [point(name, 0.5 + n / 100, 3 + n, 10) for n, name in enumerate(ODD)]
    rows = [Distribution(name, "tflite", Samples.of(np.arange(1, 100)), {"max": 99}) for name in ODD]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tradeoff = tradeoff_figure(points, "µs", "what " * 40)
        write_figure(tmp_path / "a.png", tradeoff)
        write_figure(tmp_path / "b.png", latencies_figure(rows, "µs", 1e3, "what " * 40))
    assert_apart(tradeoff)
    assert {text.get_text() for text in names(tradeoff)} == {
        "a" * 49 + "…",
        "$x$ of $y$",
        "上衣 (NOISY)",
        "g???[31m",
    }
    title = tradeoff._suptitle.get_window_extent()
    assert title.x0 >= 0
    assert title.x1 <= tradeoff.bbox.x1


def test_a_row_for_each_with_every_time_the_fastest_on_top():
    slow = Samples(np.array([4000, 5000, 900_000]), np.array([10, 30, 1]))
    fast = Samples(np.array([2000, 2100]), np.array([500, 500]))
    rows = [
        Distribution("slow", "onnx", slow, {"p50": 5000.0, "max": 900_000.0}),
        Distribution("fast", "tflite", fast, {"p50": 2000.0, "p90": 2100.0, "max": 2100.0}),
    ]
    figure = latencies_figure(rows, "time of a call in µs", 1e3, "one image at a time")
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fast", "slow"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is the upper
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "time of a call in µs")
    low, high = axes.get_xlim()
    assert low < 2
    assert high > 900
    marks = [(line.get_label(), line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines]
    assert {mark for mark in marks if not mark[0].startswith("_")} == {
        ("p50", 2.0, 0),
        ("p90", 2.1, 0),
        ("max", 2.1, 0),
        ("p50", 5.0, 1),
        ("max", 900.0, 1),
    }
    assert legend(figure) == ["share of calls", "p50", "p90", "max"]
    for place, (steps, samples) in enumerate(zip(axes.patches, (fast, slow), strict=True)):
        values, edges, base = steps.get_data()
        assert base == place
        heights = (place - values) / (place - values).max() * samples.counts.max()
        filled = np.flatnonzero(heights > 1e-9)
        assert heights[filled] == pytest.approx(samples.counts)  # in bins of their own here
        assert all(edges[filled] <= samples.times_ns / 1e3)
        assert all(samples.times_ns / 1e3 <= edges[filled + 1])


def test_what_is_not_stable_is_named_so(tmp_path, monkeypatch):
    """A lone process proves nothing, and its point would look like the others."""
    drawn = []
    monkeypatch.setattr(pictures, "write_figure", lambda path, figure: drawn.append(figure))
    lone = timed("a.tflite", range(1000, 1010), processes=1)
    pictures.write_pictures(benchmark(replace(lone, accuracy=0.5)), tmp_path)
    assert lone.verdict != "STABLE"
    expected = f"tflite int8 ({lone.verdict})"
    assert [text.get_text() for text in names(drawn[0])] == [expected]
    assert [label.get_text() for label in drawn[1].axes[0].get_yticklabels()] == [expected]


def test_pictures_are_written_and_made_anew(tmp_path, fmnist, copies):
    for _ in range(2):
        result = fmnist("bench", *copies, *QUICK, "--plots", "plots", "--json", "b.json")
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines()[-2:] == [TRADEOFF, LATENCIES]
    for file in (TRADEOFF, LATENCIES):
        with Image.open(tmp_path / file) as image:
            assert image.format == "PNG"
            assert image.info["Software"] == "fmnist"
            assert min(image.size) > 250
            assert max(image.size) < 2000
    models = json.loads((tmp_path / "b.json").read_text())["models"]
    evaluated = fmnist("eval", *copies, "--json", "-").stdout
    assert [model["accuracy"] for model in models] == [
        model["accuracy"] for model in json.loads(evaluated)["models"]
    ]


def test_throughput_has_no_single_calls_to_draw(tmp_path, fmnist, copies):
    """A picture that another benchmark had left would be taken for this one's."""
    assert fmnist("bench", copies[0], *QUICK, "--plots", "plots").returncode == 0
    result = fmnist("bench", copies[0], *QUICK, "--scenario", "throughput", "--plots", "plots")
    assert result.returncode == 0
    assert result.stderr.splitlines()[-2:] == [
        TRADEOFF,
        "latencies.png: throughput times no single calls, so there is nothing to draw",
    ]
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["tradeoff.png"]


def test_too_few_samples_make_no_point(tmp_path, fmnist, copies):
    """Two cold starts: no interval of a median, so no median."""
    arguments = (copies[0], "--processes", 2, "--scenario", "cold-start")
    result = fmnist("bench", *arguments, "--plots", "plots")
    assert result.returncode == 0
    assert told(result.stderr) == [
        "tradeoff.png: too few samples, or no accuracy, so there is nothing to draw",
        LATENCIES,
    ]
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["latencies.png"]


def test_json_stands_alone_on_stdout(fmnist, copies):
    result = fmnist("bench", copies[0], *QUICK, "--plots", "plots", "--json", "-")
    assert json.loads(result.stdout)["schema"] == "fmnist.bench/2"
    assert TRADEOFF in result.stderr


@pytest.mark.parametrize("name", [TRADEOFF, LATENCIES])
def test_a_file_that_is_not_ours_is_refused_before_anything_is_timed(tmp_path, fails, t10k, name):
    (tmp_path / "plots").mkdir()
    Image.fromarray(t10k.images[0]).save(tmp_path / name)
    line = fails("bench", "absent.tflite", "--plots", "plots")
    assert line == f"fmnist: {name}: exists and is not a picture of fmnist; choose another folder\n"


def test_without_matplotlib_the_extra_is_named_before_anything_is_timed(without_matplotlib):
    without_matplotlib("bench", INT8, "--plots", "plots", "--data-dir", "nowhere")


def test_a_folder_whose_name_is_too_long(fails):
    line = fails("bench", "absent.tflite", "--plots", "x" * 300)
    assert "tradeoff.png: cannot be written (File name too long); choose another place" in line
