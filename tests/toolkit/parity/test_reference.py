"""``fmnist parity --reference`` with another artifact, or with kept scores."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import TINY
from support.artifacts import with_metadata

from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_container
from fmnist_runtime.recorded import ScoresFile, read_scores, write_scores

EXPORT = TINY / "export"
INT8 = EXPORT / "model-int8.tflite"
ONNX = EXPORT / "model-float32.onnx"


def write(path: Path, scores: ScoresFile) -> Path:
    write_scores(path, scores)
    return path


@pytest.mark.parametrize("name", ["model-float32.tflite", "model-float32.onnx", "model-float32.npz"])
def test_another_artifact_as_the_original(tmp_path, fmnist, t10k, name):
    result = fmnist("parity", INT8, "--reference", EXPORT / name, "--json", "parity.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"against {name} on 10,000 test images of fashion-mnist\n")
    record = json.loads((tmp_path / "parity.json").read_text())
    with load(INT8) as candidate, load(EXPORT / name) as original:
        answers = candidate.scores(t10k.images).argmax(axis=1)
        flips = np.flatnonzero(answers != original.scores(t10k.images).argmax(axis=1))
    [entry] = record["candidates"]
    assert entry["changes"]["flips"]["images"] == flips.tolist()
    assert entry["same_original"] is True
    assert record["reference"]["name"] == name


def test_an_artifact_of_another_original(tmp_path, fmnist):
    other = with_metadata(tmp_path / "other.tflite", source_sha256="0" * 64)
    result = fmnist("parity", INT8, "--reference", other)
    assert result.returncode == 0
    assert "model-int8.tflite: was made from another model than this reference" in result.stdout


def test_a_foreign_artifact_says_nothing_of_its_original(tmp_path, fmnist):
    container = read_container(INT8)
    assert container is not None
    (tmp_path / "foreign.tflite").write_bytes(INT8.read_bytes()[: container.model_bytes])
    arguments = ("--reference", "foreign.tflite", "--dataset", "fashion-mnist", "--json", "parity.json")
    result = fmnist("parity", INT8, *arguments)
    assert result.returncode == 0, result.stderr
    [entry] = json.loads((tmp_path / "parity.json").read_text())["candidates"]
    assert entry["same_original"] is None
    assert entry["probabilities"]["max_difference"] == 0


def test_kept_scores_as_the_original(tmp_path, fmnist, kept):
    scores = read_scores(kept)
    only = write(tmp_path / "only.npz", replace(scores, models=scores.models[:1]))
    by_scores = fmnist("parity", INT8, "--reference", only)
    by_reference = fmnist("parity", INT8, "--reference", TINY / "reference.npz")
    assert by_scores.returncode == by_reference.returncode == 0
    assert by_scores.stdout == by_reference.stdout
    several = fmnist("parity", INT8, "--reference", kept)
    assert (several.returncode, several.stderr.count("\n")) == (1, 1)
    assert "holds scores of 7 models; compare it with another such file: fmnist parity --s" in several.stderr


@pytest.mark.parametrize("reference", ["artifact", "scores"])
def test_layers_need_the_keras_model(fmnist, kept, reference):
    path = {"artifact": ONNX, "scores": kept}[reference]
    result = fmnist("parity", INT8, "--reference", path, "--layers")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "has no layers to run; name the original Keras model with --reference" in result.stderr
