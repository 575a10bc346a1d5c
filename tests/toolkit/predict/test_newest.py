"""`fmnist predict` without a model takes an artifact of the newest run; what stands for a model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import TINY
from support.predicting import encode


@pytest.fixture
def boot(tmp_path, t10k) -> Path:
    path = tmp_path / "boot.png"
    path.write_bytes(encode(t10k.images[0]))
    return path


def named_model(result) -> str:
    assert result.returncode == 0, result.stderr
    assert "boot.png  Ankle boot " in result.stdout
    [line] = result.stderr.splitlines()
    assert line.startswith("model: ")
    return line.removeprefix("model: ")


def test_an_artifact_of_the_newest_run_is_taken_and_said(fmnist, tiny, boot):
    older = Path(shutil.copytree(tiny, tiny.with_name("older")))
    record = json.loads((older / "train.json").read_text())
    (older / "train.json").write_text(json.dumps(record | {"finished": "2020-01-01T00:00:00+00:00"}))
    assert named_model(fmnist("predict", "boot.png")) == "runs/tiny/export/model-float32.tflite"
    result = fmnist("predict", "runs/older", "boot.png")
    assert named_model(result) == "runs/older/export/model-float32.tflite"


def test_a_folder_and_standard_input_are_images_not_models(tmp_path, tiny, boot):
    (tmp_path / "photos").mkdir()
    shutil.move(boot, tmp_path / "photos" / "boot.png")
    command = [sys.executable, "-m", "fmnist", "predict", "--as", "jsonl"]
    content = (tmp_path / "photos" / "boot.png").read_bytes()
    for named in ("photos", "-"):
        result = subprocess.run(
            [*command, named], cwd=tmp_path, input=content, capture_output=True, check=True
        )
        assert json.loads(result.stdout)["predictions"][0]["label"] == "Ankle boot"
        assert result.stderr == b"model: runs/tiny/export/model-float32.tflite\n"


def test_a_model_file_is_told_by_its_suffix(fmnist, tiny, boot):
    """Also one that an export rejected, and one that was mistyped, which is no image."""
    rejected = shutil.copy(TINY / "export" / "model-int8.onnx", tiny / "mine.onnx.rejected")
    result = fmnist("predict", rejected, "boot.png")
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("modle.tflite", "modle.onnx", "modle.npz", "modle.keras", "modle.H5", "modle.onnx.rejected"):
        result = fmnist("predict", name, "boot.png")
        assert (result.returncode, result.stdout) == (1, "")
        [line] = result.stderr.splitlines()
        assert line.startswith(f"fmnist: {name}: no such file; give the path of a model")


def test_the_first_artifact_whose_engine_is_there_is_taken(fmnist, tiny, boot, tmp_path):
    """As on a board that has no wheel of LiteRT; or the engine is named."""
    result = fmnist("predict", "boot.png", "--engine", "onnxruntime")
    assert named_model(result) == "runs/tiny/export/model-float32.onnx"
    for name in ("ai_edge_litert", "tflite_runtime"):
        (tmp_path / "absent" / name).mkdir(parents=True)
        (tmp_path / "absent" / name / "__init__.py").write_text(f"raise ModuleNotFoundError(name={name!r})")
    path = os.pathsep.join([str(tmp_path / "absent"), *sys.path])
    result = fmnist("predict", "boot.png", environment={"PYTHONPATH": path})
    assert named_model(result) == "runs/tiny/export/model-float32.onnx"


@pytest.mark.parametrize("named", [["runs/tiny"], []], ids=["named", "newest"])
def test_a_run_without_artifacts_says_what_to_type(fmnist, tiny, boot, named):
    shutil.rmtree(tiny / "export")
    result = fmnist("predict", *named, "boot.png")
    assert (result.returncode, result.stdout) == (1, "")
    export = "fmnist export runs/tiny --format all --quantize all"
    assert result.stderr == f"fmnist: runs/tiny: nothing is exported yet; run: {export}\n"


def test_no_run_at_all_says_what_to_type(fmnist, boot):
    result = fmnist("predict", "boot.png")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "fmnist: no finished run under runs/: name a model, or make one with: fmnist train\n"
    )


def test_a_damaged_run_is_not_taken_for_a_folder_of_images(fmnist, tiny, boot):
    shutil.copy(boot, tiny / "boot.png")
    (tiny / "train.json").write_text("{")
    result = fmnist("predict", "runs/tiny", "boot.png")
    assert (result.returncode, result.stdout) == (1, "")
    assert "runs/tiny/train.json: is damaged" in result.stderr


@pytest.mark.parametrize("named", [[], ["runs/tiny"], ["runs/tiny/export/model-int8.tflite"]])
def test_no_images_are_wrong_usage(fmnist, tiny, named):
    result = fmnist("predict", *named)
    assert (result.returncode, result.stdout) == (2, "")
    assert "PATH..." in result.stderr
