"""Limits that the user names for an export, and data sets that are too small for any."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from support import DATA

from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.data.datasets import load_dataset

OPTIONS = ("--dataset", "fashion-mnist", "--data-dir", DATA, "--quantize", "int8")


@pytest.fixture
def few(tmp_path) -> Path:
    """A data set of 1,000 training images, of which 500 are held out, and 500 test images."""
    folder = tmp_path / "few"
    folder.mkdir()
    for split, stem, count in (("train", "train", 1000), ("test", "t10k", 500)):
        dataset = load_dataset("fashion-mnist", split, DATA)
        for kind, array in (("images-idx3", dataset.images), ("labels-idx1", dataset.targets)):
            content = np.ascontiguousarray(array[:count])
            head = bytes([0, 0, 8, content.ndim]) + np.array(content.shape, ">u4").tobytes()
            (folder / f"{stem}-{kind}-ubyte").write_bytes(head + content.tobytes())
    return folder


def sealed(folder: Path) -> Metadata:
    metadata = read_metadata(folder / "export" / "mine-int8.tflite")
    assert metadata is not None
    return metadata


def test_the_option_that_a_rejection_names_accepts_it(fmnist, foreign, tmp_path):
    """No int8 gives all answers of the original; who asks for them is told what there is."""
    rejected = fmnist("export", foreign, *OPTIONS, "--min-agreement", 1)
    assert rejected.returncode == 3
    [(option, value)] = re.findall(r"; allow less with (--min-agreement) (0\.99\d*);", rejected.stderr)
    accepted = fmnist("export", foreign, *OPTIONS, option, value)
    assert accepted.returncode == 0, accepted.stderr
    assert " written " in accepted.stdout
    assert sealed(tmp_path).gate["min_agreement"] == float(value)
    assert sealed(tmp_path).proof["limits_of_the_user"] == "min_agreement"
    assert " kept " in fmnist("export", foreign, *OPTIONS, option, value).stdout
    assert " written " in fmnist("export", foreign, *OPTIONS).stdout
    assert sealed(tmp_path).gate["min_agreement"] == 0.95
    assert "limits_of_the_user" not in sealed(tmp_path).proof


def test_few_images_are_said_and_are_no_failure_of_an_export(fmnist, foreign, few):
    exported = fmnist("export", foreign, "--dataset", few, "--quantize", "int8")
    assert exported.returncode == 0, exported.stderr
    assert "mine-int8.tflite: not shown on held-out images: max-drop: accuracy is " in exported.stderr
    assert "; 500 images are too few for any model and can show at best 0.76 points" in exported.stderr


def test_few_images_do_not_pass_in_silence(fmnist, foreign, few):
    assert fmnist("export", foreign, "--dataset", few).returncode == 0
    artifact = foreign.parent / "export" / "mine-float32.tflite"
    judged = fmnist("parity", artifact, "--dataset", few, "--junit", "junit.xml")
    assert judged.returncode == 3
    assert "TOO FEW IMAGES" in judged.stdout
    assert "FAIL" not in judged.stdout
    assert (
        "max-drop: accuracy is the same and may be 0.76 points lower, 0.66 beyond the 0.1 allowed; 500 "
        "images are too few for any model and can show at best 0.76 points: take 3,838 at least, or "
        "allow more with --max-drop 0.77"
    ) in judged.stdout
    assert 'type="too few images"' in (foreign.parent / "junit.xml").read_text()
    assert fmnist("parity", artifact, "--dataset", few, "--max-drop", 0.77).returncode == 0
