"""``fmnist eval --scores``: the exact scores of models in a file."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, TINY
from support.artifacts import with_metadata

from fmnist_runtime import load
from fmnist_runtime.data.idx import idx_header
from fmnist_runtime.recorded import read_reference, read_scores

EXPORT = TINY / "export"
INT8 = EXPORT / "model-int8.tflite"
NAMES = [
    "model.keras",
    *(f"model-{scheme}.tflite" for scheme in ("float32", "int8", "int8-full")),
    *(f"model-{scheme}.onnx" for scheme in ("float32", "int8")),
    "model-float32.npz",
]
LABELS = read_reference(TINY / "reference.npz").labels


def test_the_scores_of_a_run_are_kept_to_the_bit(kept, t10k):
    scores = read_scores(kept)
    assert [model.scored.model for model in scores.models] == NAMES
    reference = read_reference(TINY / "reference.npz")
    original = scores.models[0].scored
    assert original.scores.tobytes() == reference.scores.tobytes()
    assert replace(original, scores=None, targets=None) == replace(reference, scores=None, targets=None)
    for model in scores.models[1:]:
        with load(EXPORT / model.scored.model) as session:
            expected = session.scores(t10k.images)
            assert (model.engine, model.scheme) == (session.info.engine, session.info.scheme)
        assert model.scored.scores.tobytes() == expected.tobytes()
        assert model.scored.original_sha256 == reference.model_sha256
    assert scores.split.dataset_digest == t10k.digest
    assert np.array_equal(scores.split.targets, t10k.targets)


def test_eval_says_and_writes_the_rest_as_ever(tmp_path, fmnist):
    result = fmnist("eval", INT8, "--scores", "scores.npz", "--json", "eval.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert "true class \\ answer" in result.stdout
    assert json.loads((tmp_path / "eval.json").read_text())["models"][0]["images"] == 10_000
    first = (tmp_path / "scores.npz").read_bytes()
    assert fmnist("eval", INT8, "--scores", "scores.npz").returncode == 0  # ours, so it is replaced
    assert (tmp_path / "scores.npz").read_bytes() == first


@pytest.mark.parametrize("name", ["reference.npz", "model.tflite", "eval.json", "notes"])
def test_what_is_no_file_of_scores_is_not_replaced(tmp_path, fmnist, name):
    """Least of all the recorded scores of a run's original, on which its parity rests."""
    path = tmp_path / name
    shutil.copy(
        {"reference.npz": TINY / "reference.npz", "model.tflite": INT8}.get(name, ROOT / "LICENSE"), path
    )
    before = path.read_bytes()
    result = fmnist("eval", INT8, "--scores", name)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"fmnist: {name}: exists and is no file of scores; choose another file\n"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("model-int8.tflite", {}, "and parity pairs scores by name; keep them in a file each"),
        ("other.tflite", {"dataset_digest": "0" * 64}, "(digest 000000000000), and "),
        (
            "other.tflite",
            {"labels": (LABELS[1], LABELS[0], *LABELS[2:])},
            "in another order: class 0 is 'Trou",
        ),
    ],
)
def test_models_that_do_not_belong_into_one_file_are_refused_before_any_is_run(
    tmp_path, fmnist, name, changes, complaint
):
    """The data set is not there at all, and is not asked for."""
    other = with_metadata(tmp_path / "other" / name, **changes)
    nowhere = {"FMNIST_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    result = fmnist("eval", INT8, other, "--scores", "scores.npz", environment=nowhere)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert str(other) in result.stderr
    assert complaint in result.stderr
    assert not (tmp_path / "scores.npz").exists()


def test_an_artifact_that_knows_no_digest_is_kept_beside_one_that_does(tmp_path, fmnist):
    other = with_metadata(tmp_path / "other.tflite", dataset_digest="")
    assert fmnist("eval", INT8, other, "--scores", "scores.npz").returncode == 0
    assert len(read_scores(tmp_path / "scores.npz").models) == 2


def test_models_that_say_nothing_are_refused_before_anything_is_written(tmp_path, fmnist, t10k):
    """A Keras model has what its run says: here another data set."""
    run = Path(shutil.copytree(TINY, tmp_path / "runs" / "own"))
    own = tmp_path / "own"
    own.mkdir()
    (own / "t10k-images-idx3-ubyte").write_bytes(
        idx_header(t10k.images[:50].shape) + t10k.images[:50].tobytes()
    )
    (own / "t10k-labels-idx1-ubyte").write_bytes(
        idx_header(t10k.targets[:50].shape) + t10k.targets[:50].tobytes()
    )
    train = json.loads((run / "train.json").read_text())
    train["settings"]["dataset"], train["test_digest"] = str(own), ""
    (run / "train.json").write_text(json.dumps(train))
    result = fmnist("eval", INT8, run / "model.keras", "--scores", "scores.npz")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert f"model.keras: is of {own}" in result.stderr
    assert not (tmp_path / "scores.npz").exists()


def test_an_original_without_names_of_its_classes_is_kept_beside_its_artifact(tmp_path, fmnist):
    shutil.copy(TINY / "model.keras", tmp_path / "mine.keras")
    arguments = ("mine.keras", INT8, "--dataset", "fashion-mnist", "--scores", "scores.npz")
    assert fmnist("eval", *arguments).returncode == 0
    scores = read_scores(tmp_path / "scores.npz")
    assert scores.split.labels == LABELS
    assert [model.scored.original_sha256 for model in scores.models] == [scores.split.model_sha256] * 2
