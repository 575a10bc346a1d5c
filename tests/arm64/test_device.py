"""The command on emulated boards: without a network, and on 32 bits without any engine but NumPy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from arm64.device import Device
from support import TINY, run_fmnist
from support.predicting import T10K, encode

from fmnist_runtime.data.datasets import Dataset

FLOAT32 = 1e-5
"""By how much a probability may differ from that on x86-64: see test_same_answers.py."""
ARM64 = pytest.mark.parametrize("pi", ["bookworm", "trixie"], indirect=True)


def same(there: str, here: str) -> None:
    """Assert that two ``predict --as jsonl`` give the same answers in the same order."""

    def answers(text: str) -> list[list[dict[str, Any]]]:
        return [json.loads(line)["predictions"] for line in text.splitlines()]

    for mine, its in zip(answers(here), answers(there), strict=True):
        assert [one["label"] for one in its] == [one["label"] for one in mine]
        probabilities = [one["probability"] for one in mine]
        assert [one["probability"] for one in its] == pytest.approx(probabilities, rel=0, abs=FLOAT32)


def own(device: Device) -> list[str]:
    """The artifacts that an engine of their own runs there."""
    pattern = "*.npz" if device.pi.system.architecture == "armhf" else "model-*"
    return sorted(path.name for path in (TINY / "export").glob(pattern))


def test_verify_proves_every_artifact(device: Device) -> None:
    done = device.fmnist("verify", *own(device))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" verified ") == len(own(device))


def test_parity_lets_every_artifact_replace_its_original(device: Device) -> None:
    done = device.fmnist("parity", *own(device), "--reference", "../reference.npz", "--json", "parity.json")
    assert done.returncode == 0, done.stdout + done.stderr
    candidates = json.loads((device.artifact_folder / "parity.json").read_text())["candidates"]
    assert [one["name"] for one in candidates if one["passed"]] == own(device)


def test_predict_answers_a_stream_of_frames_as_here(device: Device, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.write_bytes(gzip.decompress(T10K.read_bytes())[16 : 16 + 20 * 28 * 28])
    options = ("--raw", "28x28", "--engine", "numpy", "--as", "jsonl")
    with frames.open("rb") as stdin:
        there = device.fmnist("predict", "model-float32.npz", "-", *options, stdin=stdin)
    assert there.returncode == 0, there.stderr
    here = run_fmnist(tmp_path, "predict", TINY / "export/model-float32.npz", T10K, "--as", "jsonl")
    assert here.returncode == 0, here.stderr
    same(there.stdout, "".join(here.stdout.splitlines(keepends=True)[:20]))


@ARM64
@pytest.mark.parametrize("artifact", ["model-int8.tflite", "model-int8.onnx", "model-float32.npz"])
def test_predict_answers_an_image_file_as_here(
    device: Device, t10k: Dataset, artifact: str, tmp_path: Path
) -> None:
    (device.home / "boot.png").write_bytes(encode(t10k.images[0]))
    there = device.fmnist("predict", artifact, "../../boot.png", "--as", "jsonl")
    assert there.returncode == 0, there.stderr
    picture = device.home / "boot.png"
    here = run_fmnist(tmp_path, "predict", TINY / "export" / artifact, picture, "--as", "jsonl")
    same(there.stdout, here.stdout)
    assert json.loads(there.stdout)["predictions"][0]["label"] == "Ankle boot"
