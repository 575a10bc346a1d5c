from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from support import DATA

from fmnist_runtime.data.datasets import KNOWN, file_names, load_dataset, search_path
from fmnist_runtime.data.idx import idx_header, idx_sha256
from fmnist_runtime.errors import DatasetError


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(idx_header(array.shape) + array.tobytes())


def write_own(folder: Path, images: int = 4, labels: int = 4, shape: tuple[int, int] = (2, 3)) -> Path:
    """A test split of one's own: black images and labels 0, 1, 0, 1, …"""
    write_idx(folder / "t10k-images-idx3-ubyte", np.zeros((images, *shape), np.uint8))
    write_idx(folder / "t10k-labels-idx1-ubyte", np.arange(labels, dtype=np.uint8) % 2)
    return folder


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_the_committed_files_are_the_published_ones(name, split, count):
    dataset = load_dataset(name, split, DATA)
    assert dataset.images.shape == (count, 28, 28)
    images, labels = file_names(split)
    assert idx_sha256(dataset.images) == KNOWN[name].sha256[images]
    assert idx_sha256(dataset.targets) == KNOWN[name].sha256[labels]
    assert len(dataset.labels) == 10


def test_digest_covers_images_and_labels(tmp_path):
    first = load_dataset(str(write_own(tmp_path / "a")), "test")
    assert first.digest == load_dataset(str(write_own(tmp_path / "b")), "test").digest
    write_idx(tmp_path / "b" / "t10k-labels-idx1-ubyte", np.array([1, 0, 1, 0], np.uint8))
    assert first.digest != load_dataset(str(tmp_path / "b"), "test").digest


def test_own_folder_with_label_names(tmp_path):
    folder = write_own(tmp_path)
    assert load_dataset(str(folder), "test").labels == ("0", "1")
    (folder / "labels.txt").write_text("cat\ndog\n")
    assert load_dataset(str(folder), "test").labels == ("cat", "dog")


def test_a_folder_that_is_gone_is_looked_for_under_data(tmp_path, monkeypatch):
    """As it lies in a bundle, where a run still names the folder on the workstation."""
    monkeypatch.chdir(tmp_path)
    folder = write_own(tmp_path / "data" / "garments")
    (folder / "labels.txt").write_text("cat\ndog\n")
    assert load_dataset("/home/somebody/garments", "test").labels == ("cat", "dog")
    own = write_own(tmp_path / "somebody" / "garments")
    assert load_dataset(str(own), "test").labels == ("0", "1")
    with pytest.raises(DatasetError, match=r"looked in /home/somebody/shoes, data/shoes\)"):
        load_dataset("/home/somebody/shoes", "test")


def test_a_label_without_a_name_is_refused(tmp_path):
    (write_own(tmp_path) / "labels.txt").write_text("cat\n")
    with pytest.raises(DatasetError, match="label 1 has no name"):
        load_dataset(str(tmp_path), "test")


def test_different_counts_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"holds 4 images, but .* 3 labels"):
        load_dataset(str(write_own(tmp_path, labels=3)), "test")


def test_an_empty_split_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no images"):
        load_dataset(str(write_own(tmp_path, images=0, labels=0)), "test")


def test_search_order(monkeypatch):
    monkeypatch.setenv("FMNIST_DATA", "mine")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert [str(folder) for folder in search_path("mnist")] == [
        "mine/mnist",
        "mine",
        "data/mnist",
        "data",
        "/cache/fmnist/mnist",
        "/usr/share/datasets/mnist",
    ]
    assert search_path("mnist", Path("given")) == [Path("given/mnist"), Path("given")]


def test_the_four_files_straight_in_data(tmp_path, monkeypatch):
    """As the lectures have them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMNIST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_own(tmp_path / "data", shape=(28, 28))
    assert len(load_dataset("mnist", "test").images) == 4
    write_own(tmp_path / "data")
    with pytest.raises(DatasetError, match="images of mnist are 28×28"):
        load_dataset("mnist", "test")


def test_missing_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(DatasetError) as caught:
        load_dataset("mnist", "test", tmp_path)
    message = str(caught.value)
    assert "t10k-images-idx3-ubyte[.gz]" in message
    assert str(tmp_path / "mnist") in message
    assert "--data-dir" in message


def test_an_unknown_name_lists_the_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match="known data sets are fashion-mnist, mnist"):
        load_dataset("cifar", "test")


def test_half_a_pair_is_not_a_data_set(tmp_path):
    header = struct.pack(">HBBI", 0, 8, 1, 1)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + b"\0"))
    with pytest.raises(DatasetError, match="no folder holds"):
        load_dataset("mnist", "test", tmp_path)


def test_another_data_sets_files_are_not_taken_for_this_one(tmp_path, monkeypatch):
    """The four files have the same names in every data set of the family."""
    with pytest.raises(DatasetError, match=r"fashion-mnist holds another data set"):
        load_dataset("mnist", "test", DATA / "fashion-mnist")
    assert load_dataset("fashion-mnist", "test", DATA / "fashion-mnist").labels[9] == "Ankle boot"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMNIST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "data").symlink_to(DATA / "fashion-mnist")
    with pytest.raises(DatasetError, match=r"data holds another data set"):
        load_dataset("mnist", "test")


def test_names_are_read_as_of_any_label_file(tmp_path):
    labels = write_own(tmp_path) / "labels.txt"
    labels.write_bytes(b"0 cat\n1 cat\n")
    dataset = load_dataset(str(tmp_path), "test")
    assert dataset.labels == ("cat (0)", "cat (1)")
    assert dataset.notes == (
        f"{labels}: several classes have the label 'cat'; each gets its class number, as in 'cat (0)'",
    )
    labels.write_bytes(b"cat\n\ndog\n")
    with pytest.raises(DatasetError, match=r"labels.txt: line 2 is empty"):
        load_dataset(str(tmp_path), "test")
