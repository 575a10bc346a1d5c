"""From somebody's Keras model and photographs to a board, by ``fmnist import`` and ``fmnist bundle``."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from arm64.device import bring
from arm64.emulated_pi import USER, EmulatedPi
from support import run_fmnist
from support.photographs import train_theirs, write_photographs

from fmnist_runtime.data.datasets import Dataset

DIFFERENT = 0.02
"""Share of the photographs whose probabilities may differ by more than rounding, as Pillow's JPEG decoder has
other instructions there. Counted: 0 of 150."""
ROUNDING = 1e-5
"""As of ``test_same_answers``."""


def answers(text: str) -> dict[str, Any]:
    record = json.loads(text)
    assert record["preparation"] == "pad"
    return {image["file"]: image for image in record["images"]}


@pytest.mark.parametrize("pi", ["trixie"], indirect=True)
def test_photographs_get_the_same_answers_there(
    pi: EmulatedPi, tmp_path: Path, t10k: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_photographs(tmp_path / "photos", t10k)
    train_theirs(tmp_path / "photos", tmp_path / "own.keras")
    fmnist = partial(run_fmnist, tmp_path)
    options = ("--preparation", "pad", "--input-range", "0-1")
    for verb in (
        ("import", "own.keras", "--dataset", "photos", *options),
        ("export", "--format", "tflite", "--quantize", "int8"),
    ):
        done = fmnist(*verb)
        assert done.returncode == 0, done.stderr
    home = tmp_path_factory.mktemp("home")
    device = bring(pi, home, tmp_path, tmp_path / "runs" / "own")
    installed = device.install()
    assert installed.returncode == 0, installed.stdout + installed.stderr
    for label in ("bag", "boot", "trouser"):
        chosen = device.bundle / "photos" / label
        chosen.mkdir(parents=True)
        for number in range(50):
            shutil.copy(tmp_path / "photos" / label / f"{number}.jpg", chosen)
    for path in (device.bundle / "photos").rglob("*"):
        os.chown(path, USER, USER)
    done = device.in_bundle("predict", "runs/own", "photos", "--json", "-")
    assert done.returncode == 0, done.stderr
    there = answers(done.stdout)
    copied = tmp_path / "copied"
    shutil.copytree(device.bundle / "photos", copied / "photos")
    model = tmp_path / "runs" / "own" / "export" / "model-int8.tflite"
    here = answers(run_fmnist(copied, "predict", model, "photos", "--json", "-").stdout)
    assert here.keys() == there.keys()
    assert len(here) == 150
    different = 0
    for file, mine in here.items():
        its = there[file]
        assert its["predictions"][0]["label"] == mine["predictions"][0]["label"], file
        assert (its["inverted"], its["unlike"]) == (mine["inverted"], mine["unlike"])
        pairs = zip(mine["predictions"], its["predictions"], strict=True)
        different += any(abs(a["probability"] - b["probability"]) > ROUNDING for a, b in pairs)
    assert different <= DIFFERENT * len(here)
