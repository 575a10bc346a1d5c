"""Artifacts of ours that somebody has changed, and ZIP files whose table of contents lies."""

from __future__ import annotations

import copy
import zipfile

import numpy as np
import pytest
from support import TINY
from support.attacks import refused

from fmnist_runtime import load
from fmnist_runtime.artifact.checked import check_file
from fmnist_runtime.artifact.container import is_intact, read_container, seal
from fmnist_runtime.errors import ModelError, ResultError
from fmnist_runtime.recorded import read_reference

ARTIFACTS = sorted(path for path in (TINY / "export").iterdir() if path.suffix != ".json")


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
def test_what_fmnist_exports_is_sound(path):
    check_file(path)


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
@pytest.mark.parametrize("rejected", ["", ".rejected"])
def test_an_artifact_whose_seal_is_broken_is_not_run(path, rejected, tmp_path):
    content = bytearray(path.read_bytes())
    container = read_container(path)
    assert container is not None
    content[container.model_bytes // 2] ^= 1
    copy = tmp_path / (path.name + rejected)
    refused(copy, bytes(content), "its bytes are not those it was sealed with; copy it again, or export")


def test_an_artifact_that_is_sealed_again_is_what_its_bytes_say(tmp_path):
    """A seal tells damage, not malice: whoever can write the file can seal it."""
    content = (TINY / "export" / "model-float32.tflite").read_bytes()
    path = tmp_path / "model.tflite"
    path.write_bytes(content[:-64] + seal(content[:-64]))
    assert is_intact(path)
    check_file(path)


def test_a_reference_that_unfolds_to_gigabytes(tmp_path):
    path = tmp_path / "reference.npz"
    np.savez_compressed(path, header=np.array("{}"), scores=np.zeros((1 << 27, 4), np.uint8))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ResultError, match=r"unfold to 536,[\d,]+ bytes, at most 268,435,456 are read"):
        read_reference(path)


def test_a_table_of_contents_without_end(tmp_path):
    path = tmp_path / "model.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1001):
            archive.writestr(str(number), b"")
    with pytest.raises(ModelError, match="more than 1,000 entries"):
        load(path)


def test_entries_that_lie_over_each_other(tmp_path):
    """A kernel for every one of a thousand layers, all of the same bytes."""
    content = (TINY / "export" / "model-float32.npz").read_bytes()
    path = tmp_path / "model.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", content)
        for number in range(3):
            entry = copy.copy(archive.getinfo("a"))
            entry.filename = entry.orig_filename = f"b{number}"
            archive.filelist.append(entry)
            archive.NameToInfo[entry.filename] = entry
        archive._didModify = True
    with pytest.raises(ModelError, match="lie over each other"):
        load(path)
