"""``fmnist parity --scores``: two files of scores beside each other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from support import TINY

from fmnist_runtime.recorded import ModelScores, Reference, ScoresFile, read_scores, write_scores

EXPORT = TINY / "export"
INT8 = EXPORT / "model-int8.tflite"
NAMES = [
    "model.keras",
    *(f"model-{scheme}.tflite" for scheme in ("float32", "int8", "int8-full")),
    *(f"model-{scheme}.onnx" for scheme in ("float32", "int8")),
    "model-float32.npz",
]


def write(path: Path, scores: ScoresFile) -> Path:
    write_scores(path, scores)
    return path


def changed(scores: ScoresFile, change: Callable[[Reference], Reference]) -> ScoresFile:
    """The same file with every model's scores changed."""
    models = (replace(model, scored=change(model.scored)) for model in scores.models)
    return replace(scores, models=tuple(models))


def one_level_up(scores: ScoresFile, name: str, rows: list[int]) -> ScoresFile:
    """The same file, one model of which gives its second class one level of 1/256 more than its first."""

    def moved(model: ModelScores) -> ModelScores:
        if model.scored.model != name:
            return model
        new = model.scored.scores.copy()
        order = new[rows].argsort(axis=1)
        new[rows, order[:, -2]] = new[rows, order[:, -1]] + np.float32(1 / 256)
        return replace(model, scored=replace(model.scored, scores=new))

    return replace(scores, models=tuple(map(moved, scores.models)))


def test_a_file_against_itself_passes_with_nothing_changed(tmp_path, fmnist, kept):
    result = fmnist("parity", "--scores", kept, kept, "--json", "parity.json", "--junit", "junit.xml")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("each against the model of its name on 10,000 test images of fashion-mn")
    record = json.loads((tmp_path / "parity.json").read_text())
    assert [entry["name"] for entry in record["candidates"]] == NAMES
    assert [entry["reference"]["name"] for entry in record["candidates"]] == NAMES
    for entry in record["candidates"]:
        assert (entry["passed"], entry["same_original"]) == (True, True)
        assert entry["changes"]["flips"]["images"] == []
        assert entry["probabilities"]["max_difference"] == 0
        assert entry["answers"]["agreement"] == 1
    assert record["reference"]["name"] is None
    assert record["left_out"] == []
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("failures") == "0"


def test_one_level_in_a_few_rows_is_found(tmp_path, fmnist, kept):
    """Answers that changed on another machine: nine of them, and no model but this one."""
    rows = [3, 17, 404, 1000, 2024, 4711, 5000, 7777, 9999]
    scores = replace(read_scores(kept), machine="aarch64")
    other = write(tmp_path / "arm.npz", one_level_up(scores, "model-int8-full.tflite", rows))
    result = fmnist("parity", "--scores", kept, other, "--min-agreement", "1", "--json", "p.json")
    assert result.returncode == 3
    [breach] = [line for line in result.stdout.splitlines() if ": min-agreement: " in line]
    assert breach == (
        "model-int8-full.tflite: min-agreement: agreement is 99.91%, 0.09 points short of 100%; allow less "
        "with --min-agreement 0.9991"
    )
    assert f"{other} (aarch64) was compared with {kept} (" in result.stdout
    entries = {entry["name"]: entry for entry in json.loads((tmp_path / "p.json").read_text())["candidates"]}
    changed = entries.pop("model-int8-full.tflite")
    assert changed["changes"]["flips"]["images"] == rows
    assert all(entry["changes"]["flips"]["images"] == [] and entry["passed"] for entry in entries.values())
    default = fmnist("parity", "--scores", kept, other, "--max-confident-flips", 9, "--markdown", "-")
    assert default.returncode == 0
    assert default.stdout.startswith("### Parity: each may replace it\n")
    assert "(aarch64) was compared with" in default.stdout


@pytest.mark.parametrize("reference", ["reference.npz", "original.npz"])
def test_one_model_first_is_the_reference_of_all(tmp_path, fmnist, kept, reference):
    """With the very counts of the comparison that runs the models; also from a device's reference.npz."""
    scores = read_scores(kept)
    write_scores(tmp_path / "original.npz", replace(scores, models=scores.models[:1]))
    shutil.copy(TINY / "reference.npz", tmp_path / "reference.npz")
    candidates = write(tmp_path / "candidates.npz", replace(scores, models=scores.models[1:]))
    kept_result = fmnist("parity", "--scores", reference, candidates, "--json", "kept.json")
    assert kept_result.returncode == 0, kept_result.stderr
    direct = fmnist("parity", TINY, "--json", "direct.json")
    tables = direct.stdout.rstrip("\n")
    assert kept_result.stdout.startswith(tables)
    kept_record, direct_record = (
        json.loads((tmp_path / name).read_text()) for name in ("kept.json", "direct.json")
    )
    for candidate in direct_record["candidates"]:  # which were run now, on what they take
        assert (candidate["input_range"], candidate["range_known_from"]) == ("0-255", "its seal")
        candidate |= {"input_range": None, "range_known_from": ""}
    assert kept_record["candidates"] == direct_record["candidates"]
    assert kept_record["reference"] == direct_record["reference"]


def test_a_model_that_is_in_one_file_only(tmp_path, fmnist, kept):
    """One that is right and has no candidate is left out; a candidate is never let through uncompared."""
    scores = read_scores(kept)
    left = write(tmp_path / "left.npz", replace(scores, models=scores.models[:3]))
    right = write(tmp_path / "right.npz", replace(scores, models=scores.models[2:3]))
    result = fmnist("parity", "--scores", left, right)
    assert result.returncode == 0
    assert result.stdout.count(" pass ") == 1
    assert f"only in {left}, so left out: model.keras, model-float32.tflite\n" in result.stdout
    more = write(tmp_path / "more.npz", replace(scores, models=scores.models[2:5]))
    refused = fmnist("parity", "--scores", left, more)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    named = "model-int8-full.tflite, model-float32.onnx would be compared with nothing"
    assert f"more.npz: {named}, as {left} has no such model" in refused.stderr


def test_the_originals_rounding_is_allowed_its_artifacts(tmp_path, fmnist, kept):
    """A network of large logits: float32 differs by more than 1e-5 wherever sums are in another order."""
    far = np.float32(3e-5)

    def moved(scored: Reference) -> Reference:
        return replace(scored, scores=np.abs(scored.scores - far), rounding=0.0)

    scores = read_scores(kept)
    rounding = replace(scores.models[0], scored=replace(scores.models[0].scored, rounding=2e-5))
    other = write(tmp_path / "other.npz", changed(scores, moved))
    assert fmnist("parity", "--scores", kept, other).returncode == 3
    allowed = write(tmp_path / "allowed.npz", replace(scores, models=(rounding, *scores.models[1:])))
    assert fmnist("parity", "--scores", allowed, other).returncode == 0
    assert fmnist("parity", "--scores", allowed, other, "--max-difference", "1e-5").returncode == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda one: replace(one, dataset="mnist", dataset_digest="0" * 64),
            "is of the 10,000 test images of mnist (digest 000000000000), and ",
        ),
        (
            lambda one: replace(
                one, dataset_digest="1" * 64, scores=one.scores[:9000], targets=one.targets[:9000]
            ),
            "is of the 9,000 test images of fashion-mnist (digest 111111111111), and ",
        ),
        (
            lambda one: replace(
                one, labels=(*one.labels, "Hat"), scores=np.pad(one.scores, ((0, 0), (0, 1)))
            ),
            "has 11 classes, and ",
        ),
        (
            lambda one: replace(one, labels=one.labels[::-1]),
            "in another order: class 0 is 'Ankle boot', and 'T-shirt/top' there",
        ),
        (
            lambda one: replace(one, targets=one.targets[::-1].copy()),
            "not of the same true classes; one of them was changed, evaluate the models again",
        ),
    ],
    ids=["data set", "size", "class count", "label order", "true classes"],
)
def test_files_that_do_not_fit_together(tmp_path, fmnist, kept, change, complaint):
    other = write(tmp_path / "other.npz", changed(read_scores(kept), change))
    result = fmnist("parity", "--scores", kept, other, "--json", "parity.json")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith(f"fmnist: {other}: ")
    assert complaint in result.stderr
    assert str(kept) in result.stderr
    assert not (tmp_path / "parity.json").exists()


def test_a_file_that_is_neither(fmnist, kept):
    for path in (EXPORT / "model-float32.npz", INT8, "absent.npz"):
        result = fmnist("parity", "--scores", kept, path)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)
        assert result.stderr.startswith(f"fmnist: {path}: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["parity", INT8, "--scores", "a.npz", "b.npz"], "leave out CANDIDATE"),
        (["parity", "--reference", INT8, "--scores", "a.npz", "b.npz"], "leave out --reference"),
        (["parity", "--layers", "--scores", "a.npz", "b.npz"], "leave out --layers"),
        (["parity", "--plots", "pictures", "--scores", "a.npz", "b.npz"], "leave out --plots"),
        (["parity", "--dataset", "mnist", "--scores", "a.npz", "b.npz"], "leave out --dataset"),
        (["parity", "--data-dir", "data", "--scores", "a.npz", "b.npz"], "leave out --data-dir"),
        (["parity", "--threads", "2", "--scores", "a.npz", "b.npz"], "leave out --threads"),
        (["parity", "--engine", "numpy", "--scores", "a.npz", "b.npz"], "leave out --engine"),
        (["parity", "--input-range", "0-1", "--scores", "a.npz", "b.npz"], "leave out --input-range"),
        (["parity", "--scores", "a.npz"], "requires 2 arguments"),
        (["eval", INT8, "--scores", "-"], "scores are binary and take a file, such as scores.npz"),
    ],
)
def test_wrong_usage_exits_2(tmp_path, fmnist, arguments, complaint):
    result = fmnist(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert complaint in result.stderr
    assert not any(tmp_path.iterdir())


def test_no_engine_and_no_tensorflow_is_needed(kept):
    """Nor the images: the files hold all that is compared."""
    code = f"""
import sys
for name in ("tensorflow", "keras", "onnx", "onnxruntime", "ai_edge_litert", "tflite_runtime", "PIL"):
    sys.modules[name] = None
sys.argv = ["fmnist", "parity", "--scores", {str(TINY / "reference.npz")!r}, {str(kept)!r}]
from fmnist.cli.main import app
app()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count(" pass ") == len(NAMES)
