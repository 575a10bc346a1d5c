"""What the device's verbs print and write, on the tiny run and the real test images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support import DATA, TINY, TRAINS

from fmnist_runtime.engines import load
from fmnist_runtime.parity import Gate, compare
from fmnist_runtime.recorded import Reference, read_reference, write_reference

EXPORT = TINY / "export"
INT8 = EXPORT / "model-int8.tflite"


def lines_starting(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("name", ["model-int8.tflite", "model-float32.onnx"])
def test_eval_of_one_model(tmp_path, fmnist, t10k, name):
    result = fmnist("eval", EXPORT / name, "--json", "eval.json")
    assert (result.returncode, result.stderr) == (0, "")
    with load(EXPORT / name) as session:
        answers = session.scores(t10k.images).argmax(axis=1)
    accuracy = (answers == t10k.targets).mean()
    [row] = lines_starting(result.stdout, name)
    assert f"{100 * accuracy:.2f}%" in row
    assert "true class \\ answer" in result.stdout
    record = json.loads((tmp_path / "eval.json").read_text())
    assert record["schema"] == "fmnist.eval/1"
    [model] = record["models"]
    assert model["accuracy"] == accuracy
    assert np.trace(model["confusion"]) == model["correct"] == (answers == t10k.targets).sum()
    assert model["labels"][5] == "Sandal"
    assert model["class_accuracy"][5] == (answers[t10k.targets == 5] == 5).mean()
    assert model["images_per_second"] > 0
    assert record["environment"]["cores"] >= 1


def test_eval_of_the_newest_run_has_the_original_first(tiny, fmnist, t10k):
    result = fmnist("eval")
    assert result.returncode == 0
    assert result.stderr == "run: runs/tiny\n"
    names = [line.split()[0] for line in lines_starting(result.stdout, "model")[1:]]
    assert names == [
        "model.keras",
        *(f"model-{s}.tflite" for s in ("float32", "int8", "int8-full")),
        *(f"model-{s}.onnx" for s in ("float32", "int8")),
        "model-float32.npz",
    ]
    reference = read_reference(tiny / "reference.npz")
    accuracy = (reference.scores.argmax(axis=1) == t10k.targets).mean()
    assert f"{100 * accuracy:.2f}%" in lines_starting(result.stdout, "model.keras")[0]


def test_json_on_stdout_stands_alone(fmnist):
    result = fmnist("eval", INT8, "--json", "-")
    assert json.loads(result.stdout)["schema"] == "fmnist.eval/1"


def test_parity_of_the_newest_run_passes(tmp_path, tiny, fmnist, t10k):
    result = fmnist("parity", "--json", "parity.json")
    assert result.returncode == 0
    assert result.stdout.count(" pass ") == 6
    record = json.loads((tmp_path / "parity.json").read_text())
    assert record["schema"] == "fmnist.parity/4"
    reference = read_reference(tiny / "reference.npz")
    with load(INT8) as session:
        expected = compare(reference.scores, session.scores(t10k.images), t10k.targets, Gate(0.005))
    entry = next(entry for entry in record["candidates"] if entry["scheme"] == "int8")
    assert entry["answers"]["agreement"] == expected.answers.agreement
    assert entry["changes"]["flips"]["images"] == list(expected.changes.flips.images)
    assert entry["probabilities"]["max_difference"] == expected.probabilities.max_difference
    assert entry["passed"] is True


@pytest.mark.parametrize("verb", ["parity", "eval", "verify"])
def test_a_file_of_an_earlier_model_is_left_out_and_named(tiny, fmnist, verb):
    """It lies among those that passed, and is not one of them."""
    manifest = tiny / "export" / "manifest.json"
    record = json.loads(manifest.read_text())
    [entry] = [entry for entry in record["artifacts"] if entry["file"] == INT8.name]
    entry["source_sha256"] = "0" * 64
    manifest.write_text(json.dumps(record))
    result = fmnist(verb)
    assert result.returncode == 0
    assert INT8.name not in result.stdout
    left_out = f"left out, as they were made from an earlier model.keras: {INT8.name}"
    assert result.stderr.splitlines() == ["run: runs/tiny", left_out]


def test_parity_fails_where_the_model_got_worse(tmp_path, fmnist):
    """A reference that is right where the artifact is wrong: 3 exit code, with the reason in words."""
    reference = read_reference(TINY / "reference.npz")
    perfect = np.eye(10, dtype=np.float32)[reference.targets]
    write_reference(tmp_path / "perfect.npz", Reference(**{**vars(reference), "scores": perfect}))
    result = fmnist(
        "parity", INT8, EXPORT / "model-float32.onnx", "--reference", "perfect.npz", "--json", "out.json"
    )
    assert result.returncode == 3
    assert result.stdout.count(" FAIL ") == 2
    assert "model-int8.tflite: max-drop: accuracy is" in result.stdout
    assert "beyond the 0.5 allowed" in result.stdout
    assert "model-float32.onnx: max-difference: a probability differs by" in result.stdout
    record = json.loads((tmp_path / "out.json").read_text())
    assert [entry["passed"] for entry in record["candidates"]] == [False, False]


def test_max_drop_is_in_percentage_points(tmp_path, fmnist):
    """50 of 10,000 images lost and none won: 0.5 points, with Tango's interval from 0.6585 to 0.3795."""
    reference = read_reference(TINY / "reference.npz")
    with load(INT8) as session:
        from support import DATA

        from fmnist_runtime.data.datasets import load_dataset

        scores = session.scores(load_dataset("fashion-mnist", "test", DATA).images)
    wrong = np.flatnonzero(scores.argmax(axis=1) != reference.targets)[:50]
    scores[wrong] = np.eye(10, dtype=np.float32)[reference.targets[wrong]]
    write_reference(tmp_path / "better.npz", Reference(**{**vars(reference), "scores": scores}))
    codes = [
        fmnist(
            "parity", INT8, "--reference", "better.npz", "--max-confident-flips", 50, "--max-drop", drop
        ).returncode
        for drop in (0.6586, 0.6585)
    ]
    assert codes == [0, 3]


def test_data_list_and_verify(fmnist):
    listed = fmnist("data", "list")
    assert listed.returncode == 0
    assert lines_starting(listed.stdout, "fashion-mnist")[0].split()[2:] == [
        "60,000",
        "10,000",
        "28x28",
        "10",
        "fashion-mnist",
    ]
    verified = fmnist("data", "verify")
    assert verified.returncode == 0
    assert verified.stdout.count("as published") == 8


@pytest.mark.skipif(not TRAINS, reason="runs the original")
def test_the_original_stands_beside_artifacts_only_on_the_same_images(tiny, fmnist):
    """Its recorded scores are of Fashion-MNIST; asked for another data set, it is run on that."""
    result = fmnist("eval", "--dataset", "mnist", "--json", "eval.json")
    assert result.returncode == 0, result.stderr
    models = json.loads((tiny.parent.parent / "eval.json").read_text())["models"]
    assert {model["dataset"] for model in models} == {"mnist"}
    assert len({model["dataset_digest"] for model in models}) == 1


def test_output_goes_where_the_shell_says(tmp_path, fmnist):
    """Into a pipe whose reader leaves, a full device, a closed descriptor, another encoding."""

    def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        fmnist_command = f"{sys.executable} -m fmnist"
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command.replace('fmnist', fmnist_command, 1)}"],
            cwd=tmp_path,
            env={**os.environ, "FMNIST_DATA": str(DATA), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    assert shell("fmnist data list | true").stderr == ""
    full = shell("fmnist data list > /dev/full")
    assert (full.returncode, full.stderr.count("\n")) == (1, 1)
    assert "standard output cannot be written" in full.stderr
    closed = shell("fmnist data list >&-")
    assert (closed.returncode, closed.stderr) == (0, "")
    ascii_only = shell("fmnist data list", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (ascii_only.returncode, ascii_only.stderr) == (0, "")
    assert "60,000" in ascii_only.stdout


@pytest.mark.skipif(not TRAINS, reason="exports")
def test_a_run_can_be_named_like_a_model(tiny, fmnist):
    named = fmnist("eval", tiny)
    assert named.returncode == 0
    assert named.stdout.count("\n") == fmnist("eval").stdout.count("\n")
    exported = fmnist("export", tiny)
    assert exported.returncode == 0
    assert "model-float32.tflite" in exported.stdout


def test_parity_says_when_the_reference_is_another_model(tmp_path, fmnist):
    reference = read_reference(TINY / "reference.npz")
    write_reference(tmp_path / "other.npz", Reference(**{**vars(reference), "model_sha256": "0" * 64}))
    result = fmnist(
        "parity", INT8, "--reference", "other.npz", "--json", "parity.json", "--junit", "parity.xml"
    )
    assert result.returncode == 0
    assert "was made from another model than this reference" in result.stdout
    assert "<system-out>was made from another model than" in (tmp_path / "parity.xml").read_text()
    assert json.loads((tmp_path / "parity.json").read_text())["candidates"][0]["same_original"] is False


def test_verify_goes_on_after_a_damaged_data_set(tmp_path, fmnist):
    for name in ("fashion-mnist", "mnist"):
        shutil.copytree(DATA / name, tmp_path / "own" / name)
    damaged = tmp_path / "own" / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    result = fmnist("data", "verify", "--data-dir", "own")
    assert result.returncode == 1
    assert result.stdout.count("as published") == 4
    assert "train-images-idx3-ubyte.gz: gzip stream is cut off" in result.stderr
    assert fmnist("data", "list", "--data-dir", "own").returncode == 0
