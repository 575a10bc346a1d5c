"""Pictures of parity: what is drawn of each candidate, where it is written, and what is not overwritten."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import TINY
from support.drawn import of_class, parse

from fmnist_runtime.recorded import Reference, read_reference, write_reference

EXPORT = TINY / "export"
FLOAT32, INT8, INT8_FULL = (EXPORT / f"model-{scheme}.tflite" for scheme in ("float32", "int8", "int8-full"))
REFERENCE = read_reference(TINY / "reference.npz")
KINDS = ("changed", "reliability", "probabilities")


def test_every_candidate_gets_its_pictures_and_they_are_made_anew(tmp_path, tiny, fmnist):
    files = [f"plots/{model.name}-{kind}.svg" for model in (INT8, INT8_FULL) for kind in KINDS]
    for _ in range(2):
        result = fmnist("parity", INT8, INT8_FULL, "--plots", "plots")
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines() == files
        assert result.stdout == fmnist("parity", INT8, INT8_FULL).stdout
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(
        Path(file).name for file in files
    )
    for file in files:
        assert (tmp_path / file).stat().st_size < 300_000
        svg = parse((tmp_path / file).read_text(encoding="utf-8"))
        assert svg.get("data-generator") == "fmnist"
        assert max(float(svg.get("width")), float(svg.get("height"))) < 2000
    reliability = parse(
        (tmp_path / "plots" / f"{INT8_FULL.name}-reliability.svg").read_text(encoding="utf-8")
    )
    title, errors, difference, *_ = [each.text for each in reliability.iter("text")]
    assert title == "model-int8-full.tflite against model.keras"
    assert errors.startswith("calibration error 0.")
    assert difference.startswith("difference ")
    assert len(of_class(reliability, "curve")) == 2


def test_where_no_answer_changed_there_are_the_two_diagrams_alone(tmp_path, fmnist):
    """A gallery that an earlier model of this name had left would be taken for this one's."""
    stale = tmp_path / "plots" / "model-float32.tflite-changed.svg"
    assert fmnist("parity", INT8, "--plots", "plots").returncode == 0
    (tmp_path / "plots" / "model-int8.tflite-changed.svg").rename(stale)
    result = fmnist("parity", FLOAT32, "--plots", "plots")
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == [
        "plots/model-float32.tflite-reliability.svg",
        "plots/model-float32.tflite-probabilities.svg",
        "model-float32.tflite: no answer changed",
    ]
    assert not stale.exists()


def test_json_stands_alone_on_stdout(fmnist):
    result = fmnist("parity", INT8, "--plots", "plots", "--json", "-")
    assert json.loads(result.stdout)["schema"] == "fmnist.parity/4"
    assert result.stderr.count(".svg\n") == 3


def test_a_failed_gate_exits_3_and_the_pictures_are_there(tmp_path, fmnist):
    result = fmnist("parity", INT8_FULL, "--plots", "plots", "--min-agreement", 1)
    assert result.returncode == 3
    assert len(list((tmp_path / "plots").iterdir())) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_ours_is_refused_before_any_work(tmp_path, fmnist, kind):
    path = tmp_path / "plots" / f"model-int8.tflite-{kind}.svg"
    path.parent.mkdir()
    path.write_text("<svg/>")
    before = path.read_bytes()
    result = fmnist("parity", INT8_FULL, INT8, "--plots", "plots", "--data-dir", "nowhere")
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: plots/{path.name}: exists and is not a picture of fmnist; choose another folder\n"
    )
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_takes_no_files_is_refused_before_any_work(tmp_path, fmnist):
    (tmp_path / "notes").touch()
    result = fmnist("parity", INT8, "--plots", "notes", "--data-dir", "nowhere")
    assert result.returncode == 1
    assert result.stderr == (
        "fmnist: notes/model-int8.tflite-changed.svg: cannot be written "
        f"({tmp_path / 'notes'} takes no files); choose another place\n"
    )


def test_models_of_the_same_name_do_not_overwrite_each_other(tmp_path, tiny, fmnist):
    shutil.copy(INT8, tmp_path)
    other = "runs/tiny/export/model-int8.tflite"
    result = fmnist("parity", other, "model-int8.tflite", "--plots", "plots", "--data-dir", "nowhere")
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: model-int8.tflite: has the same file name as {other}, and so would their pictures; "
        "compare one at a time, each with its own folder for --plots\n"
    )
    assert not (tmp_path / "plots").exists()


def test_without_markupsafe_the_extra_is_named_before_any_work(without_markupsafe):
    without_markupsafe("parity", INT8, "--plots", "plots", "--data-dir", "nowhere")


def test_a_collapsed_model_is_pictured_and_fails(tmp_path, fmnist):
    """The original is made to say of every image what it is surely not."""
    other = np.eye(10, dtype=np.float32)[(REFERENCE.targets + 1) % 10]
    write_reference(tmp_path / "other.npz", Reference(**{**vars(REFERENCE), "scores": other}))
    result = fmnist("parity", INT8, "--reference", "other.npz", "--plots", "plots")
    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 3
    for path in (tmp_path / "plots").iterdir():
        assert path.stat().st_size < 300_000


def test_a_name_that_is_no_text_is_drawn_as_tables_print_it(tmp_path, fmnist):
    """Linux allows any bytes in a file's name; Python reads those that are no UTF-8 as surrogates."""
    name = os.fsdecode(b"a\xff\n.tflite")
    shutil.copy(INT8, tmp_path / name)
    result = fmnist("parity", name, "--reference", TINY / "reference.npz", "--plots", "plots")
    assert result.returncode == 0, result.stderr
    for path in (tmp_path / "plots").iterdir():
        words = [each.text for each in parse(path.read_text(encoding="utf-8")).iter("text")]
        assert any("a??.tflite" in each for each in words if each)
