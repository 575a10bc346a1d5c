from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support import DATA

from fmnist_runtime.data.idx import idx_header, idx_sha256, read_idx, read_idx_shape
from fmnist_runtime.errors import IdxError

GOOD = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_reads_plain_and_gzipped_alike(tmp_path, compress):
    array = read_idx(write(tmp_path / "file", compress(GOOD)))
    assert array.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert array.dtype == np.uint8


def test_reads_the_real_labels():
    labels = read_idx(DATA / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz")
    assert labels.shape == (10_000,)
    assert np.bincount(labels).tolist() == [1000] * 10


def test_digest_is_that_of_the_plain_file(tmp_path):
    array = read_idx(write(tmp_path / "file.gz", gzip.compress(GOOD)))
    assert idx_header(array.shape) == GOOD[:12]
    assert idx_sha256(array) == hashlib.sha256(GOOD).hexdigest()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\0\0", "not an IDX file (it starts with 0000)", id="two bytes"),
        pytest.param(b"PK\3\4" + GOOD[4:], "not an IDX file (it starts with 504b0304)", id="wrong magic"),
        pytest.param(GOOD[:2] + b"\x0d" + GOOD[3:], "element type 0x0d", id="floats"),
        pytest.param(GOOD[:10], "header with 2 dimensions is cut off", id="header cut off"),
        pytest.param(GOOD[:3] + b"\0", "header with 0 dimensions", id="no dimensions"),
        pytest.param(GOOD[:3] + b"\x64" + bytes(400), "header with 100 dimensions", id="100 dimensions"),
        pytest.param(GOOD[:4] + bytes(4) + b"\xff" * 4, "more than any such data set has", id="0 × 2³²"),
        pytest.param(GOOD[:-1], "promises 6 bytes of data, the file holds 5", id="one byte short"),
        pytest.param(GOOD + b"\0", "promises 6 bytes of data, the file holds more", id="one byte long"),
        pytest.param(GOOD[:4] + b"\xff" * 8, "more than any such data set has", id="promises exabytes"),
        pytest.param(gzip.compress(GOOD)[:-9], "gzip stream is cut off or damaged", id="gzip cut off"),
        pytest.param(
            gzip.compress(GOOD)[:-8] + b"\0" * 8, "gzip stream is cut off or damaged", id="gzip checksum"
        ),
    ],
)
def test_damage_is_named(tmp_path, content, complaint):
    path = write(tmp_path / "images.gz", content)
    with pytest.raises(IdxError) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)


def test_a_gzip_bomb_is_not_expanded(tmp_path):
    """6 bytes are promised; the stream behind them would expand to 256 MB, in 260 kB."""
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(GOOD[:12])
        for _ in range(256):
            file.write(bytes(10**6))
    tracemalloc.start()
    try:
        with pytest.raises(IdxError, match="holds more"):
            read_idx(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10**6


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(IdxError, match="is a directory"):
        read_idx(tmp_path)


def test_the_shape_is_read_without_the_data(tmp_path):
    assert read_idx_shape(write(tmp_path / "file", GOOD[:12])) == (2, 3)
    assert read_idx_shape(DATA / "mnist" / "train-images-idx3-ubyte.gz") == (60_000, 28, 28)
