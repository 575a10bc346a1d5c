"""A benchmark's JSON is read as if a stranger had sent it: figures, or one line of what is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from support.bench_files import document, entry, interval, recorded, write

from fmnist.bench import compare as compare_module
from fmnist.bench.compare import compare
from fmnist.bench.compare_report import comparison_markdown, comparison_text
from fmnist.bench.record import read_benchmark
from fmnist.results.timed import Key
from fmnist.results.write import to_json
from fmnist_runtime.errors import ResultError
from fmnist_runtime.timing.samples import Percentile

REMEDY = "give a file that fmnist bench wrote with --json, or run fmnist bench again"
WRONG: list[Any] = [
    None, True, -1, 0, 1.5, float("nan"), float("inf"), 1e308, 10**400, "", "text", "\ud800\x1b[2J", [], {},
    [None], [1, "two"], [[1.0]], [-1.0] * 6, [1.0] * 2000, {"value": 1},
]  # fmt: skip


def test_a_real_one_is_read(timed):
    file = read_benchmark(timed / "bench.json")
    raw = json.loads((timed / "bench.json").read_text())
    [figures] = file.benchmark.models
    [model] = raw["models"]
    assert figures.key == Key("model-int8.tflite", "tflite", 1, 1)
    assert list(figures.process_medians_us) == model["process_medians_us"]
    assert len(figures.process_medians_us) == 2
    assert figures.percentiles["p50"] == Percentile(*model["p50_us"].values())
    assert figures.size_bytes == (timed / "model-int8.tflite").stat().st_size
    method = file.benchmark.method
    assert (method.scenario, method.processes, file.benchmark.rounds) == ("latency", 2, 2)
    assert file.environment.cores == raw["environment"]["cores"]
    assert file.is_complete


def test_what_was_read_is_what_was_written(timed):
    text = (timed / "bench.json").read_text()
    again = json.loads(to_json("bench", read_benchmark(timed / "bench.json").benchmark))
    assert again | {"environment": None} == json.loads(text) | {"environment": None}


def test_every_figure(tmp_path):
    file = recorded(tmp_path / "a.json", entry(), rounds=4)
    machine = file.environment
    assert (machine.cpu, machine.machine, machine.cores) == ("Cortex-A76", "aarch64", 4)
    assert not file.is_complete
    [figures] = file.benchmark.models
    assert figures.percentiles["p99"] == Percentile(20.0, 15.0, 40.0)
    assert figures.percentiles["p99.9"] is None
    assert (figures.max_us, figures.load_us, figures.first_us) == (900.0, 15_637.5, 54.25)
    assert (figures.peak_memory_bytes, figures.size_bytes, figures.calls) == (50_475_008, 118_346, 2000)
    assert figures.images_per_second is None
    assert figures.process_rates == []


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("fmnist.bench/3", "is fmnist.bench/3, this fmnist reads fmnist.bench/2; update fmnist"),
        ("fmnist.bench/1", f"is fmnist.bench/1, this fmnist reads fmnist.bench/2; {REMEDY}"),
        ("fmnist.parity/4", f"is fmnist.parity/4, not a result of fmnist bench; {REMEDY}"),
        ("other.bench/2", f"is not a result of fmnist bench; {REMEDY}"),
        (2, f"is not a result of fmnist bench; {REMEDY}"),
        (None, f"is not a result of fmnist bench; {REMEDY}"),
    ],
)
def test_other_kinds_and_versions(tmp_path, schema, said):
    path = write(tmp_path / "a.json", document(entry(), schema=schema))
    with pytest.raises(ResultError) as error:
        read_benchmark(path)
    assert str(error.value) == f"{path}: {said}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", f"is empty; {REMEDY}"),
        (
            b"notes",
            f"is damaged (Expecting value: line 1 column 1 (char 0)), or was never JSON; {REMEDY}",
        ),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[1, 2]", f"is not a JSON object; {REMEDY}"),
        (b"[" * 100_000, "is damaged"),
        (b'{"schema": "fmnist.bench/2"', "is damaged"),
    ],
    ids=["empty", "text", "bytes", "list", "deep", "cut off"],
)
def test_what_is_no_json(tmp_path, content, said):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ResultError) as error:
        read_benchmark(path)
    assert str(error.value).startswith(f"{path}: {said}")


def test_no_such_file(tmp_path):
    with pytest.raises(ResultError, match=r"absent\.json: no such file"):
        read_benchmark(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"p99_us": interval(20.0, 21.0, 40.0)},
            "models[0].p99_us is invalid: the value is negative, or outside its interval",
        ),
        ({"p50_us": {"value": 1.0, "low": 1.0}}, "models[0].p50_us.high is missing"),
        ({"load_us": None}, "models[0].load_us is not a number"),
        ({"calls": -1}, "models[0].calls is not between 0 and 1,000,000,000,000,000,000"),
        ({"process_medians_us": []}, "models[0] is invalid: process_medians_us is empty"),
        ({"process_medians_us": [1.0, "2"]}, "models[0].process_medians_us[1] is not a number"),
        ({"process_medians_us": [1.0] * 7}, "model-int8.tflite has more processes than method.processes"),
        ({"process_medians_us": [1.0, 0.0]}, "model-int8.tflite has a process that took no time at all"),
    ],
)
def test_damage_is_named(tmp_path, changes, said):
    path = write(tmp_path / "a.json", document(entry(**changes)))
    with pytest.raises(ResultError) as error:
        read_benchmark(path)
    assert str(error.value) == f"{path}: is damaged ({said}); run fmnist bench again"


def test_throughput_needs_a_rate_of_each_process(tmp_path):
    model = entry(rates=[100.0, 110.0], medians=(1.0, 1.0, 1.0))
    path = write(tmp_path / "a.json", document(model, scenario="throughput"))
    with pytest.raises(ResultError, match="has not an images_per_second for each process"):
        read_benchmark(path)


def test_nothing_timed(tmp_path):
    path = write(tmp_path / "a.json", document())
    with pytest.raises(ResultError, match=r"holds no figures; run fmnist bench again$"):
        read_benchmark(path)


def test_models_that_cannot_be_told_apart(tmp_path):
    path = write(tmp_path / "a.json", document(entry(), entry()))
    with pytest.raises(ResultError) as error:
        read_benchmark(path)
    assert str(error.value) == (
        f"{path}: is damaged (model-int8.tflite (tflite, threads 1, batch 1) is in it 2 times); "
        "run fmnist bench again"
    )


def places(part: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document, of lists those in the first two items, of the processes in the first."""
    yield place
    if isinstance(part, dict):
        items = list(part.items())
    else:
        most = 1 if place[-1:] == ("processes",) else 2
        items = list(enumerate(part[:most])) if isinstance(part, list) else []
    for key, value in items:
        yield from places(value, (*place, key))


def mutants(whole: dict[str, Any]) -> Iterator[Any]:
    """The document with each place in turn gone, or holding what it should not."""
    yield from WRONG
    for *parents, last in filter(None, places(whole)):
        for wrong in (*WRONG, KeyError):
            content = copy.deepcopy(whole)
            part: Any = content
            for key in parents:
                part = part[key]
            if wrong is KeyError:
                del part[last]
            else:
                part[last] = wrong
            yield content


@pytest.mark.parametrize("real", [True, False], ids=["real", "of known figures"])
def test_whatever_is_wrong_in_it_it_is_one_line_or_harmless(tmp_path, timed, real, monkeypatch):
    """What is read all the same can be compared and shown; a few resamples will do."""
    few = partial(compare_module.median_interval, resamples=9)
    monkeypatch.setattr(compare_module, "median_interval", few)
    throughput = entry(rates=[100.0] * 6, batch=8)
    whole = document(entry(), throughput)
    if real:
        whole = json.loads((timed / "bench.json").read_text())
        whole["harness"] = None  # whose places are those of a model
        del whole["models"][0]["processes"][1:]
        for key in ("times_ns", "counts"):
            del whole["models"][0][key][2:]
    path, good = tmp_path / "bad.json", recorded(tmp_path / "good.json", entry(), throughput)
    told = []
    for content in mutants(whole):
        path.write_text(json.dumps(content))
        try:
            comparison = compare(good, read_benchmark(path))
        except ResultError as error:
            told.append(str(error))
            continue
        text = comparison_text(comparison) + comparison_markdown(comparison)
        assert "\x1b" not in text
        text.encode()
        to_json("compare", comparison)
    assert len(told) > 500
    assert all(str(path) in line and "\n" not in line for line in told)
