"""``fmnist deploy`` of a stranger's model that was imported."""

from __future__ import annotations

import json

from support import run_fmnist
from support.foreign_tflite import pack
from support.strangers import tflite

QUICK = ("--format", "tflite", "--duration", "0.1", "--processes", "1", "--json", "deploy.json")


def test_it_goes_to_a_device_like_a_run(network, pi, tmp_path):
    (tmp_path / "stranger.tflite").write_bytes(pack(tflite()))
    imported = run_fmnist(tmp_path, "import", "stranger.tflite", "--dataset", "fashion-mnist")
    assert imported.returncode == 0, imported.stderr
    result = run_fmnist(tmp_path, "deploy", "--host", "pi", *QUICK, environment=network.environment)
    assert result.returncode == 0, result.stderr
    [device] = json.loads((tmp_path / "deploy.json").read_text())["devices"]
    assert device["outcome"] == "done"
    [model] = device["models"]
    assert (model["accuracy"], model["agreement"], model["failures"]) == (0.8422, 1.0, [])
    assert (pi / "fmnist" / "current").exists()
    assert "fmnist report" in result.stdout
