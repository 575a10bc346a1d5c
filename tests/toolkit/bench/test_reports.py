"""What `fmnist bench` writes for spreadsheets and pull requests."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import TINY, told
from support.timings import benchmark, timed

from fmnist.bench.record import NotTimed
from fmnist.bench.report import benchmark_csv, benchmark_markdown
from fmnist.results.write import to_json

INT8, NPZ = TINY / "export" / "model-int8.tflite", TINY / "export" / "model-float32.npz"
QUICK = ("--duration", 0.06, "--processes", 2, "--engine", "tflite", "--engine", "numpy")
INTERVALS = ("p50_us", "p90_us", "p99_us", "p99_9_us", "images_per_second")
FIGURES = ("threads", "batch", "calls", "max_us", "misses", "accuracy", "imports_us", "load_us", "first_us")
FIGURES += ("peak_memory_bytes", "size_bytes")
TEXTS = ("format", "scheme", "engine", "runner", "verdict", "sha256")


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def assert_same(rows: list[dict[str, str]], record: dict) -> None:
    """Every cell is the JSON's figure, to the last digit; what that has not is empty."""
    entries = [*record["models"], *filter(None, [record["harness"]])]
    assert [row["model"] for row in rows] == [entry["name"] for entry in entries]
    for row, entry in zip(rows, entries, strict=True):
        assert row["scenario"] == record["method"]["scenario"]
        assert row["reasons"] == " | ".join(entry["reasons"])
        for key in TEXTS:
            assert row[key] == entry.get(key, "")
        for key in FIGURES:
            assert number(row[key]) == entry.get(key)
        for key in INTERVALS:
            found = entry[key] or dict.fromkeys(("value", "low", "high"))
            stem, unit = (key[:-3], "_us") if key.endswith("_us") else (key, "")
            cells = (row[key], row[f"{stem}_low{unit}"], row[f"{stem}_high{unit}"])
            assert tuple(map(number, cells)) == (found["value"], found["low"], found["high"])


@pytest.mark.parametrize("scenario", ["latency", "throughput", "periodic", "cold-start"])
def test_csv_is_the_figures_of_the_json(tmp_path, fmnist, scenario):
    pace = ("--hz", 100) if scenario == "periodic" else ()
    arguments = (INT8, NPZ, *QUICK, "--scenario", scenario, *pace)
    result = fmnist("bench", *arguments, "--csv", "b.csv", "--markdown", "b.md", "--json", "b.json")
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "b.json").read_text())
    with (tmp_path / "b.csv").open(newline="") as file:
        assert_same(list(csv.DictReader(file)), record)
    stable = sum(model["verdict"] == "STABLE" for model in record["models"])
    text = (tmp_path / "b.md").read_text()
    assert text.startswith(f"### Bench: {stable} of 2 STABLE\n\n| model |")
    unit = {"throughput": "images/s", "cold-start": "p50 ms"}.get(scenario, "p50 µs")
    assert f"| {unit} | " in text.splitlines()[2]
    method = result.stdout.splitlines()[-1]
    assert text.endswith(f"\n\n{method}\n")
    assert [model["accuracy"] for model in record["models"]] == [None, None]


def test_a_name_is_no_formula_and_moves_no_cursor():
    names = ("=1+1.tflite", "+a.tflite", "-b.tflite", "@c.tflite", "\td.tflite", 'e,"f"\n.tflite')
    names += (os.fsdecode(b"g\xff.tflite"),)
    times = np.arange(1000, 2000)
    text = benchmark_csv(benchmark(*(timed(name, times) for name in names)))
    rows = list(csv.DictReader(io.StringIO(text)))
    expected = ["./=1+1.tflite", "./+a.tflite", "./-b.tflite", "./@c.tflite", "?d.tflite", 'e,"f"?.tflite']
    assert [row["model"] for row in rows] == [*expected, "g?.tflite"]
    assert text.encode().count(b"\n") == 1 + len(names)


def test_a_scheme_is_a_strangers_text_too():
    text = benchmark_csv(benchmark(timed("a.tflite", range(1, 100), scheme="=cmd|' /C x'!A0")))
    [row] = csv.DictReader(io.StringIO(text))
    assert row["scheme"] == "./=cmd|' /C x'!A0"


def test_csv_has_the_accuracy_where_it_was_asked_for():
    found = benchmark(replace(timed("a.tflite", range(1, 100)), accuracy=0.8749))
    [row] = csv.DictReader(io.StringIO(benchmark_csv(found)))
    assert row["accuracy"] == "0.8749"
    assert json.loads(to_json("bench", found))["models"][0]["accuracy"] == 0.8749


def test_markdown_says_what_is_not_stable_and_what_was_not_timed():
    steady = timed("steady.tflite", np.arange(1000, 1010))
    lone = timed("lone.tflite", np.arange(1000, 1010), processes=1)
    failure = NotTimed(Path("gone.onnx"), "onnxruntime", 1, 1, error="gone.onnx: <no> such")
    text = benchmark_markdown(benchmark(steady, lone, failures=[failure, failure]))
    assert text.startswith("### Bench: 1 of 2 STABLE\n\n| model | p50 µs |")
    assert text.count("\n- gone.onnx") == 0
    assert text.count("\n- not timed: gone.onnx: &lt;no&gt; such\n") == 1
    [warning] = [line for line in text.splitlines() if line.startswith("- lone.tflite: ")]
    assert warning == f"- lone.tflite: {lone.reasons[0]}"
    assert "steady.tflite: " not in text


def test_no_name_breaks_the_markdown():
    text = benchmark_markdown(benchmark(timed("a|b`c`<d>\n[e](f).tflite", np.arange(1000, 1010))))
    first, second = (block.splitlines() for block in text.split("\n\n") if block.startswith("|"))
    for rows in (first, second):
        assert len(rows) == 3
        assert rows[2].startswith(r"| a\|b\`c\`&lt;d&gt;?\[e\](f).tflite | ")
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


@pytest.mark.parametrize(("option", "start"), [("--csv", "model,format,"), ("--markdown", "### Bench: ")])
def test_what_goes_to_standard_output_stands_alone(fmnist, option, start):
    result = fmnist("bench", INT8, "--duration", 0.02, "--processes", 1, "--engine", "tflite", option, "-")
    assert (result.returncode, told(result.stderr)) == (0, [])
    assert result.stdout.startswith(start)
    assert "─" not in result.stdout


@pytest.mark.parametrize("place", ["-", "same"])
@pytest.mark.parametrize("options", [("--json", "--csv"), ("--csv", "--markdown")])
def test_two_results_in_one_place_are_wrong_usage(tmp_path, fmnist, options, place):
    first, second = options
    result = fmnist("bench", INT8, first, place, second, place)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"only one result can go to {'standard output' if place == '-' else place}" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--csv", "--markdown"])
def test_somebodys_file_stays_and_nothing_is_timed(tmp_path, fails, option):
    (tmp_path / "notes").write_text("model,price\n")
    line = fails("bench", "absent.tflite", option, "notes")
    assert "notes: exists and is not a result of fmnist; choose another file" in line


def test_ones_own_old_results_are_replaced(tmp_path, fmnist):
    reports = ("--csv", "b.csv", "--markdown", "b.md")
    quick = ("--duration", 0.02, "--processes", 1)
    for model in (INT8, NPZ):
        engine = "numpy" if model is NPZ else "tflite"
        assert fmnist("bench", model, *quick, "--engine", engine, *reports).returncode == 0
        assert all(model.name in (tmp_path / name).read_text() for name in ("b.csv", "b.md"))


@pytest.mark.parametrize("option", ["--csv", "--markdown", "--json"])
def test_a_full_disk_does_not_take_the_table_away(fmnist, option):
    quick = ("--duration", 0.02, "--processes", 1, "--engine", "tflite")
    result = fmnist("bench", INT8, *quick, option, "/dev/full")
    assert result.returncode == 1
    assert told(result.stderr) == [
        "fmnist: /dev/full: cannot be written (No space left on device); choose another place"
    ]
    assert result.stdout.startswith("model ")
