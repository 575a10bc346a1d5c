"""`fmnist bench` on real artifacts and test images: what it times, prints and writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import TINY, told

from fmnist_runtime.timing.samples import least_samples

EXPORT = TINY / "export"
INT8, FLOAT32, ONNX, NPZ = (
    f"model-{name}" for name in ("int8.tflite", "float32.tflite", "float32.onnx", "float32.npz")
)
QUICK = ("--duration", 0.06, "--processes", 2)


@pytest.fixture
def bench(tmp_path, fmnist):
    """The verb on artifacts that lie in no run, so that no Keras model stands beside them."""

    def run(*arguments):
        for name in (INT8, FLOAT32, ONNX, NPZ):
            if not (tmp_path / name).exists():
                shutil.copy(EXPORT / name, tmp_path)
        result = fmnist("bench", *arguments, "--json", "bench.json")
        path = tmp_path / "bench.json"
        return result, json.loads(path.read_text()) if path.exists() else None

    return run


def test_every_model_has_processes_of_its_own(bench):
    result, record = bench(INT8, ONNX, *QUICK)
    assert result.returncode == 0, result.stderr
    assert record["schema"] == "fmnist.bench/2"
    assert record["method"]["scenario"] == "latency"
    assert (record["method"]["processes"], record["rounds"]) == (2, 2)
    assert [model["name"] for model in record["models"]] == [INT8, ONNX]
    for model in record["models"]:
        assert (model["threads"], model["batch"]) == (1, 1)
        assert len(model["processes"]) == 2
        for process in model["processes"]:
            assert 0 < process["load_us"] < process["cold_start_us"]
            assert 0 < process["first_us"] < process["cold_start_us"]
            assert process["warm_up"]["runs"] >= 10
            assert process["warm_up"]["seconds"] >= 0.1
            assert len(process["machine"]) == 2
    assert (
        "one image at a time, back to back: service time; 2 fresh processes each, 0.06 s in all; 1 thread"
        in (result.stdout)
    )
    tables = [line for line in result.stdout.splitlines() if line.startswith(("model", "─"))]
    assert max(map(len, tables)) <= 120


def test_figures_are_those_of_all_times(bench):
    """Each percentile is a time that was measured, and none was left out."""
    _, record = bench(INT8, *QUICK)
    [model] = record["models"]
    times = np.repeat(model["times_ns"], model["counts"])
    assert len(times) == model["calls"]
    assert model["max_us"] == times.max() / 1000
    for name, percent in (("p50", 50), ("p90", 90), ("p99", 99), ("p99_9", 99.9)):
        figure = model[f"{name}_us"]
        if len(times) < least_samples(percent):  # on a machine that does much else
            assert figure is None
            continue
        assert figure["value"] == np.percentile(times, percent, method="inverted_cdf") / 1000
        assert figure["low"] <= figure["value"] <= figure["high"]
    for median, process in zip(model["process_medians_us"], model["processes"], strict=True):
        assert median == pytest.approx(np.median(process["block_medians_us"]))


def test_too_few_times_give_no_percentile(bench):
    """Ten calls at 100 Hz: a median, but of a p90 nothing is known."""
    result, record = bench(INT8, "--scenario", "periodic", "--hz", 100, "--duration", 0.1, "--processes", 2)
    [model] = record["models"]
    assert model["calls"] == 10
    assert model["p50_us"] is not None
    assert (model["p90_us"], model["p99_us"], model["p99_9_us"]) == (None, None, None)
    [row] = [line for line in result.stdout.splitlines() if line.startswith(INT8) and " of 10" in line]
    assert " - " in row
    late = [count for time, count in zip(model["times_ns"], model["counts"], strict=True) if time > 10e6]
    assert model["misses"] == sum(late)  # on a machine that does nothing else, none


def test_the_harness_is_shown_and_costs_next_to_nothing(bench):
    """Of an inference that does nothing, calls and clock are all there is."""
    result, record = bench(INT8, *QUICK)
    assert "(harness)" in result.stdout
    harness, [model] = record["harness"], record["models"]
    assert harness["p50_us"]["value"] < model["p50_us"]["value"] / 4


def test_a_sweep_is_every_combination_that_there_is(bench):
    result, record = bench(
        *(FLOAT32, NPZ, *QUICK),
        *(
            "--engine",
            "auto",
            "--engine",
            "numpy",
            "--threads",
            1,
            "--threads",
            2,
            "--batch",
            1,
            "--batch",
            32,
        ),
    )
    assert result.returncode == 0, result.stderr
    combinations = [(m["name"], m["runner"], m["threads"], m["batch"]) for m in record["models"]]
    rest = [(threads, batch) for threads in (1, 2) for batch in (1, 32)]
    pairs = [(FLOAT32, "tflite"), (FLOAT32, "numpy"), (NPZ, "numpy")]  # npz has but one engine
    assert combinations == [(*pair, *each) for pair in pairs for each in rest]
    header = next(line for line in result.stdout.splitlines() if line.startswith("model"))
    assert header.split()[1:4] == ["engine", "threads", "batch"]
    assert "1, 2 threads" in result.stdout


def test_what_an_engine_cannot_run_is_left_out_of_a_sweep(bench):
    sweep = ("--engine", "auto", "--engine", "numpy", "--batch", 1, "--batch", 2)
    result, record = bench(INT8, FLOAT32, *QUICK, *sweep)
    assert result.returncode == 0
    assert [(m["name"], m["runner"]) for m in record["models"] if m["batch"] == 1] == [
        (INT8, "tflite"),
        (FLOAT32, "tflite"),
        (FLOAT32, "numpy"),
    ]
    [line] = told(result.stderr)  # of both batches
    assert line.startswith(f"left out: {INT8}: not a dense float32 network")


def test_throughput_has_runs_of_its_own(bench):
    result, record = bench(INT8, *QUICK, "--scenario", "throughput")
    [model] = record["models"]
    assert (model["batch"], model["calls"], model["times_ns"], model["p50_us"]) == (256, 0, [], None)
    rates = [process["images_per_second"] for process in model["processes"]]
    assert model["images_per_second"] == {
        "value": pytest.approx(np.median(rates)),
        "low": min(rates),
        "high": max(rates),
    }
    assert "256 images at a time, as many as go" in result.stdout


def test_a_cold_start_is_the_whole_process(bench):
    _, record = bench(INT8, "--scenario", "cold-start", "--processes", 6)
    [model], harness = record["models"], record["harness"]
    starts = [process["cold_start_us"] for process in model["processes"]]
    assert model["p50_us"]["low"] == pytest.approx(min(starts))
    assert model["p50_us"]["high"] == pytest.approx(max(starts))
    assert model["calls"] == 6
    for process in model["processes"]:
        parts = process["imports_us"] + process["load_us"] + process["first_us"]
        assert parts <= process["cold_start_us"]
        assert process["warm_up"] is None
    assert model["load_us"] > harness["load_us"]


def test_memory_is_that_of_a_process_with_nothing_else_in_it(bench):
    """An interpreter and NumPy take some 25 MB, ONNX Runtime another 20."""
    _, record = bench(NPZ, ONNX, *QUICK)
    npz, onnx = (model["peak_memory_bytes"] for model in record["models"])
    assert 20e6 < npz < onnx < 120e6


def test_operators_where_the_engine_tells(bench):
    result, record = bench(ONNX, INT8, *QUICK, "--operators")
    onnx, tflite = record["operators"]
    assert (onnx["name"], tflite["name"], tflite["profile"]) == (ONNX, INT8, None)
    kinds = [operator["kind"] for operator in onnx["profile"]["operators"]]
    assert kinds == ["Reshape", "FusedGemm", "Gemm", "Softmax"]
    assert "FusedGemm" in result.stdout
    assert "ai-edge-litert" in result.stdout.splitlines()[-1]


def test_operators_by_several_engines_are_told_apart(bench):
    result, record = bench(ONNX, *QUICK, "--engine", "auto", "--engine", "numpy", "--operators")
    assert [profile["runner"] for profile in record["operators"]] == ["onnxruntime", "numpy"]
    titles = [line for line in result.stdout.splitlines() if line.startswith("operators of ")]
    assert titles == [
        f"operators of {ONNX} {runner}, one image, threads: 1" for runner in ("onnxruntime", "numpy")
    ]


def test_a_run_has_its_original_beside_it(tiny, fmnist):
    result = fmnist("bench", *QUICK[:2], "--processes", 1, "--json", "-")
    assert result.returncode == 0, result.stderr
    models = json.loads(result.stdout)["models"]
    assert models[0]["name"] == "model.keras"
    assert models[0]["threads"] == 1
    assert len(models) == 1 + len(list((tiny / "export").glob("model-*")))


def test_one_process_does_not_prove_anything(bench):
    """A verdict that could not be otherwise would be none."""
    _, record = bench(INT8, "--duration", 0.05, "--processes", 1)
    assert record["models"][0]["verdict"] != "STABLE"


def test_files_of_one_name_are_told_apart(bench, tmp_path):
    """Two files of one name are told apart by their paths."""
    (tmp_path / "other").mkdir()
    shutil.copy(EXPORT / FLOAT32, tmp_path / "other" / INT8)
    result, record = bench(INT8, Path("other") / INT8, *QUICK)
    assert [model["path"] for model in record["models"]] == [INT8, f"other/{INT8}"]
    assert f"other/{INT8}" in result.stdout
