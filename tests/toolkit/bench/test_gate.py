"""An assertion holds if its figure is certain to keep the limit; else exit 3, and a line of why."""

from __future__ import annotations

import json
import shutil

import pytest
from support import TINY
from support.bench_files import document, entry, interval, models, recorded, write

from fmnist.bench.assertions import parse_assertion
from fmnist.bench.configuration import Method
from fmnist.bench.gate import BROKEN, CANNOT_TELL, HOLDS, LatencyGate, gate_text, judge
from fmnist.results.timed import Key
from fmnist.results.write import plain

KEY = Key("model-int8.tflite", "tflite", 1, 1)
QUIET = "; run it again when the machine does nothing else, or allow more"


def judged(text: str, *, baseline=None, method: Method | None = None, **changes: object):
    """One assertion on one model."""
    method = method or Method()
    model = models(entry(**changes))
    [found] = judge(LatencyGate((parse_assertion(text, method.scenario),), baseline), model, {}, method)
    return found


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("p99<40.001us", HOLDS),
        ("p99<=40us", HOLDS),
        ("p99<40us", CANNOT_TELL),
        ("p99<20.001us", CANNOT_TELL),
        ("p99<=20us", CANNOT_TELL),
        ("p99<20us", BROKEN),
        ("p99>14.999us", HOLDS),
        ("p99>=15us", HOLDS),
        ("p99>15us", CANNOT_TELL),
        ("p99>=20us", CANNOT_TELL),
        ("p99>20us", BROKEN),
        ("max<=900us", HOLDS),
        ("max<900us", BROKEN),
        ("size<=118.346kB", HOLDS),
        ("size<118.346kB", BROKEN),
        ("memory<51MB", HOLDS),
        ("first<54.25us", BROKEN),
        ("load<=15.6375ms", HOLDS),
    ],
)
def test_the_end_of_the_interval_on_the_wrong_side_counts(text, outcome):
    """p99 is 20 µs, and between 15 and 40; what has no interval counts as it is."""
    assert judged(text).outcome == outcome


def test_throughput_must_not_be_less():
    method = Method("throughput")
    rates = [1000.0, 1050.0, 1100.0, 1100.0, 1150.0, 1200.0]
    assert judged("throughput>=1000/s", rates=rates, method=method).outcome == HOLDS
    assert judged("throughput>1050/s", rates=rates, method=method).outcome == CANNOT_TELL
    found = judged("throughput>1200/s", rates=rates, method=method)
    assert found.outcome == BROKEN
    assert found.reason == (
        "throughput is 1,100 images/s (95% interval 1,000 images/s to 1,200 images/s), "
        "and must be > 1,200 images/s"
    )


def test_throughput_of_fewer_than_six_processes_has_no_interval():
    """That all of five lie on the same side of the true median happens once in sixteen times."""
    found = judged("throughput>1/s", rates=[9.0] * 5, method=Method("throughput"))
    assert found.outcome == CANNOT_TELL
    assert found.reason == "throughput needs 6 processes, and there were 5; try --processes 6"


def test_what_is_said():
    measured = "p99 is 20 µs (95% interval 15 µs to 40 µs), and must be"
    assert judged("p99<10us").reason == f"{measured} < 10 µs"
    assert judged("p99<0.03ms").reason == f"{measured} < 30 µs{QUIET}"
    assert judged("load<15ms").reason == "load is 15.64 ms, and must be < 15 ms"
    assert judged("load<2ns", load_us=2e6).reason == "load is 2 s, and must be < 0.002 µs"
    assert judged("load<1s", load_us=9999.7).reason == "load is 10 ms, and must be < 1 s"


@pytest.mark.parametrize(
    ("name", "needed", "seconds"),
    [("p99.9", "3,688", 7), ("p99", "368", 1)],
)
def test_a_percentile_that_is_withheld_cannot_be_told(name, needed, seconds):
    """1.1 · 3 s · 3,688 / 2,000 is 6.1 s; 1.1 · 3 s · 368 / 2,000 is 0.6 s."""
    found = judged(f"{name}<1s", p99_us=None)
    assert found.outcome == CANNOT_TELL
    assert found.value is None
    assert found.reason == f"{name} needs {needed} calls, and there were 2,000; try --duration {seconds}"


def test_cold_starts_are_as_many_as_processes():
    found = judged("p50<1s", method=Method("cold-start", processes=3), p50_us=None, calls=3)
    assert found.reason == "p50 needs 6 calls, and there were 3; try --processes 6"


def test_memory_that_the_system_does_not_tell():
    found = judged("memory<1MB", peak_memory_bytes=None)
    assert (found.outcome, found.reason) == (
        CANNOT_TELL,
        "memory was not measured; this system does not report it",
    )


def test_the_baseline_is_the_same_configuration(tmp_path):
    other = entry(threads=2, p50_us=interval(1.0, 1.0, 1.0))
    baseline = recorded(tmp_path / "old.json", entry(p50_us=interval(9.5, 9.0, 99.0)), other)
    for text, factor, outcome in (
        ("p50<=1.1*baseline", 1.1, HOLDS),  # 10.2 <= 10.45
        ("p50<=1.06*baseline", 1.06, CANNOT_TELL),  # 10.0 <= 10.07, but 10.2 is not
        ("p50<=baseline", 1, BROKEN),
    ):
        found = judged(text, baseline=baseline)
        assert found.outcome == outcome
        assert found.limit == pytest.approx(factor * 9.5)
    assert found.reason == (
        "p50 is 10 µs (95% interval 9.8 µs to 10.2 µs), and must be <= 9.5 µs, of 9.5 µs in the baseline"
    )


def test_what_the_baseline_has_not_fails(tmp_path):
    baseline = recorded(tmp_path / "old.json", entry(threads=2))
    found = judged("p50<=9*baseline", baseline=baseline)
    assert found.outcome == CANNOT_TELL
    assert found.reason == (
        f"{baseline.path} has no figures of it by tflite with 1 thread and batch 1; "
        "run fmnist bench with it into a new baseline"
    )
    withheld = recorded(tmp_path / "old.json", entry(p99_us=None))
    assert judged("p99<=9*baseline", baseline=withheld).reason == (
        f"{baseline.path} has too few samples to tell its p99; "
        "make a new baseline with a longer --duration, or more --processes"
    )


def test_a_model_that_failed_fails_the_gate():
    failed = Key("bad.onnx", "onnxruntime", 1, 1)
    assertions = tuple(parse_assertion(text, "latency") for text in ("p50<1s", "size<1B"))
    found = judge(LatencyGate(assertions, None), models(entry()), {failed: "bad.onnx: is damaged"}, Method())
    assert gate_text(found, None) == (
        "p50<1s: holds for 1 of 2\n"
        "bad.onnx: p50<1s cannot be told: bad.onnx: is damaged\n"
        "size<1B: holds for 0 of 2\n"
        "model-int8.tflite: size<1B is broken: size is 118,346 B, and must be < 1 B\n"
        "bad.onnx: size<1B cannot be told: bad.onnx: is damaged"
    )


def test_configurations_of_one_model_are_told_apart():
    two = models(entry(), entry(threads=2))
    gate = LatencyGate((parse_assertion("size<1B", "latency"),), None)
    lines = gate_text(judge(gate, two, {}, Method()), None).splitlines()
    assert lines[1].startswith("model-int8.tflite (tflite, threads 1, batch 1): size<1B is broken")
    assert lines[2].startswith("model-int8.tflite (tflite, threads 2, batch 1): size<1B is broken")


def test_a_baseline_of_another_machine_is_said(tmp_path):
    baseline = recorded(tmp_path / "old.json", entry())
    text = gate_text([judged("p50<=2*baseline", baseline=baseline)], baseline)
    assert text.startswith("p50<=2*baseline: holds for 1 of 1\n")
    assert f"{baseline.path} is of another machine (Cortex-A76) than this (" in text


def test_as_json():
    assert plain(judged("p99<0.03ms")) == {
        "text": "p99<0.03ms",
        "model": "model-int8.tflite",
        "runner": "tflite",
        "threads": 1,
        "batch": 1,
        "outcome": "cannot be told",
        "reason": f"p99 is 20 µs (95% interval 15 µs to 40 µs), and must be < 30 µs{QUIET}",
        "value": 20.0,
        "low": 15.0,
        "high": 40.0,
        "limit": 30.0,
        "unit": "us",
    }


@pytest.fixture
def gate(timed, tmp_path, fmnist):
    """The command on one small model, timed as briefly as can be."""
    shutil.copy(timed / "model-int8.tflite", tmp_path)

    def run(*arguments: object):
        return fmnist("bench", "model-int8.tflite", "--duration", 0.1, *arguments)

    return run


def test_few_processes_are_not_sure(gate):
    """Two may be alike by chance; but what is beyond the limit in both is."""
    result = gate("--processes", 2, "--assert", "p50<1s", "--assert", "p50<1ns")
    assert result.returncode == 3
    assert "p50<1s: holds for 0 of 1\n" in result.stdout
    assert "; to be sure takes 6 processes, and there were 2; try --processes 6\n" in result.stdout
    assert "model-int8.tflite: p50<1ns is broken: p50 is " in result.stdout


def test_the_command_passes(gate, tmp_path):
    result = gate("--assert", "p50<1s", "--assert", "size<1MB", "--json", "bench.json")
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("\n\np50<1s: holds for 1 of 1\nsize<1MB: holds for 1 of 1\n")
    record = json.loads((tmp_path / "bench.json").read_text())
    assert [item["outcome"] for item in record["assertions"]] == ["holds", "holds"]
    assert record["assertions"][0]["value"] == record["models"][0]["p50_us"]["value"]


def test_the_command_fails(gate, tmp_path):
    write(tmp_path / "old.json", document(entry(p50_us=interval(1e9, 1e9, 1e9))))
    asserted = ("--assert", "size<1kB", "--assert", "p50<=baseline", "--baseline", "old.json")
    result = gate(*asserted, "--markdown", "bench.md")
    assert result.returncode == 3, result.stderr
    size = (TINY / "export" / "model-int8.tflite").stat().st_size
    assert "\n\nsize<1kB: holds for 0 of 1\n" in result.stdout
    assert f"size<1kB is broken: size is {size:,} B, and must be < 1,000 B\n" in result.stdout
    assert "p50<=baseline: holds for 1 of 1\n" in result.stdout
    markdown = (tmp_path / "bench.md").read_text()
    assert markdown.startswith("### Bench: ")
    assert f"\n- model-int8.tflite: size&lt;1kB is broken: size is {size:,} B, and must be " in markdown


def test_a_model_that_cannot_be_timed_makes_the_command_exit_3(gate, tmp_path):
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    result = gate("bad.tflite", "--assert", "p50<1s")
    assert result.returncode == 3
    assert "p50<1s: holds for 1 of 2\nbad.tflite: p50<1s cannot be told: bad.tflite: " in result.stdout
    assert result.stderr.endswith("\n")
    assert "fmnist: bad.tflite: " in result.stderr


def test_two_that_fail_and_have_one_name_are_two(gate, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bad.npz").write_bytes(b"no model")
    result = gate("a/bad.npz", "b/bad.npz", "--assert", "p50<1s")
    assert "\np50<1s: holds for 1 of 3\n" in result.stdout
    for name in ("a/bad.npz", "b/bad.npz"):
        assert f"\n{name}: p50<1s cannot be told: {name}: " in result.stdout


def test_what_an_engine_cannot_run_by_nature_is_left_out_of_a_sweep(timed, gate):
    """The engine for dense networks in float32 does not run integers; asked for alone, it fails."""
    asserted = ("--engine", "numpy", "--assert", "p50<1s")
    sweep = gate("--engine", "tflite", *asserted)
    assert sweep.returncode == 0, sweep.stderr
    assert "p50<1s: holds for 1 of 1\n" in sweep.stdout
    assert "left out: model-int8.tflite: " in sweep.stderr
    assert gate(*asserted).returncode == 1


def test_the_original_need_not_keep_what_is_asserted_of_its_artifacts(tiny, tmp_path, fmnist):
    """It is timed beside them, unless it is named."""
    pytest.importorskip("tensorflow")
    artifact = tiny / "export" / "model-int8.tflite"
    brief = ("--duration", 0.1, "--processes", 1, "--assert", "size<100kB")
    result = fmnist("bench", artifact, *brief)
    assert result.returncode == 0, result.stderr
    assert "size<100kB: holds for 1 of 1\n" in result.stdout
    assert "model.keras" in result.stdout
    assert (
        fmnist("bench", tiny / "model.keras", artifact, *brief[:-1], "size<1kB").stdout.count("is broken")
        == 2
    )
