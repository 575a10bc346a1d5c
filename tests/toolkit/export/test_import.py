"""`fmnist import`: a stranger's model that from then on says itself how it is run."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support import TINY, TRAINS
from support.foreign_tflite import pack
from support.photographs import train_theirs, write_photographs
from support.predicting import encode
from support.strangers import INT8, bare, tflite, with_metadata

from fmnist_runtime import load
from fmnist_runtime.errors import ModelError

FASHION = ("--dataset", "fashion-mnist")


@pytest.fixture
def imported(tmp_path, fmnist):
    """The folder of a run that was imported of a model of pixels 0–1."""
    (tmp_path / "stranger.tflite").write_bytes(pack(tflite()))
    result = fmnist("import", "stranger.tflite", *FASHION)
    assert result.returncode == 0, result.stderr
    return tmp_path / "runs" / "stranger"


def test_the_bytes_of_the_model_stay_as_they_are(imported, tmp_path, t10k):
    original = (tmp_path / "stranger.tflite").read_bytes()
    copy = imported / "export" / "stranger.tflite"
    assert copy.read_bytes()[: len(original)] == original
    with load(copy) as session:
        assert (session.info.contract.range, session.info.contract.known_from) == ("0-1", "its seal")
        assert session.info.labels[9] == "Ankle boot"
        expected = bare(original, (t10k.images[:100] / 255).astype(np.float32))
        # As of the bare engine; one image at a time on both sides.
        assert np.abs(session.scores(t10k.images[:100]) - expected).max() < 1e-6
    with zipfile.ZipFile(copy) as archive:
        assert archive.namelist() == ["fmnist.json", "labels.txt"]


def test_no_verb_needs_a_flag_from_then_on(imported, fmnist, tmp_path, t10k):
    evaluated = fmnist("eval", "--json", "eval.json")
    assert evaluated.returncode == 0, evaluated.stderr
    [model] = json.loads((tmp_path / "eval.json").read_text())["models"]
    assert (model["correct"], model["input_range"], model["range_known_from"]) == (8422, "0-1", "its seal")
    for verb in (["verify"], ["parity"], ["bench", "--duration", "0.1", "--processes", "1"], ["inspect"]):
        result = fmnist(*verb)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "input-range" not in result.stderr
    (tmp_path / "boot.png").write_bytes(encode(t10k.images[0]))
    for named in ([], [imported]):
        assert "Ankle boot" in fmnist("predict", *named, "boot.png").stdout
    assert "verified" in fmnist("verify").stdout
    assert "0-1, known from its seal" in fmnist("inspect").stdout


def test_one_byte_changed_is_seen(imported, fmnist):
    copy = imported / "export" / "stranger.tflite"
    content = bytearray(copy.read_bytes())
    content[2000] ^= 1
    copy.write_bytes(content)
    assert fmnist("verify").returncode == 3
    with pytest.raises(ModelError, match="its bytes are not those it was sealed with"):
        load(copy)


def test_bundle_takes_it(imported, fmnist, tmp_path):
    result = fmnist("bundle", "--wheels", "none", "--format", "tflite", "--out", "bundle")
    assert result.returncode == 0, result.stderr
    run = tmp_path / "bundle" / "runs" / "stranger"
    assert {path.name for path in run.iterdir()} == {"import.json", "reference.npz", "export"}
    assert (run / "export" / "stranger.tflite").read_bytes() == (
        imported / "export" / "stranger.tflite"
    ).read_bytes()
    moved = tmp_path / "device"
    shutil.copytree(tmp_path / "bundle", moved)
    shutil.rmtree(imported.parent)
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
    result = fmnist("import", "stranger.tflite")
    assert result.returncode == 0, result.stderr
    assert "imported/stranger.tflite: takes pixels of -1-1, known from its TFLite metadata" in result.stdout
    assert "golden images are noise" in result.stdout
    copy = tmp_path / "imported" / "stranger.tflite"
    assert copy.read_bytes().startswith(buffer.getvalue())
    with zipfile.ZipFile(copy) as archive:
        assert archive.namelist() == ["notes.md", "fmnist.json", "labels.txt"]
    with load(copy) as session:
        assert session.info.labels == tuple(names.decode().split("\n"))
    assert fmnist("verify", "imported/stranger.tflite").returncode == 0


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
    for verb in (["eval", path], ["import", path], ["eval"]):
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
    for verb in (("eval",), ("import",), ("import", "--input-range", "0-1")):
        line = fails(*verb, path, *FASHION)
        assert "its class 8 is called 'T-shirt/top', which is class 0 of fashion-mnist" in line
        assert "in the order of the model's scores, with --labels FILE" in line
    (tmp_path / "labels.txt").write_text("\n".join(theirs))
    assert fmnist("eval", path, *FASHION, "--labels", "labels.txt").returncode == 0


def test_an_imported_model_in_another_order_is_put_in_order(fmnist, tmp_path):
    """One that was imported without a data set keeps its own order, and is evaluated in the data set's."""
    theirs = json.loads((TINY / "train.json").read_text())["labels"]
    path = tmp_path / "stranger.tflite"
    path.write_bytes(with_metadata(tflite(), (0,), (255,), "\n".join(theirs[::-1]).encode()))
    assert fmnist("import", path).returncode == 0
    result = fmnist("eval", "imported/stranger.tflite", *FASHION)
    assert result.returncode == 0, result.stderr
    assert "has the classes of fashion-mnist in another order" in result.stderr
    assert "84.2" not in result.stdout  # the names are wrong, and are believed


def test_where_a_copy_goes(fails, fmnist, tmp_path):
    content = pack(tflite())
    (tmp_path / "STRANGER.TFLITE").write_bytes(content)
    result = fmnist("import", "STRANGER.TFLITE", *FASHION, "--out", "a run")
    assert result.returncode == 0, result.stderr
    assert "next: fmnist bundle 'a run'" in result.stdout
    assert fmnist("eval", "a run").returncode == 0
    line = fails("import", "STRANGER.TFLITE", *FASHION, "--out", "copy.onnx")
    assert "copy.onnx: is a copy of STRANGER.TFLITE, so its name must end in .tflite, too" in line
    result = fmnist("import", "STRANGER.TFLITE", *FASHION, "--out", "copy.tflite")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "copy.tflite").read_bytes().startswith(content)


def test_an_onnx_model_is_imported(fmnist, tmp_path):
    onnx = pytest.importorskip("onnx")
    foreign_onnx = pytest.importorskip("support.foreign_onnx")
    content = foreign_onnx.convolutions()
    (tmp_path / "stranger.onnx").write_bytes(content)
    result = fmnist("import", "stranger.onnx", "--input-range", "-1-1")
    assert result.returncode == 0, result.stderr
    copy = (tmp_path / "imported" / "stranger.onnx").read_bytes()
    assert copy.startswith(content)
    onnx.checker.check_model(onnx.load_from_string(copy))
    with load(tmp_path / "imported" / "stranger.onnx") as session:
        assert session.info.contract.range == "-1-1"


def test_imported_again_it_is_replaced_and_another_verbs_run_is_not(imported, fails, fmnist, tmp_path):
    (tmp_path / "other.tflite").write_bytes(pack(tflite(integers=(INT8, 1 / 255, -128))))
    result = fmnist("import", "other.tflite", *FASHION, "--out", imported)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in (imported / "export").glob("*.tflite")] == ["other.tflite"]
    shutil.copytree(TINY, tmp_path / "runs" / "tiny")
    line = fails("import", "other.tflite", *FASHION, "--out", tmp_path / "runs" / "tiny")
    assert "is a run of fmnist train; --out goes elsewhere" in line


@pytest.mark.skipif(not TRAINS, reason="a device has no reports, plots and trainings at all")
@pytest.mark.parametrize(
    ("verb", "line"),
    [
        (["export"], "holds an imported stranger.tflite, and no Keras model"),
        (["plot", "history"], "holds an imported model, of which there is no training here"),
        (["train", "--resume"], "holds an imported stranger.tflite, and no Keras model"),
        (["parity", "--layers"], "holds an imported stranger.tflite, and no Keras model"),
    ],
)
def test_what_needs_more_says_so(verb, line, imported, fmnist):
    result = fmnist(*verb, imported)
    assert result.returncode == 1
    assert line in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not TRAINS, reason="a device has no reports")
def test_it_has_a_report(imported, fmnist):
    for verb in ("eval", "parity"):
        assert fmnist(verb, imported, "--json", imported / f"{verb}.json").returncode == 0
    result = fmnist("report", imported)
    assert result.returncode == 0, result.stderr
    page = (imported / "report.html").read_text()
    assert "<dt>imported</dt>" in page
    assert "stranger.tflite" in page
    assert "Loss (cross-entropy)" not in page  # there was no training here


@pytest.fixture
def their_keras(tmp_path, t10k):
    """A folder with a Keras model in both file formats, and the photographs that it was trained on."""
    pytest.importorskip("keras")
    write_photographs(tmp_path / "photos", t10k)
    train_theirs(tmp_path / "photos", tmp_path / "own.keras", tmp_path / "own.h5")
    return tmp_path


@pytest.mark.parametrize("file", ["own.keras", "own.h5"])
def test_a_keras_model_and_photographs_to_a_bundle(their_keras, file, fmnist):
    """Its size, colours and classes are found; what follows treats it as a model trained here."""
    result = fmnist("import", file, "--dataset", "photos", "--preparation", "pad", "--input-range", "0-1")
    assert result.returncode == 0, result.stderr
    assert "pictures are prepared as pad" in result.stdout
    assert "takes pixels of 0-1, known from the user; 3 classes: bag, boot, trouser" in result.stdout
    run = their_keras / "runs" / "own"
    model = run / f"model{Path(file).suffix}"
    assert model.read_bytes() == (their_keras / file).read_bytes()
    record = json.loads((run / "import.json").read_text())
    assert (record["labels"], record["file"]) == (["bag", "boot", "trouser"], file)
    assert (record["input_range"], record["settings"]["preparation"]) == ("0-1", "pad")
    assert record["test_accuracy"] > 0.9
    exported = fmnist("export", "--quantize", "int8")
    assert exported.returncode == 0, exported.stderr
    for verb in (["eval"], ["parity", "--max-drop", 4]):  # 120 test images show 3.1 points at best
        judged = fmnist(*verb, "--json", run / f"{verb[0]}.json")
        assert judged.returncode == 0, judged.stdout + judged.stderr
    assert fmnist("report").returncode == 0
    assert "<dt>imported</dt>" in (run / "report.html").read_text()
    with load(run / "export" / "model-int8.tflite") as session:
        assert (session.info.preparation, session.info.input_shape) == ("pad", (32, 24, 3))
        assert session.info.metadata.source_range == "0-1"
    bundled = fmnist("bundle", "--wheels", "none", "--format", "tflite", "--out", "bundle")
    assert bundled.returncode == 0, bundled.stderr
    answers = [
        json.loads(fmnist("predict", named, "photos/boot/7.jpg", "--as", "jsonl", "--top", 1).stdout)
        for named in (model, run, their_keras / "bundle" / "runs" / "own")
    ]
    assert [answer["predictions"][0]["label"] for answer in answers] == ["boot"] * 3
    assert answers[1] == answers[2]
    # It is prepared as declared, whichever file answers; int8 moves a probability by a level or two.
    first, second, _ = (answer["predictions"][0]["probability"] for answer in answers)
    assert abs(first - second) < 0.02


def test_one_import_after_another_leaves_nothing_of_the_first(their_keras, fmnist):
    """Whatever the formats; and nothing of a training, where --force takes its folder."""
    (their_keras / "stranger.tflite").write_bytes(pack(tflite()))
    options = ("--preparation", "pad", "--input-range", "0-1", "--out", "runs/one")
    run = their_keras / "runs" / "one"
    keras = ("import", "own.h5", "--dataset", "photos", *options)
    for verb in (keras, ("export", "runs/one"), ("import", "stranger.tflite", *FASHION, "--out", "runs/one")):
        done = fmnist(*verb)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in run.iterdir()} == {"export", "import.json", "reference.npz"}
    assert "84.2" in fmnist("eval", "runs/one").stdout
    assert "stranger.tflite" in fmnist("inspect", "runs/one").stdout
    shutil.copytree(TINY, their_keras / "runs" / "tiny")
    (their_keras / "runs" / "tiny" / "model.py").write_text("mine")
    done = fmnist(*keras[:-1], "runs/tiny", "--force")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (their_keras / "runs" / "tiny").iterdir()}
    assert names == {"export", "import.json", "model.h5", "model.py", "reference.npz"}
    evaluated = fmnist("eval", "runs/tiny", "--json", "-")
    [model, *_] = json.loads(evaluated.stdout)["models"]
    assert model["accuracy"] > 0.9
    trained = fmnist("train", "--epochs", 1, "--hidden", 4, "--out", "runs/tiny", "--force")
    assert trained.returncode == 0, trained.stderr
    assert not {"model.h5", "import.json"} & {path.name for path in (their_keras / "runs/tiny").iterdir()}


def test_training_goes_on_with_what_was_imported(their_keras, fmnist):
    """On its data set, in its range and with its preparation."""
    options = ("--preparation", "pad", "--input-range", "0-1")
    assert fmnist("import", "own.keras", "--dataset", "photos", *options).returncode == 0
    refused = fmnist("train", "--resume", "runs/own", "--epochs", 1)
    assert "ends in logits; training goes on with a model that ends in softmax" in refused.stderr
    refused = fmnist("train", "--resume", "runs/own", "--epochs", 1, "--hidden", 3)
    assert "has its own network and optimizer; leave out --hidden" in refused.stderr


def test_a_preparation_is_sealed_without_a_data_set_too(fmnist, tmp_path):
    (tmp_path / "stranger.tflite").write_bytes(pack(tflite()))
    result = fmnist("import", "stranger.tflite", "--input-range", "0-1", "--preparation", "mnist")
    assert result.returncode == 0, result.stderr
    assert "pictures are prepared as mnist" in result.stdout
    with load(tmp_path / "imported" / "stranger.tflite") as session:
        assert session.info.preparation == "mnist"


def test_a_keras_model_needs_images(their_keras, fails):
    line = fails("import", "own.keras")
    assert "own.keras: a Keras model is imported with its answers to test images" in line
    assert "--dataset" in line
    assert not (their_keras / "runs").exists()


def test_what_cannot_be_imported(fails, tmp_path):
    (tmp_path / "notes.txt").write_text("no model")
    line = fails("import", "notes.txt", *FASHION)
    assert "notes.txt: a model to import ends in .keras, .h5, .hdf5, .tflite or .onnx" in line
    (tmp_path / "stranger.tflite").write_bytes(pack(tflite()))
    assert "does not say its input range" in fails("import", "stranger.tflite")
    sealed = TINY / "export" / "model-int8.tflite"
    assert "is sealed already" in fails("import", sealed, *FASHION)
    assert "only Keras, tflite and onnx models can be imported" in fails(
        "import", TINY / "export" / "model-float32.npz"
    )
    assert "is not accurate with any of" in fails("import", "stranger.tflite", "--dataset", "mnist")
    line = fails("import", "stranger.tflite", "--dataset", "mnist", "--input-range", "0-1")
    assert "right, always naming one class 11.35%; check --dataset, the order of --labels" in line
