"""From a finished run to a board that has no network, by ``fmnist bundle`` and ``install.sh`` alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arm64.device import Device
from support import TINY, run_fmnist

MAX_INSTALLED = 250_000_000
"""With TFLite alone; ONNX Runtime takes 68 MB more."""
ONNX_RUNTIME = 68_000_000


def answers(text: str) -> dict[str, Any]:
    models = json.loads(text)["models"]
    return {model["name"]: (model["images"], model["correct"]) for model in models}


def test_without_a_word_it_verifies_and_gets_every_image_right_that_is_right_here(
    device: Device, tmp_path: Path
) -> None:
    verified = device.in_bundle("verify")
    assert verified.returncode == 0, verified.stderr
    evaluated = device.in_bundle("eval", "--json", "-")
    assert evaluated.returncode == 0, evaluated.stderr
    here = answers(run_fmnist(tmp_path, "eval", TINY, "--json", "-").stdout)
    there = answers(evaluated.stdout)
    assert there == {name: here[name] for name in there}
    assert len(there) == (2 if device.pi.system.architecture == "armhf" else 7)
    assert {images for images, _ in there.values()} == {10_000}


def test_it_stays_small(device: Device) -> None:
    files = (path for path in device.bundle.rglob("*") if path.is_file() and not path.is_symlink())
    assert sum(path.stat().st_size for path in files) < MAX_INSTALLED + ONNX_RUNTIME


def test_doctor_says_what_runs_there(device: Device) -> None:
    done = device.in_bundle("doctor", "--json", "-")
    assert done.returncode == 0, done.stderr
    findings = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    engines = {name: findings[f"engine {name}"]["verdict"] for name in ("tflite", "onnx", "numpy")}
    if device.pi.system.architecture == "armhf":
        assert engines == {"tflite": "note", "onnx": "note", "numpy": "ok"}
        assert "no wheel for armv7l" in findings["engine tflite"]["found"]
    else:
        assert engines == {"tflite": "ok", "onnx": "ok", "numpy": "ok"}
        assert "Cortex-A72" in findings["processor"]["found"]
