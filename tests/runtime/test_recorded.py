"""Files of exact scores, ours and a stranger's."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import TINY

from fmnist_runtime.data.datasets import KNOWN
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import sha256_file
from fmnist_runtime.recorded import (
    ModelScores,
    Reference,
    ScoresFile,
    is_scores,
    read_reference,
    read_scores,
    write_reference,
    write_scores,
)

# Values that text, or float32 by way of anything, would lose: one bit, the least, and a zero with a sign.
EXACT = np.array([[np.nextafter(np.float32(1), np.float32(0)), 1e-45, -0.0], [0.1, 1 / 3, 0.5]], np.float32)
LABELS = ("coat", "bag", "boot")


def scored(name: str, scores: np.ndarray = EXACT, source: str | None = "5" * 64) -> Reference:
    return Reference(
        model=name,
        model_sha256=name[0] * 64,
        dataset="clothes",
        dataset_digest="d" * 64,
        labels=LABELS,
        source_range="0-255",
        rounding=0.0,
        scores=scores,
        targets=np.array([0, 2], np.uint8),
        source_sha256=source,
    )


def model(name: str, scores: np.ndarray = EXACT, source: str | None = "5" * 64) -> ModelScores:
    return ModelScores(scored(name, scores, source), "tflite", "int8", "engine 1.2", 4, 118_346)


TWO = ScoresFile("aarch64", (model("a.tflite"), model("b.keras", EXACT[::-1].copy(), None)))


def plain(reference: Reference) -> Reference:
    return replace(reference, scores=None, targets=None)


def test_written_and_read_back_to_the_bit(tmp_path):
    path = tmp_path / "scores.npz"
    write_scores(path, TWO)
    copy = read_scores(path)
    assert copy.machine == "aarch64"
    for one, other in zip(copy.models, TWO.models, strict=True):
        assert plain(one.scored) == plain(other.scored)
        assert replace(one, scored=None) == replace(other, scored=None)
        assert one.scored.scores.dtype == np.float32
        assert one.scored.scores.tobytes() == other.scored.scores.tobytes()
        assert np.array_equal(one.scored.targets, other.scored.targets)
    first = path.read_bytes()
    write_scores(path, copy)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.npz"]


def test_numpy_alone_reads_them(tmp_path):
    write_scores(tmp_path / "scores.npz", TWO)
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as archive:
        assert archive["scores"].shape == (2, 2, 3)
        assert archive["targets"].tolist() == [0, 2]
        names = [entry["model"] for entry in json.loads(archive["header"].item())["models"]]
    assert names == ["a.tflite", "b.keras"]


def test_which_files_are_ours(tmp_path):
    write_scores(tmp_path / "scores.npz", TWO)
    write_reference(tmp_path / "reference.npz", scored("model.keras", source=None))
    np.savez(tmp_path / "other.npz", scores=EXACT)
    (tmp_path / "text.npz").write_text("fmnist.scores/1")
    found = {path.name for path in tmp_path.iterdir() if is_scores(path)}
    assert found == {"scores.npz"}
    assert not is_scores(tmp_path)
    assert not is_scores(tmp_path / "absent.npz")


def test_one_kind_is_not_taken_for_the_other(tmp_path):
    write_scores(tmp_path / "scores.npz", TWO)
    write_reference(tmp_path / "reference.npz", scored("model.keras", source=None))
    with pytest.raises(ResultError, match=r"not a reference that fmnist wrote \(it is fmnist\.scores/1\)"):
        read_reference(tmp_path / "scores.npz")
    with pytest.raises(
        ResultError, match=r"not a file of scores that fmnist wrote \(it is fmnist\.reference"
    ):
        read_scores(tmp_path / "reference.npz")


def other_targets() -> ModelScores:
    return replace(model("b"), scored=replace(scored("b"), targets=np.array([1, 1], np.uint8)))


@pytest.mark.parametrize(
    ("models", "complaint"),
    [
        ((), "not of 1 to 1000 models"),
        ((model("a"), model("a")), "the same name"),
        ((model("a"), other_targets()), "not of the same images and classes"),
        ((model("a\x1b[2J"),), "control characters"),
        ((model("a", np.full((2, 3), np.nan, np.float32)),), "NaN or infinite"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path, models, complaint):
    with pytest.raises(ResultError, match=rf"s\.npz: cannot hold these scores: .*{complaint}"):
        write_scores(tmp_path / "s.npz", ScoresFile("x86_64", models))
    assert not any(tmp_path.iterdir())


HEADER = {
    "schema": "fmnist.scores/1",
    "machine": "x86_64",
    "dataset": "clothes",
    "dataset_digest": "d" * 64,
    "labels": list(LABELS),
    "models": [
        {
            **{"model": "a.tflite", "model_sha256": "a" * 64, "source_sha256": "", "source_range": "0-255"},
            **{"rounding": 0.0, "format": "tflite", "scheme": "int8", "engine": "engine 1.2"},
            **{"threads": 1, "size_bytes": 9},
        }
    ],
}
ARRAYS = {"scores": EXACT[None], "targets": np.array([0, 2], np.uint8)}


def crafted(header: object = HEADER, **arrays: object) -> bytes:
    return packed({"header": np.array(json.dumps(header)), **ARRAYS, **arrays})


def crafted_without(name: str) -> bytes:
    entries = {"header": np.array(json.dumps(HEADER)), **ARRAYS}
    del entries[name]
    return packed(entries)


def packed(entries: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(entry) for name, entry in entries.items()})
    return buffer.getvalue()


def with_model(**changes: object) -> dict[str, object]:
    return {**HEADER, "models": [{**HEADER["models"][0], **changes}]}


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ResultError) as caught:
        read_scores(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def test_what_is_crafted_rightly_is_read(tmp_path):
    """So that each of the following is refused for the one thing that is wrong with it."""
    path = tmp_path / "scores.npz"
    path.write_bytes(crafted())
    [only] = read_scores(path).models
    assert only.scored.original_sha256 == ""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"PK\3\4 and no more", "write it again with: fmnist eval --scores"),
        (np.random.default_rng(0).bytes(1000), "write it again with: fmnist eval --scores"),
        (crafted_without("header"), "is no record that fmnist wrote; give the path of"),
        (crafted([]), "its header is no object"),
        (crafted({**HEADER, "schema": "fmnist.scores/2"}), "is of another version"),
        (crafted({**HEADER, "schema": ["fmnist.scores/1"]}), "not a file of scores"),
        (crafted({**HEADER, "schema": "\x1b[2J\nfmnist: all is well"}), "not a file of scores"),
        (crafted_without("scores"), "scores is not a file in the archive"),
        (crafted_without("targets"), "targets is not a file in the archive"),
        (crafted(scores=np.array([{"pickled": 1}], dtype=object)), "Object arrays cannot be loaded"),
        (crafted(scores=EXACT), "do not fit 1 models"),
        (crafted(scores=np.stack([EXACT, EXACT])), "do not fit 1 models"),
        (crafted(scores=EXACT[None].astype(np.float64)), "not a file of scores"),
        (crafted(scores=EXACT[None].astype(">f4")), "not a file of scores"),
        (crafted(scores=EXACT[None, :, :2]), "do not fit 2 images of 3 classes"),
        (crafted(scores=np.full((1, 2, 3), np.inf, np.float32)), "scores are NaN or infinite"),
        (crafted(scores=np.full((1, 2, 3), np.nan, np.float32)), "scores are NaN or infinite"),
        (crafted(targets=np.array([0, 3], np.uint8)), "the true classes are not valid"),
        (crafted(targets=np.array([0, 2], np.int64)), "the true classes are not valid"),
        (crafted(targets=np.uint8(0)), "not a file of scores"),
        (
            crafted(targets=np.zeros(0, np.uint8), scores=np.zeros((1, 0, 3), np.float32)),
            "scores of no image",
        ),
        (crafted({**HEADER, "models": []}, scores=EXACT[:0, None]), "not of 1 to 1000 models"),
        (crafted({**HEADER, "models": ["a"]}), "not a file of scores"),
        (crafted({**HEADER, "models": HEADER["models"] * 2}, scores=np.stack([EXACT] * 2)), "the same name"),
        (crafted({**HEADER, "labels": ["coat", "bag", 3]}), "text is expected"),
        (crafted({**HEADER, "labels": ["coat", "bag", "\x1b[2J"]}), "control characters"),
        (crafted({**HEADER, "machine": None}), "text is expected"),
        (crafted({**HEADER, "dataset_digest": 5}), "text is expected"),
        (crafted(with_model(model=["a"])), "text is expected"),
        (crafted(with_model(scheme=None)), "text is expected"),
        (crafted(with_model(source_sha256=5)), "text is expected"),
        (crafted(with_model(model="a\nb")), "control characters"),
        (crafted(with_model(threads=True)), "not a number"),
        (crafted(with_model(size_bytes=-1)), "not a number"),
        (crafted(with_model(rounding=float("nan"))), "the rounding is nan"),
        (crafted(with_model(rounding=2.0)), "the rounding is 2.0"),
        (crafted(with_model(rounding="0")), "the rounding is '0'"),
    ],
)
def test_what_is_no_file_of_scores_is_one_line(tmp_path, content, complaint):
    assert complaint in refused(tmp_path / "scores.npz", content)


def test_scores_that_unfold_to_gigabytes(tmp_path):
    path = tmp_path / "scores.npz"
    np.savez_compressed(path, header=np.array("{}"), scores=np.zeros((1 << 27, 4), np.uint8))
    assert path.stat().st_size < 1_000_000
    assert "at most 268,435,456 are read" in refused(path, path.read_bytes())


def test_an_array_that_says_it_is_larger_than_the_file(tmp_path):
    """Its header asks for four terabytes, of which the archive holds 24 bytes."""
    lie = io.BytesIO()
    shape = (1, 2, 1 << 39)
    np.lib.format.write_array_header_1_0(lie, {"descr": "<f4", "fortran_order": False, "shape": shape})
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(crafted())) as good, zipfile.ZipFile(made, "w") as archive:
        for name in good.namelist():
            archive.writestr(name, lie.getvalue() + bytes(24) if name == "scores.npy" else good.read(name))
    refused(tmp_path / "scores.npz", made.getvalue())


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_scores_file_is_one_line(tmp_path, seed):
    write_scores(tmp_path / "good.npz", TWO)
    content = bytearray((tmp_path / "good.npz").read_bytes())
    generator = np.random.default_rng(seed)
    for place in generator.integers(0, len(content), 40):
        content[place] ^= int(generator.integers(1, 256))
    refused(tmp_path / "scores.npz", bytes(content))


def test_the_tiny_runs_reference_is_of_its_model_and_the_real_test_split(t10k):
    reference = read_reference(TINY / "reference.npz")
    assert reference.model_sha256 == sha256_file(TINY / "model.keras")
    assert reference.dataset_digest == t10k.digest
    assert reference.labels == KNOWN["fashion-mnist"].labels
    assert np.array_equal(reference.targets, t10k.targets)
    assert reference.scores.shape == (10_000, 10)


def test_written_and_read_back(tmp_path):
    reference = read_reference(TINY / "reference.npz")
    write_reference(tmp_path / "copy.npz", reference)
    copy = read_reference(tmp_path / "copy.npz")
    assert np.array_equal(copy.scores, reference.scores)
    assert replace(copy, scores=None, targets=None) == replace(reference, scores=None, targets=None)
    first = (tmp_path / "copy.npz").read_bytes()
    write_reference(tmp_path / "copy.npz", reference)
    assert (tmp_path / "copy.npz").read_bytes() == first


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(array) for name, array in arrays.items()})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\3\4 and no more",
        np.random.default_rng(0).bytes(1000),
        npz(scores=np.zeros((2, 2))),
        npz(header='{"schema": "fmnist.reference/9"}'),
        npz(header="[]", scores=np.zeros((2, 2)), targets=np.zeros(2)),
        npz(header=np.array([{"pickled": 1}], dtype=object)),
        (TINY / "reference.npz").read_bytes()[:-2000],
    ],
)
def test_what_is_no_reference_is_refused(tmp_path, content):
    path = tmp_path / "reference.npz"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=r"reference\.npz"):
        read_reference(path)


@pytest.mark.parametrize(
    "change",
    [
        {"targets": np.full(10_000, 10, np.uint8)},
        {"targets": np.zeros(10_000, np.int64)},
        {"targets": np.zeros(9_999, np.uint8)},
        {"scores": np.full((10_000, 10), np.nan, np.float32)},
        {"dataset": 5},
        {"labels": ("a", 3)},
        {"source_range": None},
        {"rounding": float("nan")},
        {"rounding": float("inf")},
        {"rounding": -1e-6},
        {"rounding": 1e9},
    ],
    ids=lambda change: next(iter(change)),
)
def test_parts_that_do_not_fit_together_are_one_line(tmp_path, change):
    reference = replace(read_reference(TINY / "reference.npz"), **change)
    write_reference(tmp_path / "r.npz", reference)
    with pytest.raises(ResultError, match=r"r\.npz: not a reference that fmnist wrote \("):
        read_reference(tmp_path / "r.npz")


@pytest.mark.parametrize("seed", range(30))
def test_damage_of_any_kind_is_one_line(tmp_path, seed):
    """Bytes changed at random: what unpacks them raises much more than is documented."""
    content = bytearray((TINY / "reference.npz").read_bytes())
    generator = np.random.default_rng(seed)
    for place in generator.integers(0, len(content), 40):
        content[place] ^= int(generator.integers(1, 256))
    (tmp_path / "r.npz").write_bytes(content)
    with pytest.raises(ResultError, match=r"r\.npz: "):
        read_reference(tmp_path / "r.npz")


@pytest.mark.parametrize("name", ["model.keras", "export/model-int8.tflite", "export/model-float32.npz"])
def test_a_model_is_no_reference_and_the_right_file_is_named(name):
    """All three are archives, in part, and NumPy's own complaint of one advises to unpickle it."""
    path = TINY / name
    with pytest.raises(ResultError) as caught:
        read_reference(path)
    complaint = "is no record that fmnist wrote; give the path of a reference.npz, which fmnist train writes"
    assert str(caught.value) == f"{path}: {complaint}"
