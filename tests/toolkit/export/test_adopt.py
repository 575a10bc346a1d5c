"""`fmnist adopt`: a stranger's model that from then on says itself how it is run."""

from __future__ import annotations

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from support import TINY, TRAINS
from support.foreign_tflite import pack
from support.predicting import encode
from support.strangers import INT8, bare, tflite, with_metadata

from fmnist_runtime import load
from fmnist_runtime.errors import ModelError

FASHION = ("--dataset", "fashion-mnist")


@pytest.fixture
def adopted(tmp_path, fmnist):
    """The folder of a run that was adopted of a model of pixels 0–1."""
    (tmp_path / "stranger.tflite").write_bytes(pack(tflite()))
    result = fmnist("adopt", "stranger.tflite", *FASHION)
    assert result.returncode == 0, result.stderr
    return tmp_path / "runs" / "stranger"


def test_the_bytes_of_the_model_stay_as_they_are(adopted, tmp_path, t10k):
    original = (tmp_path / "stranger.tflite").read_bytes()
    copy = adopted / "export" / "stranger.tflite"
    assert copy.read_bytes()[: len(original)] == original
    with load(copy) as session:
        assert (session.info.contract.range, session.info.contract.known_from) == ("0-1", "its seal")
        assert session.info.labels[9] == "Ankle boot"
        expected = bare(original, (t10k.images[:100] / 255).astype(np.float32))
        # As of the bare engine; one image at a time on both sides.
        assert np.abs(session.scores(t10k.images[:100]) - expected).max() < 1e-6
    with zipfile.ZipFile(copy) as archive:
        assert archive.namelist() == ["fmnist.json", "labels.txt"]


def test_no_verb_needs_a_flag_from_then_on(adopted, fmnist, tmp_path, t10k):
    evaluated = fmnist("eval", "--json", "eval.json")
    assert evaluated.returncode == 0, evaluated.stderr
    [model] = json.loads((tmp_path / "eval.json").read_text())["models"]
    assert (model["correct"], model["input_range"], model["range_known_from"]) == (8422, "0-1", "its seal")
    for verb in (["verify"], ["parity"], ["bench", "--duration", "0.1", "--processes", "1"], ["inspect"]):
        result = fmnist(*verb)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "input-range" not in result.stderr
    (tmp_path / "boot.png").write_bytes(encode(t10k.images[0]))
    for named in ([], [adopted]):
        assert "Ankle boot" in fmnist("predict", *named, "boot.png").stdout
    assert "verified" in fmnist("verify").stdout
    assert "0-1, known from its seal" in fmnist("inspect").stdout


def test_one_byte_changed_is_seen(adopted, fmnist):
    copy = adopted / "export" / "stranger.tflite"
    content = bytearray(copy.read_bytes())
    content[2000] ^= 1
    copy.write_bytes(content)
    assert fmnist("verify").returncode == 3
    with pytest.raises(ModelError, match="its bytes are not those it was sealed with"):
        load(copy)


def test_bundle_takes_it(adopted, fmnist, tmp_path):
    result = fmnist("bundle", "--wheels", "none", "--format", "tflite", "--out", "bundle")
    assert result.returncode == 0, result.stderr
    run = tmp_path / "bundle" / "runs" / "stranger"
    assert {path.name for path in run.iterdir()} == {"adopt.json", "reference.npz", "export"}
    assert (run / "export" / "stranger.tflite").read_bytes() == (
        adopted / "export" / "stranger.tflite"
    ).read_bytes()
    moved = tmp_path / "device"
    shutil.copytree(tmp_path / "bundle", moved)
    shutil.rmtree(adopted.parent)
    for verb in ("verify", "eval", "parity"):
        result = fmnist(verb, moved / "runs" / "stranger")
        assert result.returncode == 0, result.stderr


def test_labels_and_files_of_its_own_are_kept(fmnist, tmp_path):
    names = "\n".join(f"name {letter}" for letter in "abcdefghij").encode()
    content = with_metadata(tflite("-1-1"), (127.5,), (127.5,), names)
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("notes.md", "of the author")
    (tmp_path / "stranger.tflite").write_bytes(buffer.getvalue())
    result = fmnist("adopt", "stranger.tflite")
    assert result.returncode == 0, result.stderr
    assert "adopted/stranger.tflite: takes pixels of -1-1, known from its TFLite metadata" in result.stdout
    assert "golden images are noise" in result.stdout
    copy = tmp_path / "adopted" / "stranger.tflite"
    assert copy.read_bytes().startswith(buffer.getvalue())
    with zipfile.ZipFile(copy) as archive:
        assert archive.namelist() == ["notes.md", "fmnist.json", "labels.txt"]
    with load(copy) as session:
        assert session.info.labels == tuple(names.decode().split("\n"))
    assert fmnist("verify", "adopted/stranger.tflite").returncode == 0


def test_classes_in_another_order_than_the_data_sets(fmnist, tmp_path):
    """A figure by the number of the class would be that of another model."""
    labels = sorted(json.loads((TINY / "train.json").read_text())["labels"])
    model = tflite()
    order = [json.loads((TINY / "train.json").read_text())["labels"].index(label) for label in labels]
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if list(tensor.shape) in ([10, 16], [10]) and buffer.data is not None:
            values = np.frombuffer(buffer.data.tobytes(), "<f4").reshape(10, -1)
            buffer.data = np.frombuffer(values[order].tobytes(), np.uint8)
    path = tmp_path / "stranger.tflite"
    path.write_bytes(with_metadata(model, (0,), (255,), "\n".join(labels).encode()))
    for verb in (["eval", path], ["adopt", path], ["eval"]):
        result = fmnist(*verb, *(FASHION if verb != ["eval"] else ()))
        assert result.returncode == 0, result.stderr
        assert "84.2" in result.stdout
        said = (
            "has the classes of fashion-mnist in another order by its labels; scores are put into its order"
        )
        assert (said in result.stderr) == (len(verb) > 1)
    assert fmnist("verify").returncode == 0


def test_a_class_that_has_another_number_in_the_data_set_is_refused(fails, fmnist, tmp_path):
    """Names that are the data set's but for one, in another order: a figure would be of other classes."""
    theirs = json.loads((TINY / "train.json").read_text())["labels"]
    labels = [*theirs[1:-1], theirs[0], "Boots"]
    path = tmp_path / "stranger.tflite"
    path.write_bytes(with_metadata(tflite(), (0,), (255,), "\n".join(labels).encode()))
    for verb in ("eval", "adopt"):
        line = fails(verb, path, *FASHION)
        assert "its class 8 is called 'T-shirt/top', which is class 0 of fashion-mnist" in line
        assert "in the order of the model's scores, with --labels FILE" in line
    (tmp_path / "labels.txt").write_text("\n".join(theirs))
    assert fmnist("eval", path, *FASHION, "--labels", "labels.txt").returncode == 0


def test_an_adopted_model_in_another_order_is_put_in_order(fmnist, tmp_path):
    """One that was adopted without a data set keeps its own order, and is evaluated in the data set's."""
    theirs = json.loads((TINY / "train.json").read_text())["labels"]
    path = tmp_path / "stranger.tflite"
    path.write_bytes(with_metadata(tflite(), (0,), (255,), "\n".join(theirs[::-1]).encode()))
    assert fmnist("adopt", path).returncode == 0
    result = fmnist("eval", "adopted/stranger.tflite", *FASHION)
    assert result.returncode == 0, result.stderr
    assert "has the classes of fashion-mnist in another order" in result.stderr
    assert "84.2" not in result.stdout  # the names are wrong, and are believed


def test_where_a_copy_goes(fails, fmnist, tmp_path):
    content = pack(tflite())
    (tmp_path / "STRANGER.TFLITE").write_bytes(content)
    result = fmnist("adopt", "STRANGER.TFLITE", *FASHION, "--out", "a run")
    assert result.returncode == 0, result.stderr
    assert "next: fmnist bundle 'a run'" in result.stdout
    assert fmnist("eval", "a run").returncode == 0
    line = fails("adopt", "STRANGER.TFLITE", *FASHION, "--out", "copy.onnx")
    assert "copy.onnx: is a copy of STRANGER.TFLITE, so its name must end in .tflite, too" in line
    result = fmnist("adopt", "STRANGER.TFLITE", *FASHION, "--out", "copy.tflite")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "copy.tflite").read_bytes().startswith(content)


def test_an_onnx_model_is_adopted(fmnist, tmp_path):
    onnx = pytest.importorskip("onnx")
    foreign_onnx = pytest.importorskip("support.foreign_onnx")
    content = foreign_onnx.convolutions()
    (tmp_path / "stranger.onnx").write_bytes(content)
    result = fmnist("adopt", "stranger.onnx", "--input-range", "-1-1")
    assert result.returncode == 0, result.stderr
    copy = (tmp_path / "adopted" / "stranger.onnx").read_bytes()
    assert copy.startswith(content)
    onnx.checker.check_model(onnx.load_from_string(copy))
    with load(tmp_path / "adopted" / "stranger.onnx") as session:
        assert session.info.contract.range == "-1-1"


def test_adopted_again_it_is_replaced_and_another_verbs_run_is_not(adopted, fails, fmnist, tmp_path):
    (tmp_path / "other.tflite").write_bytes(pack(tflite(integers=(INT8, 1 / 255, -128))))
    result = fmnist("adopt", "other.tflite", *FASHION, "--out", adopted)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in (adopted / "export").glob("*.tflite")] == ["other.tflite"]
    shutil.copytree(TINY, tmp_path / "runs" / "tiny")
    line = fails("adopt", "other.tflite", *FASHION, "--out", tmp_path / "runs" / "tiny")
    assert "is a run of fmnist train; --out goes elsewhere" in line


@pytest.mark.skipif(not TRAINS, reason="a device has no reports, plots and trainings at all")
@pytest.mark.parametrize(
    ("verb", "line"),
    [
        (["export"], "holds an adopted model"),
        (["report"], "holds an adopted model"),
        (["plot", "history"], "holds an adopted model"),
        (["train", "--resume"], "holds an adopted model"),
        (["parity", "--layers"], "holds an adopted model"),
    ],
)
def test_what_needs_a_training_says_so(verb, line, adopted, fmnist):
    result = fmnist(*verb, adopted)
    assert result.returncode == 1
    assert line in result.stderr
    assert "Traceback" not in result.stderr


def test_what_cannot_be_adopted(fails, tmp_path):
    (tmp_path / "stranger.tflite").write_bytes(pack(tflite()))
    assert "does not say its input range" in fails("adopt", "stranger.tflite")
    sealed = TINY / "export" / "model-int8.tflite"
    assert "is sealed already" in fails("adopt", sealed, *FASHION)
    assert "only tflite and onnx models can be adopted" in fails(
        "adopt", TINY / "export" / "model-float32.npz"
    )
    assert "is a Keras model; make artifacts of it with: fmnist export" in fails(
        "adopt", TINY / "model.keras"
    )
    assert "is not accurate with any of" in fails("adopt", "stranger.tflite", "--dataset", "mnist")
    line = fails("adopt", "stranger.tflite", "--dataset", "mnist", "--input-range", "0-1")
    assert "right, always naming one class 11.35%; check --dataset, the order of --labels" in line
