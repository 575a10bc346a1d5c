"""What parity cannot judge is one line of what is wrong and what to do, from the command and the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import DATA, TINY
from support.foreign_npz import write_network

from fmnist_runtime import parity
from fmnist_runtime.artifact.container import read_container
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.data.idx import idx_header
from fmnist_runtime.errors import FmnistError
from fmnist_runtime.recorded import read_reference, write_reference

INT8 = TINY / "export" / "model-int8.tflite"
REFERENCE = TINY / "reference.npz"
GATE = parity.Gate(1.0)


@pytest.fixture
def refused(tmp_path, fails) -> Callable[..., str]:
    """What the command says, which is what the library says."""

    def run(model: Path, reference: Path, data_dir: Path | None = None) -> str:
        named = ("--data-dir", data_dir) if data_dir else ()
        line = fails("parity", model, "--reference", reference, *named, "--json", "parity.json")
        with pytest.raises(FmnistError) as error:
            parity.compare_model(model, reference, gate=GATE, data_dir=data_dir or DATA)
        assert line == f"fmnist: {error.value}\n"
        return line

    return run


@pytest.fixture
def recorded(tmp_path) -> Callable[..., Path]:
    """A reference that differs from the tiny run's in some of its fields."""

    def record(**changes: object) -> Path:
        path = tmp_path / "scores.npz"
        write_reference(path, replace(read_reference(REFERENCE), **changes))
        return path

    return record


def write_split(folder: Path, images: np.ndarray, targets: np.ndarray) -> Path:
    folder.mkdir()
    for kind, array in (("images-idx3", images), ("labels-idx1", targets)):
        (folder / f"t10k-{kind}-ubyte").write_bytes(idx_header(array.shape) + array.tobytes())
    return folder


def of_digits() -> dict[str, object]:
    """Fields of an original that knows digits, of the same number of images and classes."""
    digits = load_dataset("mnist", "test", DATA)
    return {
        "model_sha256": "0" * 64,
        "dataset": "mnist",
        "dataset_digest": digits.digest,
        "labels": digits.labels,
        "targets": digits.targets,
    }


def test_a_reference_of_another_data_set(refused, recorded):
    line = refused(INT8, recorded(**of_digits()))
    assert f"{INT8}: its classes are not those of model.keras, 10 of them others: " in line
    assert "class 0 is 'T-shirt/top', and '0' there; class 1 is 'Trouser', and '1' there; " in line
    assert "; …; name its own original with --reference, or its classes" in line


def test_another_data_set_than_the_reference_is_of(fails):
    line = fails("parity", INT8, "--reference", REFERENCE, "--dataset", "mnist")
    assert "mnist: its 10,000 test images are not the 10,000 of fashion-mnist that model.keras was" in line


def test_classes_that_have_numbers_for_names_are_only_counted(tmp_path, fmnist, recorded):
    """Of a foreign file, and of one that was made from the reference's own model."""
    numbers = tuple("0123456789")
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(INT8.read_bytes()[: read_container(INT8).model_bytes])
    for model in (foreign, INT8):
        result = fmnist("parity", model, "--reference", recorded(labels=numbers))
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("count", [500, 9_999])
def test_images_of_another_number(tmp_path, refused, t10k, count):
    folder = write_split(tmp_path / "fewer", t10k.images[:count], t10k.targets[:count])
    line = refused(INT8, REFERENCE, folder)
    assert (
        f"its {count:,} test images are not the 10,000 of fashion-mnist that model.keras was scored on"
        in line
    )
    assert "name the folder that holds those with --data-dir" in line


def test_a_reference_of_fewer_images(refused, recorded, t10k):
    reference = read_reference(REFERENCE)
    fewer = replace(t10k, images=t10k.images[:500], targets=t10k.targets[:500])
    scores = reference.scores[:500]
    line = refused(INT8, recorded(scores=scores, targets=fewer.targets, dataset_digest=fewer.digest))
    assert "its 10,000 test images are not the 500 of fashion-mnist that model.keras was scored on" in line
    assert f"(digest {t10k.digest[:12]}, not {fewer.digest[:12]})" in line


def test_a_reference_that_is_not_of_the_images_it_names(refused, recorded, t10k):
    line = refused(INT8, recorded(targets=np.roll(t10k.targets, 1)))
    assert "model.keras: its 10,000 recorded scores are not of the 10,000 images of fashion-mnist" in line
    assert "train or export the model again" in line


def test_another_number_of_classes(refused, recorded):
    reference = read_reference(REFERENCE)
    scores = np.hstack([reference.scores, np.zeros((10_000, 1), np.float32)])
    line = refused(INT8, recorded(scores=scores, labels=(*reference.labels, "Hat")))
    assert f"{INT8}: has 10 classes, and model.keras has 11; name its own original with --reference" in line


def test_the_same_classes_in_another_order(refused, recorded):
    labels = list(read_reference(REFERENCE).labels)
    labels[3], labels[5] = labels[5], labels[3]
    line = refused(INT8, recorded(labels=tuple(labels)))
    assert f"{INT8}: its classes are not those of model.keras, in another order: " in line
    assert "class 3 is 'Dress', and 'Sandal' there; class 5 is 'Sandal', and 'Dress' there; name its" in line


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reference_with_a_score_that_is_no_number(refused, recorded, value):
    scores = read_reference(REFERENCE).scores.copy()
    scores[17, 4] = value
    line = refused(INT8, recorded(scores=scores))
    assert "scores.npz: not a reference that fmnist wrote (scores are NaN or infinite)" in line
    assert "train or export the model again" in line


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_a_model_that_answers_nan(tmp_path, refused):
    """Where a pixel is not black, its weighted sums are beyond what float32 can hold."""
    layers = [{"name": "hidden", "activation": "linear"}, {"name": "scores", "activation": "softmax"}]
    description = {"schema": "fmnist.network/1", "input_shape": [28, 28], "layers": layers}
    arrays = {
        "0.kernel": np.full((784, 2), 1e38, np.float32),
        "0.bias": np.zeros(2, np.float32),
        "1.kernel": np.full((2, 10), 1, np.float32),
        "1.bias": np.zeros(10, np.float32),
    }
    model = write_network(tmp_path / "huge.npz", description, arrays)
    assert f"{model}: answers NaN or infinity" in refused(model, REFERENCE)


def test_no_images(tmp_path, refused):
    folder = write_split(tmp_path / "none", np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
    assert f"{folder / 't10k-images-idx3-ubyte'}: holds no images" in refused(INT8, REFERENCE, folder)


def test_a_reference_of_no_images(refused, recorded):
    reference = read_reference(REFERENCE)
    line = refused(INT8, recorded(scores=reference.scores[:0], targets=reference.targets[:0]))
    assert "scores.npz: not a reference that fmnist wrote (there are scores of no images)" in line


@pytest.mark.parametrize(
    "content",
    [REFERENCE.read_bytes()[:-3000], (TINY / "export" / "model-float32.onnx").read_bytes(), b"", b"text"],
    ids=["cut off", "a model", "empty", "text"],
)
def test_what_is_no_reference(tmp_path, refused, content):
    path = tmp_path / "scores.npz"
    path.write_bytes(content)
    assert f"fmnist: {path}: " in refused(INT8, path)


def test_files_that_are_missing(tmp_path, refused, fails):
    assert "absent.npz: no such file; give the path of a reference.npz" in refused(
        INT8, tmp_path / "absent.npz"
    )
    line = fails("parity", INT8, "--reference", "absent.bin")
    assert line.startswith("fmnist: absent.bin: no such file; give the path of a Keras model, ")
    assert "absent: no such run or file; there are no runs" in fails("parity", INT8, "--reference", "absent")
    assert "absent.tflite: no such file" in refused(tmp_path / "absent.tflite", REFERENCE)
    assert "absent.tflite: no such file" in fails("parity", "absent.tflite")


def test_one_candidate_of_two_is_missing(fails):
    assert "absent.onnx: no such file" in fails("parity", INT8, "absent.onnx", "--reference", REFERENCE)


def test_arrays_that_do_not_fit_together():
    scores, targets = np.full((4, 3), 1 / 3, np.float32), np.zeros(4, np.uint8)
    nan = np.full((4, 3), np.nan, np.float32)
    for before, after, true in ((scores, scores[:3], targets), (scores, scores, targets[:3])):
        with pytest.raises(FmnistError, match="do not describe the same images"):
            parity.compare(before, after, true, GATE)
    with pytest.raises(FmnistError, match="NaN or infinity"):
        parity.compare(scores, nan, targets, GATE)
