"""`--engine`, wherever a verb runs artifacts."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from support import TINY

from fmnist.cli import options
from fmnist_runtime.engines import ENGINES

EXPORT = TINY / "export"


def test_the_option_knows_every_engine():
    names = get_args(options.EngineName)
    assert names == ("auto", *ENGINES)


@pytest.mark.parametrize("verb", ["eval", "parity", "bench"])
def test_an_engine_that_does_not_run_the_file(verb, fmnist):
    path = EXPORT / "model-int8.tflite"
    result = fmnist(verb, path, "--engine", "onnxruntime")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"fmnist: {path}: engine 'onnxruntime' does not run it; tflite or numpy or tflm or null does\n"
    )


def test_what_numpy_does_not_run_is_named(fmnist):
    path = EXPORT / "model-int8.tflite"
    result = fmnist("eval", path, "--engine", "numpy")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"fmnist: {path}: not a dense float32 network, which is all that engine 'numpy' runs "
        "(it has a FULLY_CONNECTED of integers); leave out --engine numpy\n"
    )


def test_numpy_has_an_opinion_on_the_files_of_both_engines(fmnist):
    names = ("model-float32.tflite", "model-float32.onnx")
    paths = [EXPORT / name for name in names]
    result = fmnist("parity", *paths, "--engine", "numpy", "--json", "-")
    assert result.returncode == 0, result.stderr
    models = json.loads(result.stdout)["candidates"]
    assert [model["name"] for model in models] == list(names)
    assert [model["engine"].split()[0] for model in models] == ["numpy", "numpy"]
    assert all(model["passed"] for model in models)


def test_keras_has_no_other_engine(fmnist):
    path = TINY / "model.keras"
    result = fmnist("eval", path, "--engine", "onnxruntime")
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: {path}: is a Keras model, which Keras runs; leave out --engine onnxruntime\n"
    )


def test_the_null_engine_is_right_by_chance_only(fmnist):
    """It gives every class the same probability, so the first counts: a tenth of the images are its."""
    result = fmnist("eval", EXPORT / "model-int8.tflite", "--engine", "null", "--json", "-")
    [model] = json.loads(result.stdout)["models"]
    assert (model["engine"], model["correct"]) == ("null", 1000)


def test_parity_does_not_believe_the_null_engine(fmnist):
    result = fmnist("parity", EXPORT / "model-int8.tflite", "--engine", "null")
    assert result.returncode == 3
    assert "FAIL" in result.stdout


def test_the_null_engine_shows_what_all_else_costs(fmnist):
    result = fmnist(
        *("bench", EXPORT / "model-int8.tflite", "--engine", "null", "--json", "-"),
        *("--processes", 1, "--duration", 0.1),
    )
    [model] = json.loads(result.stdout)["models"]
    assert model["engine"] == "null"


def test_an_engine_nobody_knows_is_a_usage_error(fmnist):
    result = fmnist("eval", EXPORT / "model-int8.tflite", "--engine", "tensorrt")
    assert result.returncode == 2
    assert "'tensorrt' is not one of" in result.stderr
