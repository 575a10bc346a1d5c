"""Pictures of a benchmark: what is drawn, where it is written, and what is not overwritten."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support import TINY, told
from support.drawn import HOSTILE, of_class, parse, titles
from support.timings import benchmark, timed

from fmnist.bench import pictures

INT8, NPZ = TINY / "export" / "model-int8.tflite", TINY / "export" / "model-float32.npz"
QUICK = ("--duration", 0.06, "--processes", 2)
TRADEOFF, LATENCIES = "plots/tradeoff.svg", "plots/latencies.svg"


@pytest.fixture
def copies(tmp_path) -> list[str]:
    """Artifacts that lie in no run, so that no Keras model stands beside them."""
    return [Path(shutil.copy(model, tmp_path)).name for model in (INT8, NPZ)]


def drawn(path: Path):
    return parse(path.read_text(encoding="utf-8"))


def labels(svg) -> list[str]:
    return [each.text for each in of_class(svg, "label")]


def said(svg) -> list[str]:
    """Every line of text that belongs to no drawing."""
    inner = [each for part in svg.iter("svg") if part.get("x") for each in part.iter("text")]
    return [each.text for each in svg.iter("text") if each not in inner]


def test_both_pictures_say_what_was_measured_and_how(tmp_path):
    models = [
        replace(timed("a.tflite", range(1000, 1100), size_bytes=1000), accuracy=0.5),
        replace(timed("b.onnx", range(9000, 9100), size_bytes=5000), accuracy=0.6),
    ]
    lines = pictures.write_pictures(benchmark(*models), tmp_path)
    assert lines == [str(tmp_path / "tradeoff.svg"), str(tmp_path / "latencies.svg")]
    tradeoff, latencies = drawn(tmp_path / "tradeoff.svg"), drawn(tmp_path / "latencies.svg")
    for svg, title in ((tradeoff, "Accuracy, speed and size"), (latencies, "Latency distributions")):
        assert said(svg)[0] == title
        assert said(svg)[1].startswith("one image at a time, back to back: service time; 6 fresh processes")
        assert sorted(labels(svg)) == ["onnx int8", "tflite int8"]
    assert "Areas are file sizes: 1.0 kB to 5.0 kB. Bars are 95% intervals of the median." in said(tradeoff)
    assert "p50 of a call, µs" in [each.text for each in of_class(tradeoff, "title")]
    assert titles(tradeoff)[0].startswith("onnx int8: accuracy 60.00%, median 9.05 µs (")
    assert titles(latencies)[0] == "tflite int8: 600 calls"
    assert "longest: 1.10 µs" in titles(latencies)


def test_cold_starts_are_in_ms(tmp_path):
    cold = timed("a.tflite", [1000], cold=True)
    pictures.write_pictures(benchmark(cold, scenario="cold-start"), tmp_path)
    svg = drawn(tmp_path / "latencies.svg")
    assert "time from the start of a process to its answer, ms" in [each.text for each in svg.iter("text")]
    assert "longest: 120 ms" in titles(svg)


def test_long_and_odd_names_are_text(tmp_path):
    models = [
        replace(timed(f"{name}.tflite", range(1000, 1100)), accuracy=0.5)
        for name in HOSTILE
        if "/" not in name
    ]
    pictures.write_pictures(benchmark(*models), tmp_path)
    for name in ("tradeoff.svg", "latencies.svg"):
        svg = drawn(tmp_path / name)
        assert not [*svg.iter("script")]
        assert max(map(len, labels(svg))) <= 60
        assert len(labels(svg)) == len(models)


def test_what_is_not_stable_is_named_so(tmp_path):
    """A lone process proves nothing, and its point would look like the others."""
    lone = timed("a.tflite", range(1000, 1010), processes=1)
    pictures.write_pictures(benchmark(replace(lone, accuracy=0.5)), tmp_path)
    assert lone.verdict != "STABLE"
    for name in ("tradeoff.svg", "latencies.svg"):
        assert labels(drawn(tmp_path / name)) == [f"tflite int8 ({lone.verdict})"]


def test_pictures_are_written_and_made_anew(tmp_path, fmnist, copies):
    for _ in range(2):
        result = fmnist("bench", *copies, *QUICK, "--plots", "plots", "--json", "b.json")
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines()[-2:] == [TRADEOFF, LATENCIES]
    for file in (TRADEOFF, LATENCIES):
        svg = drawn(tmp_path / file)
        assert svg.get("data-generator") == "fmnist"
        assert min(float(svg.get("width")), float(svg.get("height"))) > 250
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
        "latencies.svg: throughput times no single calls, so there is nothing to draw",
    ]
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["tradeoff.svg"]


def test_too_few_samples_make_no_point(tmp_path, fmnist, copies):
    """Two cold starts: no interval of a median, so no median."""
    arguments = (copies[0], "--processes", 2, "--scenario", "cold-start")
    result = fmnist("bench", *arguments, "--plots", "plots")
    assert result.returncode == 0
    assert told(result.stderr) == [
        "tradeoff.svg: too few samples, or no accuracy, so there is nothing to draw",
        LATENCIES,
    ]
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["latencies.svg"]


def test_json_stands_alone_on_stdout(fmnist, copies):
    result = fmnist("bench", copies[0], *QUICK, "--plots", "plots", "--json", "-")
    assert json.loads(result.stdout)["schema"] == "fmnist.bench/2"
    assert TRADEOFF in result.stderr


@pytest.mark.parametrize("name", [TRADEOFF, LATENCIES])
def test_a_file_that_is_not_ours_is_refused_before_anything_is_timed(tmp_path, fails, name):
    (tmp_path / "plots").mkdir()
    (tmp_path / name).write_text("<svg/>")
    line = fails("bench", "absent.tflite", "--plots", "plots")
    assert line == f"fmnist: {name}: exists and is not a picture of fmnist; choose another folder\n"


def test_without_markupsafe_the_extra_is_named_before_anything_is_timed(without_markupsafe):
    without_markupsafe("bench", INT8, "--plots", "plots", "--data-dir", "nowhere")


def test_a_folder_whose_name_is_too_long(fails):
    line = fails("bench", "absent.tflite", "--plots", "x" * 300)
    assert "tradeoff.svg: cannot be written (File name too long); choose another place" in line
