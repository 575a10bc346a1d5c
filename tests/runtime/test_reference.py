from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from support import TINY

from fmnist_runtime.data.datasets import KNOWN
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import sha256_file
from fmnist_runtime.recorded import read_reference, write_reference


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
