"""A user's mistake gives one line that names the file, exit code 1, no traceback, and nothing written."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import DATA, TINY

from fmnist_exporters.formats import embed_zip
from fmnist_runtime.artifact.container import read_container, read_metadata
from fmnist_runtime.data.idx import idx_header
from fmnist_runtime.recorded import read_reference

INT8 = TINY / "export" / "model-int8.tflite"
ONNX = TINY / "export" / "model-float32.onnx"
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("verb", ["eval", "bench", "parity"])
@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.tflite", None, "no such file"),
        ("absent.keras", None, "no such file"),
        ("folder.tflite", ..., "is a directory"),
        ("model.txt", b"text", "a model file ends in .tflite or .onnx"),
        ("empty.tflite", b"", "is empty"),
        ("half.tflite", INT8.read_bytes()[: INT8.stat().st_size // 2], "not a TFLite classifier"),
        ("random.onnx", np.random.default_rng(0).bytes(9000), "not an ONNX classifier"),
    ],
)
def test_models(tmp_path, fails, verb, name, content, complaint):
    path = tmp_path / name
    if content is ...:
        path.mkdir()
    elif content is not None:
        write(path, content)
    extra = ["--reference", TINY / "reference.npz"] if verb == "parity" else []
    line = fails(verb, path, *extra)
    assert str(path) in line
    assert complaint in line


@pytest.mark.parametrize("verb", ["eval", "parity", "bench"])
def test_a_result_whose_name_is_too_long(fails, verb):
    name = "x" * 300 + ".json"
    assert f"{name}: cannot be written (File name too long); choose another place" in fails(
        verb, INT8, "--json", name
    )


@pytest.mark.parametrize("verb", ["eval", "parity", "bench", "export"])
def test_no_run_yet(fails, verb):
    assert "fmnist train" in fails(verb)


@pytest.mark.parametrize("verb", ["parity", "bench"])
def test_nothing_exported_yet(tiny, fmnist, verb):
    shutil.rmtree(tiny / "export")
    result = fmnist(verb)
    assert result.returncode == 1
    assert "nothing is exported yet; run: fmnist export" in result.stderr


@pytest.mark.parametrize("cause", ["trained anew", "no manifest"])
def test_exports_that_are_not_of_the_model_are_not_said_to_be_missing(tiny, fails, cause):
    if cause == "no manifest":
        (tiny / "export" / "manifest.json").unlink()
    else:
        (tiny / "model.keras").write_bytes(b"trained anew")
    line = fails("parity", tiny)
    assert "export: its manifest.json lists no artifact of the run's present model; run: " in line


def bad_data(folder: Path, case: str) -> Path:
    """A copy of the real test split with one thing wrong."""
    folder.mkdir()
    images, labels = ((DATA / "fashion-mnist" / name).read_bytes() for name in (IMAGES, LABELS))
    plain = gzip.decompress(labels)
    match case:
        case "cut-off gz":
            images = images[:100_000]
        case "wrong magic":
            labels = gzip.compress(b"\1\2\3\4" + plain[4:])
        case "different counts":
            fewer = np.frombuffer(plain, np.uint8, offset=8)[:9_999]
            labels = idx_header(fewer.shape) + fewer.tobytes()
        case "other shape":
            square = np.zeros((10_000, 32, 32), np.uint8)
            images = idx_header(square.shape) + square.tobytes()
    write(folder / IMAGES, images)
    write(folder / LABELS, labels)
    return folder


@pytest.mark.parametrize(
    ("case", "complaint"),
    [
        ("cut-off gz", f"{IMAGES}: gzip stream is cut off"),
        ("wrong magic", f"{LABELS}: not an IDX file (it starts with 01020304)"),
        ("different counts", "10,000 images, but "),
        ("other shape", "images of fashion-mnist are 28×28"),
    ],
)
def test_data(tmp_path, fails, case, complaint):
    folder = bad_data(tmp_path / "bad", case)
    assert complaint in fails("eval", INT8, "--data-dir", folder)


def test_missing_data_says_where_it_was_looked_for(tmp_path, fails):
    assert str(tmp_path / "nowhere") in fails("eval", INT8, "--data-dir", tmp_path / "nowhere")
    assert "known data sets are fashion-mnist, mnist" in fails("eval", INT8, "--dataset", "cifar")


def test_a_damaged_file_fails_verification(tmp_path, fails):
    folder = tmp_path / "mnist"
    shutil.copytree(DATA / "mnist", folder)
    shutil.copy(DATA / "fashion-mnist" / LABELS, folder / LABELS)
    arguments = ("data", "verify", "mnist", "--data-dir", folder)
    assert f"{folder} holds another data set" in fails(*arguments)
    first_is_wrong = gzip.decompress((DATA / "mnist" / LABELS).read_bytes())
    write(folder / LABELS, first_is_wrong[:8] + b"\0" + first_is_wrong[9:])
    assert f"{LABELS}: is not the published file of mnist" in fails(*arguments)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.png", None, "no such file"),
        ("empty.png", b"", "is empty"),
        (
            "text.png",
            b"not a picture",
            "not an image of a format that is read; give a file in PNG, JPEG, GIF,",
        ),
        ("folder", ..., "is a directory"),
    ],
)
def test_images(tmp_path, fails, name, content, complaint):
    path = tmp_path / name
    if content is ...:
        path.mkdir()
    elif content is not None:
        write(path, content)
    line = fails("predict", INT8, path)
    assert str(path) in line
    assert complaint in line


@pytest.mark.parametrize("verb", ["eval", "parity", "predict"])
def test_an_unwritable_result(tmp_path, fmnist, t10k, verb):
    from PIL import Image

    Image.fromarray(t10k.images[0]).save(tmp_path / "image.png")
    extra = {"eval": [], "parity": ["--reference", TINY / "reference.npz"], "predict": ["image.png"]}[verb]
    write(tmp_path / "file", b"in the way")
    result = fmnist(verb, INT8, *extra, "--json", tmp_path / "file" / "result.json")
    assert result.returncode == 1
    assert "file/result.json: cannot be written" in result.stderr
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_a_reference_of_another_kind(tmp_path, fails):
    text = write(tmp_path / "reference.txt", b"not one")
    assert "a Keras model, a reference.npz or an artifact" in fails("parity", INT8, "--reference", text)
    path = write(tmp_path / "reference.npz", b"not one")
    assert "not a reference" in fails("parity", INT8, "--reference", path)


def test_an_empty_artifact_beside_a_keras_reference(tmp_path, fails):
    """What it was made from is looked for in it, before it is opened."""
    empty = write(tmp_path / "empty.tflite", b"")
    assert "is empty" in fails("parity", empty, "--reference", TINY / "model.keras")


def test_a_reference_for_other_images(tmp_path, fails, t10k):
    folder = tmp_path / "other"
    fewer = t10k.targets[::-1]
    write(folder / "t10k-images-idx3-ubyte", idx_header(t10k.images.shape) + t10k.images.tobytes())
    write(folder / "t10k-labels-idx1-ubyte", idx_header(fewer.shape) + fewer.tobytes())
    arguments = ("parity", INT8, "--reference", TINY / "reference.npz", "--data-dir", folder)
    message = fails(*arguments)
    assert (
        "its 10,000 test images are not the 10,000 of fashion-mnist that model.keras was scored on" in message
    )
    assert f"not {read_reference(TINY / 'reference.npz').dataset_digest[:12]})" in message


def test_an_artifact_of_another_model(tiny, fmnist):
    """Held against the run it lies in, not against one that was named."""
    other = tiny / "export" / "model-int8.tflite"
    metadata, container = read_metadata(other), read_container(other)
    assert metadata is not None
    assert container is not None
    model = other.read_bytes()[: container.model_bytes]
    other.write_bytes(embed_zip(model, replace(metadata, source_sha256="0" * 64)))
    result = fmnist("parity", other)
    assert result.returncode == 1
    assert "was made from another model than the reference" in result.stderr
    assert fmnist("parity", other, "--reference", tiny / "reference.npz").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["export", INT8], "only a Keras model, .keras, .h5 or .hdf5, can be exported"),
        (["export", "absent.keras"], "no such file"),
        (
            ["export", TINY / "model.keras", "--format", "all", "--out", "one.onnx"],
            "is one file, but there are 4 artifacts",
        ),
        (["export", TINY / "model.keras", "--out", "one.onnx"], "a tflite artifact ends in .tflite"),
    ],
)
def test_export(fails, arguments, complaint):
    assert complaint in fails(*arguments)


def test_export_does_not_replace_what_is_not_ours(tmp_path, fails):
    write(tmp_path / "model.tflite", b"somebody's")
    line = fails("export", TINY / "model.keras", "--out", tmp_path / "model.tflite")
    assert "exists and was not made by fmnist; --force" in line


@pytest.mark.parametrize("verb", ["train", "run"])
def test_training_is_not_begun_where_it_could_not_be_saved(tmp_path, fails, verb):
    write(tmp_path / "file", b"in the way")
    assert "cannot be written" in fails(verb, "--out", tmp_path / "file" / "run")
    write(tmp_path / "thesis" / "thesis.tex", b"two years")
    assert "holds files, but no run" in fails(verb, "--out", tmp_path / "thesis")


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--format", "coreml"],
        ["export", "--quantize", "int4"],
        ["export", "--format", "onnx", "--quantize", "int8-full"],
        ["bench", INT8, "--duration", "0"],
        ["eval", INT8, "--threads", "0"],
        ["predict", INT8, "image.png", "--preparation", "perhaps"],
        ["train", "--epochs", "0"],
        ["nonsense"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:1] + arguments[-2:])),
)
def test_wrong_usage_exits_2(tmp_path, fmnist, arguments):
    result = fmnist(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert not any(tmp_path.iterdir())


def test_debug_shows_the_traceback(fmnist):
    result = fmnist("eval", "absent.tflite", "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "ModelError: absent.tflite: no such file" in result.stderr


def test_a_result_does_not_replace_what_is_not_one(tmp_path, fails, fmnist):
    """Such as the model itself, one word too far to the right."""
    model = write(tmp_path / "model.tflite", INT8.read_bytes())
    assert "exists and is not a result of fmnist" in fails("eval", model, "--json", model)
    assert fmnist("eval", model, "--json", "eval.json").returncode == 0
    assert fmnist("eval", model, "--json", "eval.json").returncode == 0


@pytest.mark.parametrize("name", ["train.json", "export/manifest.json"])
def test_a_result_does_not_replace_a_record_that_a_run_lives_by(tiny, fails, name):
    path = f"runs/tiny/{name}"
    line = fails("deploy", "runs/tiny", "--host", "pi", "--json", path)
    assert line == f"fmnist: {path}: exists and is not a result of fmnist; choose another file\n"


def test_data_in_a_folder_whose_name_is_too_long(fails):
    assert "no folder holds t10k-images-idx3-ubyte" in fails("eval", INT8, "--data-dir", "x" * 300)


@pytest.mark.parametrize("name", ["model.keras", "export/manifest.json", "export/model-int8.tflite"])
def test_a_file_that_the_user_may_not_read(tiny, name):
    """Root may read everything, but for what it is not let to."""
    (tiny / name).chmod(0)
    barred = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    command = [*barred, sys.executable, "-m", "fmnist", "bundle", tiny, "--wheels", "none", "--no-data"]
    result = subprocess.run(command, cwd=tiny.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    line = result.stderr.splitlines()[-1]
    assert line.startswith(f"fmnist: {tiny / name}: cannot be ")
    assert "(Permission denied)" in line


def test_a_model_that_names_no_data_set_asks_for_one(tmp_path, fails, fmnist):
    """A .keras outside of any run: what it was trained on is anybody's guess, and is not guessed."""
    model = write(tmp_path / "mine.keras", (TINY / "model.keras").read_bytes())
    assert "mine.keras: does not name its data set; give it with --dataset" in fails("eval", model)
    line = "an export is checked on training images; give the data set with --dataset"
    assert line in fails("export", model, "--quantize", "all")
    # Once it is named, the artifacts know it, and the original's scores lie beside them.
    assert fmnist("export", model, "--dataset", "fashion-mnist").returncode == 0
    artifact = tmp_path / "export" / "mine-float32.tflite"
    assert fmnist("eval", artifact).returncode == 0
    assert fmnist("parity", artifact).returncode == 0
    (tmp_path / "export" / "mine-reference.npz").unlink()
    assert "name its original" in fails("parity", artifact)
    assert fmnist("eval", artifact, "--dataset", "fashion-mnist").returncode == 0
    assert fmnist("export", model, "--quantize", "int8", "--dataset", "fashion-mnist").returncode == 0


def test_images_that_do_not_fit_the_model(tmp_path, fails):
    own = tmp_path / "own"
    square, targets = np.zeros((4, 32, 32), np.uint8), np.arange(4, dtype=np.uint8)
    write(own / "t10k-images-idx3-ubyte", idx_header(square.shape) + square.tobytes())
    write(own / "t10k-labels-idx1-ubyte", idx_header(targets.shape) + targets.tobytes())
    line = fails("eval", INT8, "--dataset", own)
    assert f"28×28, but these are 32×32, of {own}; name the one it was trained on with --dataset" in line


def test_images_of_another_data_set_under_the_same_name(tmp_path, fails, t10k):
    """As many, as large, of as many classes: only the digest that the artifact carries can tell."""
    folder = tmp_path / "other"
    write(folder / "t10k-images-idx3-ubyte", idx_header(t10k.images.shape) + t10k.images[::-1].tobytes())
    write(folder / "t10k-labels-idx1-ubyte", idx_header(t10k.targets.shape) + t10k.targets[::-1].tobytes())
    line = fails("eval", INT8, "--data-dir", folder)
    assert "is not the data set that" in line
    assert "was trained on, although it has its name" in line


def test_a_file_that_lost_its_end_is_not_taken_for_a_foreign_one(tmp_path, fails):
    path = write(tmp_path / "model.tflite", INT8.read_bytes()[:-100])
    assert "is cut off or damaged" in fails("eval", path)


def test_a_damaged_artifact_is_made_again(tiny, fmnist):
    """The manifest beside it records its digest."""
    artifact = tiny / "export" / "model-float32.tflite"
    content = artifact.read_bytes()
    artifact.write_bytes(content[:5000] + bytes(1000) + content[6000:])
    result = fmnist("export")
    assert result.returncode == 0, result.stderr
    assert " written " in result.stdout
    artifact.unlink()
    assert "model-float32.tflite: is gone; make it again with: fmnist export" in fmnist("eval").stderr


def test_a_training_that_could_not_end_well_is_not_begun(tmp_path, fails):
    """The test images are of a class that the training images have not."""
    own = tmp_path / "own"
    for stem, targets in (("train", [0, 1, 0, 1]), ("t10k", [0, 1, 2])):
        images, labels = np.zeros((len(targets), 8, 8), np.uint8), np.array(targets, np.uint8)
        write(own / f"{stem}-images-idx3-ubyte", idx_header(images.shape) + images.tobytes())
        write(own / f"{stem}-labels-idx1-ubyte", idx_header(labels.shape) + labels.tobytes())
    assert "test label 2 is none of the 2 classes" in fails("train", "--dataset", own)
    two, both = np.zeros((2, 8, 8), np.uint8), np.array([0, 1], np.uint8)
    (own / "labels.txt").write_text("a\nb\n")
    for stem in ("train", "t10k"):
        (own / f"{stem}-images-idx3-ubyte").write_bytes(idx_header(two.shape) + two.tobytes())
        (own / f"{stem}-labels-idx1-ubyte").write_bytes(idx_header(both.shape) + both.tobytes())
    arguments = ("train", "--dataset", own, "--validation-split")
    assert "2 training images cannot be split" in fails(*arguments, 0.9)
    assert "2 training images cannot be split" in fails(*arguments, 1e-17)


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model.npz"])
def test_a_pipe_in_place_of_a_model_is_not_waited_for(tmp_path, fails, name):
    os.mkfifo(tmp_path / name)
    shutil.copy(ONNX, tmp_path / "boot.png")
    assert f"{name}: is a pipe or device, not a file" in fails("predict", name, "boot.png")


def test_a_package_that_cannot_be_loaded_is_named(tmp_path, fmnist):
    """As Pillow is where a library of the system is missing: its own part in C does not load."""
    write(tmp_path / "PIL" / "__init__.py", b"")
    write(tmp_path / "PIL" / "Image.py", b"from PIL import _imaging")
    write(tmp_path / "PIL" / "_imaging.so", b"\x7fELF")
    write(tmp_path / "boot.png", b"\x89PNG")
    result = fmnist("predict", INT8, "boot.png")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "reading image files needs PIL, which is installed but cannot be loaded (" in result.stderr
    assert "_imaging.so: file too short)" in result.stderr


@pytest.fixture
def unheard(tmp_path):
    """What Python prints for arguments of its own when standard error is closed."""

    def run(*arguments: str) -> str:
        command = ["sh", "-c", 'exec "$0" "$@" 2>&-', sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=False).stdout

    return run


def test_a_complaint_does_not_go_where_answers_do(unheard):
    assert unheard("-m", "fmnist", "predict", "absent.tflite", "boot.png") == ""


def test_no_file_becomes_the_engines_standard_error(unheard):
    """Where that was closed, the next file to be opened would get its number."""
    code = "import os\nfrom fmnist.cli import main\nmain._silence_engines()\n"
    assert unheard("-c", code + "print(os.readlink('/proc/self/fd/2'))") == "/dev/null\n"
