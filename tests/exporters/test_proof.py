"""What does not answer like its original does not get its name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import DATA, TINY

from fmnist_exporters import proof
from fmnist_exporters.manifest import MANIFEST_FILE, is_ours, write_manifest
from fmnist_exporters.proof import ProofImages
from fmnist_exporters.recipes import RECIPES, Recipe
from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_container, read_metadata
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.errors import OutputError, RejectedError
from fmnist_runtime.files import Draft, require_writable
from fmnist_runtime.verify import verify

INT8 = next(recipe for recipe in RECIPES if (recipe.format, recipe.scheme) == ("tflite", "int8"))
FLOAT32 = next(recipe for recipe in RECIPES if (recipe.format, recipe.scheme) == ("onnx", "float32"))


@pytest.fixture(scope="module")
def exam() -> ProofImages:
    """A thousand training images with the original's answers, as the float32 artifact gives them."""
    training = load_dataset("fashion-mnist", "train", DATA)
    with load(TINY / "export" / "model-float32.npz") as original:
        scores = original.scores(training.images[:1000])
    return ProofImages(training.images[:1000], training.targets[:1000], scores)


def prove(
    model: bytes, metadata: Metadata, recipe: Recipe, path: Path, exam: ProofImages, rounding: float = 1e-7
) -> Metadata:
    """Prove and name it, of an original that rounds so much."""
    with Draft(path) as draft:
        metadata = proof.prove(model, metadata, recipe, draft, exam, lambda images, scores: rounding)
        proof.finish(draft, metadata)
    return metadata


def model_of(recipe: Recipe) -> tuple[bytes, Metadata]:
    """What the converter gave for the tiny run, and what it was made from."""
    path = recipe.artifact_path("model", TINY / "export")
    container, metadata = read_container(path), read_metadata(path)
    assert container is not None
    assert metadata is not None
    return path.read_bytes()[: container.model_bytes], dataclasses.replace(metadata, golden=None, proof={})


def biased(exam: ProofImages) -> ProofImages:
    """An original that gets every shirt right, which the artifact does not."""
    scores = exam.scores.copy()
    scores[exam.targets == 6] = np.eye(10, dtype=np.float32)[6]
    return dataclasses.replace(exam, scores=scores)


@pytest.mark.parametrize("recipe", [INT8, FLOAT32], ids=lambda recipe: recipe.format)
def test_what_passes_gets_its_name_and_proof(tmp_path, exam, recipe):
    path = recipe.artifact_path("model", tmp_path)
    metadata = prove(*model_of(recipe), recipe, path, exam)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert read_metadata(path) == metadata
    assert metadata.proof["images"] == 1000
    assert metadata.proof["agreement"] > 0.98
    assert verify(path).passed


def test_what_fails_is_kept_under_another_name_with_the_reason(tmp_path, exam):
    path = INT8.artifact_path("model", tmp_path)
    with pytest.raises(RejectedError) as caught:
        prove(*model_of(INT8), INT8, path, biased(exam))
    with load(TINY / "export" / "model-int8.tflite") as session:
        right = session.scores(exam.images).argmax(axis=1) == exam.targets
    lost = int((biased(exam).scores.argmax(axis=1) == exam.targets).sum() - right.sum())
    reason = (
        f"on 1,000 held-out training images: max-drop: accuracy is {lost / 10:.2f} points lower and may be "
    )
    assert str(caught.value).startswith(f"{path}: rejected: {reason}")
    assert "beyond the 0.5 allowed; allow more with --max-drop " in str(caught.value)
    assert "; max-confident-flips: " in str(caught.value)
    assert str(caught.value).endswith("; kept as model-int8.tflite.rejected")
    assert [file.name for file in tmp_path.iterdir()] == ["model-int8.tflite.rejected"]
    assert is_ours(tmp_path / "model-int8.tflite.rejected")
    renamed = (tmp_path / "model-int8.tflite.rejected").rename(path)
    [failure] = verify(renamed).failures
    assert failure.startswith(f"it was rejected when it was made: {reason}")


def test_float32_is_held_to_its_probabilities(tmp_path, exam):
    """Every answer is the same, and still it is not the same model: 2e-5 are twice what is allowed."""
    moved = exam.scores.copy()
    moved[7, moved[7].argmin()] += np.float32(2e-5)
    with pytest.raises(RejectedError, match="a probability differs by 2e-05, 1e-05 beyond the 1e-05 allowed"):
        prove(*model_of(FLOAT32), FLOAT32, tmp_path / "m.onnx", dataclasses.replace(exam, scores=moved))


def test_a_success_removes_what_was_rejected_before(tmp_path, exam):
    path = INT8.artifact_path("model", tmp_path)
    with pytest.raises(RejectedError):
        prove(*model_of(INT8), INT8, path, biased(exam))
    prove(*model_of(INT8), INT8, path, exam)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_failure_leaves_the_artifact_that_was_there(tmp_path, exam):
    path = INT8.artifact_path("model", tmp_path)
    prove(*model_of(INT8), INT8, path, exam)
    before = path.read_bytes()
    with pytest.raises(RejectedError):
        prove(*model_of(INT8), INT8, path, biased(exam))
    assert path.read_bytes() == before


def test_a_single_image_of_few_is_no_drop(tmp_path, exam):
    """Of 20 images, one is five points, and what any rounding may cost, if the margin was small."""
    moved = exam.scores[:20].copy()
    right = int(np.flatnonzero(exam.scores[:20].argmax(axis=1) != exam.targets[:20])[0])
    moved[right] = 0.06 + 0.4 * np.eye(10, dtype=np.float32)[exam.targets[right]]
    few = ProofImages(exam.images[:20], exam.targets[:20], moved)
    assert prove(*model_of(INT8), INT8, INT8.artifact_path("model", tmp_path), few).proof["images"] == 20


def test_no_number_is_no_answer(tmp_path, exam):
    """A bias of NaN, which the engine runs without a word."""
    model, metadata = model_of(FLOAT32)
    proto = onnx.load_from_string(model)
    bias = next(item for item in proto.graph.initializer if list(item.dims) == [10])
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(10, np.nan, np.float32), bias.name))
    with pytest.raises(RejectedError, match=r"m\.onnx: rejected: m\.onnx: answers NaN or infinity instead"):
        prove(proto.SerializeToString(), metadata, FLOAT32, tmp_path / "m.onnx", exam)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx.rejected"]
    kept = read_metadata(tmp_path / "m.onnx.rejected")
    assert kept is not None
    assert "answers NaN" in kept.rejected


def test_what_no_engine_loads_is_rejected_too(tmp_path, exam):
    _, metadata = model_of(FLOAT32)
    with pytest.raises(RejectedError, match=r"m\.onnx: rejected: m\.onnx: not an ONNX classifier") as caught:
        prove(b"", metadata, FLOAT32, tmp_path / "m.onnx", exam)
    assert str(tmp_path / ".m.") not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx.rejected"]


def test_large_logits_are_given_the_rounding_that_they_bring(tmp_path, exam):
    """The same model is refused where the original's own arithmetic is exact to 1e-7, not to 1e-5."""
    moved = exam.scores.copy()
    moved[7, moved[7].argmin()] += np.float32(2e-5)
    coarse = dataclasses.replace(exam, scores=moved)
    metadata = prove(*model_of(FLOAT32), FLOAT32, tmp_path / "m.onnx", coarse, rounding=1e-5)
    assert metadata.proof["allowed_difference"] == 4e-5
    assert metadata.golden is not None
    assert metadata.golden.tolerance == 4e-5


def test_what_is_near_enough_is_not_computed_in_float64(tmp_path, exam):
    def fail(images: object, scores: object) -> float:
        raise AssertionError("computed for nothing")

    with Draft(tmp_path / "m.onnx") as draft:
        metadata = proof.prove(*model_of(FLOAT32), FLOAT32, draft, exam, fail)
    assert metadata.proof["allowed_difference"] == metadata.golden.tolerance == 1e-5


def test_the_users_limits_stand_in_place_of_the_schemes(tmp_path, exam):
    """And are no wider for rounding: they were named."""
    moved = exam.scores.copy()
    moved[7, moved[7].argmin()] += np.float32(2e-5)
    named = dataclasses.replace(exam, scores=moved, limits={"max_difference": 1.5e-5})
    with pytest.raises(RejectedError, match=r"5e-06 beyond the 1.5e-05 allowed; allow .* --max-difference 2"):
        prove(*model_of(FLOAT32), FLOAT32, tmp_path / "m.onnx", named, rounding=1e-5)
    wider = dataclasses.replace(named, limits={"max_difference": 2.1e-5, "max_drop": 0.02})
    proof = prove(*model_of(FLOAT32), FLOAT32, tmp_path / "m.onnx", wider).proof
    assert (proof["allowed_difference"], proof["allowed_drop"]) == (2.1e-5, 0.02)
    assert proof["limits_of_the_user"] == "max_difference, max_drop"


@pytest.mark.parametrize(("flips", "rejected"), [(3, False), (50, True)])
def test_sure_answers_that_changed_are_a_share(tmp_path, exam, flips, rejected):
    """Three of 1,000 images may be one of a thousand, as is allowed, by chance; fifty are not."""
    moved = exam.scores.copy()
    wrong = np.flatnonzero(exam.scores.argmax(axis=1) != exam.targets)[:flips]
    third = [next(c for c in range(10) if c not in (exam.targets[i], exam.scores[i].argmax())) for i in wrong]
    moved[wrong] = np.eye(10, dtype=np.float32)[third]
    judged = dataclasses.replace(exam, scores=moved)
    path = INT8.artifact_path("model", tmp_path)
    if not rejected:
        assert prove(*model_of(INT8), INT8, path, judged).rejected == ""
        return
    with pytest.raises(RejectedError, match=r"max-confident-flips: 50 answers changed .* --max-confident-fl"):
        prove(*model_of(INT8), INT8, path, judged)
    accepted = dataclasses.replace(judged, limits={"max_confident_flips": 50, "min_agreement": 0.9})
    assert prove(*model_of(INT8), INT8, path, accepted).rejected == ""


def test_few_images_leave_doubts_and_reject_nothing(tmp_path, exam):
    """Of 300 the original has three more right: one point, and half a one is allowed; chance may have it."""
    moved = exam.scores[:300].copy()
    wrong = np.flatnonzero(moved.argmax(axis=1) != exam.targets[:300])[:3]
    moved[wrong] = 0.06 + 0.4 * np.eye(10, dtype=np.float32)[exam.targets[wrong]]
    few = ProofImages(exam.images[:300], exam.targets[:300], moved)
    metadata = prove(*model_of(INT8), INT8, INT8.artifact_path("model", tmp_path), few)
    assert (
        "300 images are too few for any model and can show at best 1.26 points: take 765 at least, or"
        in (metadata.proof["doubts"])
    )


def test_somebodys_manifest_beside_it_is_no_reason(tmp_path, exam):
    (tmp_path / "manifest.json").write_text('{"name": "web app"}')
    path = tmp_path / "m.onnx"
    prove(*model_of(FLOAT32), FLOAT32, path, exam)
    assert verify(path).passed


def test_a_draft_that_a_power_cut_left_is_no_artifact(tmp_path):
    source = FLOAT32.artifact_path("model", TINY / "export")
    (tmp_path / ".model-float32.0123abcd.onnx").write_bytes(source.read_bytes())
    write_manifest(tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["artifacts"] == []


def test_the_manifest_lists_what_passed_and_what_was_rejected(tmp_path, exam):
    prove(*model_of(FLOAT32), FLOAT32, FLOAT32.artifact_path("model", tmp_path), exam)
    with pytest.raises(RejectedError):
        prove(*model_of(INT8), INT8, INT8.artifact_path("model", tmp_path), biased(exam))
    write_manifest(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [entry["file"] for entry in manifest["artifacts"]] == ["model-float32.onnx"]
    [rejected] = manifest["rejected"]
    assert rejected["file"] == "model-int8.tflite.rejected"
    assert "points lower" in rejected["rejected"]


def test_somebodys_manifest_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "web app"}')
    with pytest.raises(OutputError, match=r"manifest\.json: exists and was not made by fmnist; --force"):
        require_writable(tmp_path / "manifest.json", MANIFEST_FILE)
    require_writable(tmp_path / "manifest.json", MANIFEST_FILE, force=True)
    write_manifest(tmp_path / "ours")
    require_writable(tmp_path / "ours" / "manifest.json", MANIFEST_FILE)


def test_the_manifest_says_what_each_artifact_was_made_from(tmp_path, exam):
    """Artifacts of two originals in one folder; what is not ours is not listed."""
    prove(*model_of(FLOAT32), FLOAT32, FLOAT32.artifact_path("first", tmp_path), exam)
    model, metadata = model_of(FLOAT32)
    other = dataclasses.replace(metadata, source_sha256="of another original")
    prove(model, other, FLOAT32, FLOAT32.artifact_path("second", tmp_path), exam)
    (tmp_path / "foreign.tflite").write_bytes(b"somebody's")
    write_manifest(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [(entry["file"], entry["source_sha256"]) for entry in manifest["artifacts"]] == [
        ("first-float32.onnx", metadata.source_sha256),
        ("second-float32.onnx", "of another original"),
    ]


def test_nothing_can_be_written_into_a_file(tmp_path, exam):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"m\.onnx: cannot be written \("):
        prove(*model_of(FLOAT32), FLOAT32, tmp_path / "file" / "m.onnx", exam)


def test_through_a_link_the_file_it_points_to_is_replaced(tmp_path, exam):
    (tmp_path / "store").mkdir()
    link = tmp_path / "m.onnx"
    link.symlink_to(tmp_path / "store" / "m.onnx")
    prove(*model_of(FLOAT32), FLOAT32, link, exam)
    assert link.is_symlink()
    assert Path(tmp_path / "store" / "m.onnx").is_file()
