"""Data sets of pixels: CSV with a label and pixels in each line, as on Kaggle, and Keras's ``.npz``."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.datasets import Split
from fmnist_runtime.errors import DatasetError

TABLES = (".csv", ".npz")
"""Endings of such files."""
_LABELS = ("label", "class", "target")
"""Names of the column of labels."""
_LINES = 2000
"""Lines of CSV parsed at once."""
_MAX_BYTES = 2_000_000_000
"""The largest set of this kind has 638 MB of pixels. A file that declares more is damaged or hostile."""


@dataclass(frozen=True)
class SplitTable:
    """The images of one split."""

    name: str
    """The file, for messages."""
    split: Split | None
    """The split; None if the data set has none."""
    images: NDArray[np.uint8]
    """uint8 ``[N, H, W]`` or ``[N, H, W, C]``."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``."""


def read_tables(path: Path, size: tuple[int, int] | None) -> list[SplitTable]:
    """Read a CSV or npz file, or a folder of one CSV file for each split.

    Args:
        path: The file or folder.
        size: Width and height of the images, for CSV; square if None.

    Raises:
        DatasetError: The file is damaged, or holds something else than labels and pixels 0-255.
    """
    if path.suffix.lower() == ".npz":
        return _read_npz(path)
    files = [path] if path.is_file() else find_tables(path)
    if len(files) == 1:
        return [_read_csv(files[0], None, size)]
    splits: dict[Split, Path] = {}
    for file in files:
        found: list[Split] = [split for split in ("train", "test") if split in file.name.lower()]
        if len(found) != 1 or found[0] in splits:
            raise DatasetError(
                f"{path}: holds {len(files)} CSV files, and not one of train and one of test; name the file"
            )
        splits[found[0]] = file
    return [_read_csv(file, split, size) for split, file in splits.items()]


def find_tables(folder: Path) -> list[Path]:
    """Return the CSV files of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")


def _read_npz(path: Path) -> list[SplitTable]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > _MAX_BYTES:
                raise DatasetError(
                    f"{path}: declares more than {_MAX_BYTES / 1e9:.0f} GB of arrays; make it smaller"
                )
        with np.load(path, allow_pickle=False) as arrays:
            splits: list[Split] = [split for split in ("train", "test") if f"x_{split}" in arrays]
            if "train" not in splits:
                held = ", ".join(arrays.files[:8]) or "nothing"
                raise DatasetError(
                    f"{path}: holds {held}; a data set has x_train and y_train, and x_test and y_test"
                )
            alone = len(splits) == 1
            return [
                SplitTable(
                    f"{path} x_{split}",
                    None if alone else split,
                    _bytes(arrays[f"x_{split}"], f"{path}: x_{split}"),
                    _bytes(arrays[f"y_{split}"].reshape(-1), f"{path}: y_{split}"),
                )
                for split in splits
            ]
    except KeyError as error:
        raise DatasetError(f"{path}: lacks y_train or y_test, the classes of its images") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        pickled = "pickle" in str(error)
        reason = (
            "it holds Python objects, which are code and not read; save arrays of uint8" if pickled else error
        )
        raise DatasetError(f"{path}: cannot be read as npz ({reason})") from error


def _bytes(array: NDArray[np.generic], what: str) -> NDArray[np.uint8]:
    """Return integers of 0 to 255 as uint8.

    Raises:
        DatasetError: The array holds something else.
    """
    if array.dtype.kind not in "ui" or array.size == 0 or array.min() < 0 or array.max() > 255:
        raise DatasetError(
            f"{what} is not an array of integers from 0 to 255 ({array.dtype}); save raw pixels"
        )
    return np.ascontiguousarray(array, np.uint8)


def _read_csv(path: Path, split: Split | None, size: tuple[int, int] | None) -> SplitTable:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            label, has_header = _columns(path, next(csv.reader([file.readline()]), []))
            if not has_header:
                file.seek(0)
            blocks = list(_blocks(path, file, 2 if has_header else 1))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as CSV ({error})") from error
    if not blocks:
        raise DatasetError(f"{path}: holds no images")
    rows = np.concatenate(blocks)
    return SplitTable(
        str(path),
        split,
        _shaped(path, np.delete(rows, label, axis=1), size),
        np.ascontiguousarray(rows[:, label]),
    )


def _columns(path: Path, first: list[str]) -> tuple[int, bool]:
    """Return the number of the column of labels, and whether the first line names the columns."""
    names = [name.strip().lower() for name in first]
    if all(name.isdigit() for name in names):
        return 0, False
    found = [names.index(name) for name in _LABELS if name in names]
    if not found:
        raise DatasetError(
            f"{path}: its first line names no column {' or '.join(_LABELS)}; it has the class of each image"
        )
    return found[0], True


def _blocks(path: Path, lines: Iterator[str], start: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the numbers of a CSV file, some lines at a time."""
    width = 0
    while block := list(islice(lines, _LINES)):
        try:
            numbers = np.loadtxt(block, np.int64, delimiter=",", ndmin=2, quotechar='"')
        except ValueError:
            numbers = np.empty((0, 0), np.int64)
        width = width or numbers.shape[1]
        if numbers.shape != (len(block), width) or numbers.min() < 0 or numbers.max() > 255:
            raise DatasetError(f"{path}: {_fault(block, start, width)}")
        yield numbers.astype(np.uint8)
        start += len(block)


def _fault(block: list[str], start: int, width: int) -> str:
    """Return what is wrong in the first wrong line."""
    for number, cells in enumerate(csv.reader(block), start):
        width = width or len(cells)
        for cell in cells:
            if not cell.strip().isdigit() or int(cell) > 255:
                return f"line {number:,} holds {cell[:20]!r}, not an integer from 0 to 255"
        if len(cells) != width:
            return f"line {number:,} has {len(cells):,} columns, and those before {width:,}"
    return f"lines {start:,} to {start + len(block) - 1:,} cannot be read"


def _shaped(path: Path, pixels: NDArray[np.uint8], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return rows of pixels as images."""
    count = pixels.shape[1]
    side = math.isqrt(count)
    width, height = size or (side, side)
    for shape in ((height, width), (height, width, 3)) if size else ((height, width),):
        if math.prod(shape) == count and count:
            return np.ascontiguousarray(pixels).reshape(-1, *shape)
    wanted = f"{width}×{height} images, grey or in colour" if size else "a square"
    raise DatasetError(f"{path}: has {count:,} pixels in a line, which is not {wanted}; say --image-size WxH")
