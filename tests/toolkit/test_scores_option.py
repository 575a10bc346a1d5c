"""``fmnist eval --scores``, and ``fmnist parity`` against kept scores and other artifacts."""

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
from support import ROOT, TINY, run_fmnist

from fmnist_exporters.metadata import embed_zip
from fmnist_runtime import load
from fmnist_runtime.carriers import read_carried, read_metadata
from fmnist_runtime.idx import idx_header
from fmnist_runtime.reference import Reference, read_reference
from fmnist_runtime.scores import ModelScores, ScoresFile, read_scores, write_scores

EXPORT = TINY / "export"
INT8 = EXPORT / "model-int8.tflite"
ONNX = EXPORT / "model-float32.onnx"
NAMES = [
    "model.keras",
    *(f"model-{scheme}.tflite" for scheme in ("float32", "int8", "int8-full")),
    *(f"model-{scheme}.onnx" for scheme in ("float32", "int8")),
    "model-float32.npz",
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scores of the whole tiny run, as the command keeps them."""
    folder = tmp_path_factory.mktemp("kept")
    result = run_fmnist(folder, "eval", TINY, "--scores", "scores.npz")
    assert result.returncode == 0, result.stderr
    return folder / "scores.npz"


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


def with_metadata(path: Path, **changes: object) -> Path:
    metadata, carried = read_metadata(INT8), read_carried(INT8)
    assert metadata is not None
    assert carried is not None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(embed_zip(INT8.read_bytes()[: carried.model_bytes], replace(metadata, **changes)))
    return path


LABELS = read_reference(TINY / "reference.npz").labels


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
    (own / "t10k-images-idx3-ubyte").write_bytes(idx_header(t10k.images[:50]) + t10k.images[:50].tobytes())
    (own / "t10k-labels-idx1-ubyte").write_bytes(idx_header(t10k.targets[:50]) + t10k.targets[:50].tobytes())
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
    assert [file["unpaired"] for file in record["scores"]] == [[], []]
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
        "model-int8-full.tflite: min-agreement: agreement is 99.91 %, 0.09 points short of 100 %"
    )
    assert f"{other} (aarch64) was held against {kept} (" in result.stdout
    entries = {entry["name"]: entry for entry in json.loads((tmp_path / "p.json").read_text())["candidates"]}
    changed = entries.pop("model-int8-full.tflite")
    assert changed["changes"]["flips"]["images"] == rows
    assert all(entry["changes"]["flips"]["images"] == [] and entry["passed"] for entry in entries.values())
    default = fmnist("parity", "--scores", kept, other, "--max-confident-flips", 9, "--markdown", "-")
    assert default.returncode == 0
    assert default.stdout.startswith("### Parity: each may replace it\n")
    assert "(aarch64) was held against" in default.stdout


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
    assert kept_record["candidates"] == direct_record["candidates"]
    assert kept_record["reference"] == direct_record["reference"]


def test_a_model_that_is_in_one_file_only_is_named(tmp_path, fmnist, kept):
    scores = read_scores(kept)
    left = write(tmp_path / "left.npz", replace(scores, models=scores.models[:3]))
    right = write(tmp_path / "right.npz", replace(scores, models=scores.models[2:5]))
    result = fmnist("parity", "--scores", left, right)
    assert result.returncode == 0
    assert result.stdout.count(" pass ") == 1
    assert f"only in {left}, compared with nothing: model.keras, model-float32.tflite\n" in result.stdout
    assert f"only in {right}, compared with nothing: model-int8-full.tflite, model-float32.o" in result.stdout
    other = write(tmp_path / "other.npz", replace(scores, models=scores.models[3:]))
    none = fmnist("parity", "--scores", left, other)
    assert (none.returncode, none.stdout, none.stderr.count("\n")) == (1, "", 1)
    assert f"other.npz: has no model of a name in {left} (" in none.stderr


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
from fmnist.cli import app
app()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count(" pass ") == len(NAMES)


@pytest.mark.parametrize("name", ["model-float32.tflite", "model-float32.onnx", "model-float32.npz"])
def test_another_artifact_as_the_original(tmp_path, fmnist, t10k, name):
    result = fmnist("parity", INT8, "--reference", EXPORT / name, "--json", "parity.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"against {name} on 10,000 test images of fashion-mnist\n")
    record = json.loads((tmp_path / "parity.json").read_text())
    with load(INT8) as candidate, load(EXPORT / name) as original:
        answers = candidate.scores(t10k.images).argmax(axis=1)
        flips = np.flatnonzero(answers != original.scores(t10k.images).argmax(axis=1))
    [entry] = record["candidates"]
    assert entry["changes"]["flips"]["images"] == flips.tolist()
    assert entry["same_original"] is True
    assert record["reference"]["name"] == name


def test_an_artifact_of_another_original(tmp_path, fmnist):
    other = with_metadata(tmp_path / "other.tflite", source_sha256="0" * 64)
    result = fmnist("parity", INT8, "--reference", other)
    assert result.returncode == 0
    assert "model-int8.tflite: was made from another model than this reference" in result.stdout


def test_a_foreign_artifact_says_nothing_of_its_original(tmp_path, fmnist):
    carried = read_carried(INT8)
    assert carried is not None
    (tmp_path / "foreign.tflite").write_bytes(INT8.read_bytes()[: carried.model_bytes])
    arguments = ("--reference", "foreign.tflite", "--dataset", "fashion-mnist", "--json", "parity.json")
    result = fmnist("parity", INT8, *arguments)
    assert result.returncode == 0, result.stderr
    [entry] = json.loads((tmp_path / "parity.json").read_text())["candidates"]
    assert entry["same_original"] is None
    assert entry["probabilities"]["max_difference"] == 0


def test_kept_scores_as_the_original(tmp_path, fmnist, kept):
    scores = read_scores(kept)
    only = write(tmp_path / "only.npz", replace(scores, models=scores.models[:1]))
    by_scores = fmnist("parity", INT8, "--reference", only)
    by_reference = fmnist("parity", INT8, "--reference", TINY / "reference.npz")
    assert by_scores.returncode == by_reference.returncode == 0
    assert by_scores.stdout == by_reference.stdout
    several = fmnist("parity", INT8, "--reference", kept)
    assert (several.returncode, several.stderr.count("\n")) == (1, 1)
    assert "holds scores of 7 models; compare it with another such file: fmnist parity --s" in several.stderr


@pytest.mark.parametrize("reference", ["artifact", "scores"])
def test_layers_need_the_keras_model(fmnist, kept, reference):
    path = {"artifact": ONNX, "scores": kept}[reference]
    result = fmnist("parity", INT8, "--reference", path, "--layers")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "holds no layer's values; name the original Keras model with --reference" in result.stderr
