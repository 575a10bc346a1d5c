"""`fmnist parity --baseline`: a new training against the model in use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import TINY, run_fmnist

INT8 = TINY / "export" / "model-int8.tflite"


@pytest.fixture(scope="module")
def worse(tmp_path_factory) -> Path:
    """A run whose artifact answers like its own original, both several points worse than the tiny run."""
    folder = tmp_path_factory.mktemp("worse")
    trained = run_fmnist(folder, "train", "--hidden", 4, "--epochs", 1, "--out", "worse")
    assert trained.returncode == 0, trained.stderr
    exported = run_fmnist(folder, "export", "worse", "--format", "npz")
    assert exported.returncode == 0, exported.stderr
    return folder / "worse"


def test_a_worse_pair_is_found_which_agrees_within_itself(worse, fmnist, tmp_path):
    artifact = worse / "export" / "model-float32.npz"
    assert fmnist("parity", artifact).returncode == 0
    result = fmnist("parity", artifact, "--baseline", TINY, "--json", "parity.json")
    assert result.returncode == 3, result.stderr
    [candidate] = json.loads((tmp_path / "parity.json").read_text())["candidates"]
    [breach] = candidate["breaches"]
    assert (breach["gate"], breach["limit"], breach["certain"]) == ("max-drop", 0.005, True)
    assert candidate["same_original"] is None
    assert "against model.keras on 10,000 test images" in result.stdout


def test_a_better_training_passes_though_its_answers_differ(worse, fmnist, tmp_path):
    against_its_reference = fmnist("parity", INT8, "--reference", worse)
    assert against_its_reference.returncode == 3  # as many answers changed as no conversion may change
    result = fmnist("parity", INT8, "--baseline", worse, "--json", "parity.json")
    assert result.returncode == 0, result.stdout
    [candidate] = json.loads((tmp_path / "parity.json").read_text())["candidates"]
    assert candidate["answers"]["accuracy_difference"] > 0
    assert candidate["answers"]["agreement"] < 0.95


def test_it_stands_instead_of_the_original(fmnist):
    result = fmnist("parity", INT8, "--baseline", TINY, "--reference", TINY)
    assert result.returncode == 2
    assert "leave out --reference and --layers" in result.stderr
