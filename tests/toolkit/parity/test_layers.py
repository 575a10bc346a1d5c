"""``fmnist parity --layers``: which layer of an artifact leaves the original first."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support import TINY

from fmnist.models.inspect import inspect_model
from fmnist_runtime.artifact.container import SEAL_BYTES, seal

EXPORT = TINY / "export"
HEALTHY = sorted(path for path in EXPORT.iterdir() if path.suffix != ".json")
LEAST_DB = {"float32": 100, "int8": 20, "int8-full": 20}


def disturb(path: Path, layer: str) -> None:
    """Add noise of a tenth of their deviation to the weights of a layer, and seal the file again."""
    weights = inspect_model(path).weights
    [kernel] = [weight for weight in weights if weight.name.startswith(layer) and weight.values.ndim == 2]
    noise = np.random.default_rng(0).normal(0, kernel.deviation / 10, kernel.shape)
    old, new = (array.astype("<f4").tobytes() for array in (kernel.values, kernel.values + noise))
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            entries = {entry: archive.read(entry) for entry in archive.infolist()}
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content.replace(old, new))
            archive.comment = bytes(SEAL_BYTES)
    else:
        path.write_bytes(path.read_bytes().replace(old, new))
    disturbed = path.read_bytes()[:-SEAL_BYTES]
    path.write_bytes(disturbed + seal(disturbed))


def test_healthy_artifacts_of_every_format(tmp_path, tiny, fmnist):
    result = fmnist("parity", "--layers", "--json", "parity.json")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("no layer drifts") == len(HEALTHY)
    assert (
        "layers of model-int8.tflite on the first 200 test images; 20 dB is the least expected"
        in result.stdout
    )
    record = json.loads((tmp_path / "parity.json").read_text())
    assert (record["schema"], len(record["candidates"])) == ("fmnist.parity/4", len(HEALTHY))
    schemes = {candidate["name"]: candidate["scheme"] for candidate in record["candidates"]}
    assert [item["name"] for item in record["layers"]] == list(schemes)
    for item in record["layers"]:
        least = LEAST_DB[schemes[item["name"]]]
        assert (item["images"], item["least_snr_db"], item["first_drift"]) == (200, least, None)
        normalisation, hidden, scores = item["layers"]
        assert (normalisation["layer"], normalisation["similarity"]) == ("normalisation", None)
        for layer, name in ((hidden, "hidden_1"), (scores, "probabilities")):
            assert (layer["layer"], layer["kind"], layer["drifts"]) == (name, "Dense", False)
            assert layer["similarity"]["snr_db"] > least
            assert layer["similarity"]["cosine"] == pytest.approx(1, abs=10 ** (-least / 10))


@pytest.mark.parametrize("suffix", ["tflite", "onnx", "npz"])
@pytest.mark.parametrize("layer", ["hidden_1", "probabilities"])
def test_the_disturbed_layer_is_named(tiny, fmnist, suffix, layer):
    """One with wrong inputs drifts, too, but is not the first."""
    path = tiny / "export" / f"model-float32.{suffix}"
    disturb(path, layer)
    result = fmnist("parity", path, "--layers")
    assert result.returncode == 3
    [line] = re.findall("first layer that drifts: .*", result.stdout)
    [name, snr] = re.findall(r"drifts: (\w+) \(SNR (.*) dB; 100 dB is the least expected\)", line)[0]
    assert name == layer
    assert 0 < float(snr) < 50


def test_a_file_of_others_is_compared_with_a_named_original(tmp_path, fmnist):
    shutil.copy(EXPORT / "model-float32.onnx", tmp_path / "copy.onnx")
    result = fmnist("parity", "copy.onnx", "--layers", "--reference", TINY / "model.keras")
    assert result.returncode == 0
    assert "no layer drifts" in result.stdout


@pytest.mark.parametrize("arguments", [["--reference", TINY / "reference.npz"], []])
def test_scores_alone_tell_of_no_layers(tmp_path, fmnist, arguments):
    shutil.copy(EXPORT / "model-float32.onnx", tmp_path / "copy.onnx")
    result = fmnist("parity", "copy.onnx", "--layers", *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "a Keras model, with --reference" in result.stderr or "the original Keras model" in result.stderr
