"""A C model on a board that has neither an engine nor a compiler."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from arm64.device import bring
from arm64.emulated_pi import EmulatedPi
from support import run_fmnist


@pytest.mark.parametrize("pi", ["trixie", "bookworm-armhf"], indirect=True)
def test_its_library_comes_with_the_bundle(
    pi: EmulatedPi, tmp_path: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fmnist = partial(run_fmnist, tmp_path)
    done = fmnist("export", tiny / "export" / "model-int8.tflite", "--format", "c")
    assert done.returncode == 0, done.stderr
    here = fmnist("eval", tiny / "export" / "model-int8.c", "--json", "-")
    device = bring(pi, tmp_path_factory.mktemp("home"), tmp_path, tiny, "--format", "c")
    installed = device.install()
    assert installed.returncode == 0, installed.stdout + installed.stderr
    assert "model-int8.c" in installed.stdout
    there = device.in_bundle("eval", "--json", "-")
    assert there.returncode == 0, there.stderr
    wanted = [model["confusion"] for model in json.loads(here.stdout)["models"]]
    found = [model for model in json.loads(there.stdout)["models"] if model["format"] == "c"]
    assert [model["confusion"] for model in found] == wanted
    assert not list(device.bundle.glob(".venv/lib/python3*/site-packages/ai_edge_litert"))
