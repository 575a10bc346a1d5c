"""`fmnist export` and `fmnist verify`, on models that somebody brings along."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from support import DATA, TINY

from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_metadata

OPTIONS = ("--dataset", "fashion-mnist", "--data-dir", DATA)


def tiny() -> keras.Model:
    return keras.saving.load_model(TINY / "model.keras", compile=False)


@pytest.fixture
def collapsing(tmp_path) -> Path:
    """The tiny model with one hidden unit 10,000 times as large, and its weights out as much smaller.

    In float32 it is the same model. In int8 the other units have nothing left of the common range.
    """
    model = tiny()
    hidden, scores = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    kernel, bias = hidden.get_weights()
    kernel[:, 0] *= 10_000
    bias[0] *= 10_000
    hidden.set_weights([kernel, bias])
    kernel, bias = scores.get_weights()
    kernel[0] /= 10_000
    scores.set_weights([kernel, bias])
    model.save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


@pytest.fixture
def unit_range(tmp_path) -> Path:
    """The tiny model without its normalisation: it takes pixels of 0 to 1."""
    model = tiny()
    keras.Sequential([keras.Input((28, 28)), *model.layers[1:]]).save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def test_a_collapse_is_rejected_and_kept_apart(fmnist, collapsing):
    """The other artifacts of the same call are written; the exit code is that of a failed gate."""
    result = fmnist("export", collapsing, "--format", "tflite", "--quantize", "all", *OPTIONS)
    assert result.returncode == 3
    assert (
        "mine-int8.tflite: rejected: on 10,000 held-out training images: max-drop: accuracy is "
        in result.stderr
    )
    folder = collapsing.parent / "export"
    assert (folder / "mine-int8.tflite.rejected").is_file()
    assert not (folder / "mine-int8.tflite").exists()
    assert (folder / "mine-float32.tflite").is_file()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "mine-int8.tflite.rejected" in [entry["file"] for entry in manifest["rejected"]]
    assert "mine-float32.tflite" in [entry["file"] for entry in manifest["artifacts"]]


def test_what_was_rejected_can_be_looked_into(fmnist, collapsing):
    """Why it failed is the next question, and needs no renaming of the file that must not be used."""
    fmnist("export", collapsing, "--quantize", "int8", *OPTIONS)
    rejected = "export/mine-int8.tflite.rejected"
    assert "REJECTED" in fmnist("inspect", rejected).stdout
    assert fmnist("verify", rejected).returncode == 3
    result = fmnist("parity", rejected, "--layers", "--reference", collapsing, "--data-dir", DATA)
    assert result.returncode == 3
    assert "first layer that drifts: " in result.stdout


def test_where_all_is_rejected_the_original_is_judged_all_the_same(fmnist, collapsing):
    result = fmnist("export", collapsing, "--quantize", "int8", *OPTIONS)
    assert result.returncode == 3
    assert re.fullmatch(
        r"the original gets 8,\d{3} of 10,000 held-out training images right \(8\d\.\d\d% accuracy\)\n",
        result.stdout,
    )


def test_another_model_in_a_runs_place_is_not_taken_for_that_runs(fmnist, tmp_path, unit_range):
    """What training put into its model is not in this one, whose range is found out."""
    run = Path(shutil.copytree(TINY, tmp_path / "run"))
    shutil.copy(unit_range, run / "model.keras")
    result = fmnist("export", "run", "--data-dir", DATA)
    assert result.returncode == 0, result.stderr
    assert "run/model.keras: takes pixels of 0-1, the best of 9 ranges on " in result.stderr


def test_a_rejected_file_that_is_renamed_does_not_run(fmnist, collapsing, tmp_path):
    fmnist("export", collapsing, "--quantize", "int8", *OPTIONS)
    (tmp_path / "export" / "mine-int8.tflite.rejected").rename(tmp_path / "renamed.tflite")
    result = fmnist("eval", "renamed.tflite", "--data-dir", DATA)
    assert result.returncode == 1
    assert "renamed.tflite: was rejected when it was made, on 10,000 held-out" in result.stderr
    assert fmnist("verify", "renamed.tflite").returncode == 3


def test_a_collapse_is_found_on_images_of_another_data_set_too(fmnist, collapsing):
    """Where the original is wrong nearly always, no accuracy is left to lose."""
    digits = ("--dataset", "mnist", "--data-dir", DATA)
    refused = fmnist("export", collapsing, "--quantize", "int8", *digits)
    assert refused.returncode == 1
    assert "held-out training images right, and always naming one class " in refused.stderr
    result = fmnist("export", collapsing, "--quantize", "int8", *digits, "--allow-chance")
    assert result.returncode == 3
    assert "agreement is " in result.stderr


def test_pixels_of_0_to_1_are_found_out(fmnist, unit_range):
    result = fmnist("export", unit_range, *OPTIONS)
    assert result.returncode == 0, result.stderr
    assert "mine.keras: takes pixels of 0-1, the best of 9 ranges on 500 labelled images: " in result.stderr
    metadata = read_metadata(unit_range.parent / "export" / "mine-float32.tflite")
    assert metadata is not None
    assert metadata.source_range == "0-1"
    assert "kept" in fmnist("export", unit_range, *OPTIONS).stdout


def test_a_range_that_is_declared_wrongly_is_found_out_too(fmnist, foreign):
    result = fmnist("export", foreign, *OPTIONS, "--input-range", "0-1")
    assert result.returncode == 1
    assert "labelled images speak against pixels of 0-1: " in result.stderr
    assert "name the right one, such as --input-range 0-255" in result.stderr


def test_declared_it_takes_raw_pixels(fmnist, unit_range, t10k):
    """Without its normalisation the tiny model is the same, once pixels are divided in front of it."""
    assert fmnist("export", unit_range, *OPTIONS, "--input-range", "0-1").returncode == 0
    artifact = unit_range.parent / "export" / "mine-float32.tflite"
    with load(artifact) as session, load(TINY / "export" / "model-float32.tflite") as original:
        difference = session.scores(t10k.images[:1000]) - original.scores(t10k.images[:1000])
        assert np.abs(difference).max() < 1e-5
    # Neither data set nor range need be said again: the artifact knows.
    result = fmnist("parity", artifact, "--reference", unit_range, "--data-dir", DATA)
    assert result.returncode == 0, result.stdout
    assert "100.00%" in result.stdout


@pytest.mark.parametrize("verb", ["eval", "predict", "bench", "inspect"])
def test_every_verb_knows_the_range(fmnist, unit_range, verb, t10k):
    Image.fromarray(t10k.images[0]).save(unit_range.parent / "boot.png")
    arguments = {
        "eval": OPTIONS,
        "bench": (*OPTIONS, "--processes", "1", "--duration", "0.1"),
        "predict": ("boot.png",),
        "inspect": (),
    }[verb]
    result = fmnist(verb, unit_range, *arguments, "--input-range", "0-1")
    assert result.returncode == 0, result.stderr
    if verb == "eval":
        assert " 84." in result.stdout or " 85." in result.stdout


def test_labels_can_be_brought_along(fmnist, foreign):
    labels = foreign.parent / "names.txt"
    labels.write_text("\n".join("abcdefghij"))
    assert fmnist("export", foreign, *OPTIONS, "--labels", labels).returncode == 0
    metadata = read_metadata(foreign.parent / "export" / "mine-float32.tflite")
    assert metadata is not None
    assert metadata.labels == tuple("abcdefghij")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a\nb\n", "has 10 classes, but there are 2 labels"),
        ("a\n\nb\n", "line 2 is empty"),
        (" \n", "line 1 is empty"),
        ("\x1b[31mred\n", "line 1 has the control character U+001B"),
        (None, "names.txt: no such file"),
    ],
)
def test_labels_that_do_not_fit_are_refused(fmnist, foreign, content, complaint):
    labels = foreign.parent / "names.txt"
    if content:
        labels.write_text(content)
    result = fmnist("export", foreign, *OPTIONS, "--labels", labels)
    assert result.returncode == 1
    [line] = [line for line in result.stderr.splitlines() if not line.startswith("export 0 of 1: ")]
    assert complaint in line


def test_without_a_data_set_nothing_is_exported(fmnist, foreign):
    result = fmnist("export", foreign)
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: {foreign}: an export is checked on training images; give the data set with --dataset\n"
    )


def test_a_format_that_cannot_hold_the_model_says_why(fmnist, tmp_path):
    """Asked for everything, export does what can be done; asked for npz, it cannot."""
    layers = [
        keras.Input((28, 28, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(2, 5, strides=4, name="look"),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
    keras.utils.set_random_seed(0)
    keras.Sequential(layers).save(tmp_path / "mine.keras")
    untrained = (*OPTIONS, "--allow-chance")
    everything = fmnist("export", tmp_path / "mine.keras", "--format", "all", *untrained)
    assert everything.returncode == 0, everything.stderr
    reason = "npz cannot hold it: layer 'look' is a Conv2D, and npz holds only a sequence"
    assert reason in everything.stderr
    assert "mine-float32.onnx" in everything.stdout
    alone = fmnist("export", tmp_path / "mine.keras", "--format", "npz", *untrained)
    assert alone.returncode == 1
    assert reason in alone.stderr


def test_a_full_disk_leaves_nothing_behind(fmnist, foreign, tmp_path):
    """In a file system of 100 kB, which has no room for 400 kB of another network's weights."""
    keras.utils.set_random_seed(0)
    large = keras.Sequential([*tiny().layers[:2], keras.layers.Dense(128), keras.layers.Dense(10)])
    large.build((None, 28, 28))
    large.save(foreign)
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting a small file system takes root")
    try:
        result = fmnist("export", foreign, *OPTIONS, "--out", disk)
        assert result.returncode == 1
        assert "mine-float32.tflite: cannot be written (No space left on device)" in result.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_scheme_that_a_format_has_not_lists_those_it_has(fmnist, foreign):
    result = fmnist("export", foreign, "--format", "npz", "--quantize", "int8")
    assert result.returncode == 2
    assert "npz has no scheme int8; it has float32" in result.stderr


def test_verify_without_data_and_far_from_home(fmnist, tmp_path):
    result = fmnist("verify", *(TINY / "export" / f"model-{n}" for n in ("int8.tflite", "float32.npz")))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" verified ") == 2


def test_verify_takes_a_run(fmnist):
    result = fmnist("verify", TINY)
    assert result.returncode == 0
    assert result.stdout.count(" verified ") == 6


def test_verify_fails_on_a_changed_byte(fmnist, tmp_path):
    content = bytearray((TINY / "export" / "model-float32.onnx").read_bytes())
    content[20_000] ^= 1
    (tmp_path / "m.onnx").write_bytes(content)
    result = fmnist(
        "verify", tmp_path / "m.onnx", TINY / "export" / "model-int8.onnx", "--json", tmp_path / "v.json"
    )
    assert result.returncode == 3
    assert "m.onnx: its bytes are not those it was sealed with; copy it again" in result.stdout
    changed, whole = json.loads((tmp_path / "v.json").read_text())["artifacts"]
    assert (changed["passed"], changed["difference"], whole["passed"]) == (False, None, True)
    assert whole["images"] == 3


def test_verify_cannot_judge_a_foreign_model_and_goes_on(fmnist, tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"somebody's")
    result = fmnist("verify", tmp_path / "m.tflite", TINY / "export" / "model-int8.tflite")
    assert result.returncode == 1
    assert "carries no golden samples of fmnist export" in result.stderr
    assert "model-int8.tflite  verified" in result.stdout


def test_a_truncated_artifact_of_a_run_differs(fmnist, tiny):
    """It lost all that it said of itself, but the manifest beside it knows it."""
    artifact = tiny / "export" / "model-int8.tflite"
    artifact.write_bytes(artifact.read_bytes()[:10_000])
    result = fmnist("verify", artifact)
    assert result.returncode == 3
    assert "it has lost what manifest.json says was in it" in result.stdout


@pytest.mark.parametrize("name", ["x" * 250 + ".tflite", "loop.tflite"])
def test_names_that_no_file_can_have_are_one_line(fmnist, foreign, name):
    (foreign.parent / "loop.tflite").symlink_to("loop.tflite")
    result = fmnist("export", foreign, *OPTIONS, "--out", name)
    assert result.returncode == 1
    assert "cannot be written (" in result.stderr
    assert result.stderr.count("\n") == 1
