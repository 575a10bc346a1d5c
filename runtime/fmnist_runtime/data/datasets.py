"""Data sets: the known ones, where their files are searched, and how a split is read."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.idx import idx_header, idx_sha256, read_idx
from fmnist_runtime.data.labels import Labels, read_distinct_labels
from fmnist_runtime.data.preparation import parse_preparation
from fmnist_runtime.errors import DatasetError

__all__ = ["Dataset", "load_dataset"]

Split = Literal["train", "test"]

_STEMS: dict[Split, str] = {"train": "train", "test": "t10k"}
_KNOWN_SHAPE = (28, 28)
_LABELS = "labels.txt"
SOURCE = "source.json"
"""Lies beside the IDX files of a data set that was read from pictures or tables, and says from which."""
_SYSTEM_FOLDER = Path("/usr/share/datasets")
"""The folder of the package dataset-fashion-mnist of Debian and Raspberry Pi OS."""


@dataclass(frozen=True)
class KnownDataset:
    """A published data set."""

    name: str
    labels: tuple[str, ...]
    """Class names, by class index."""
    sha256: dict[str, str]
    """SHA-256 of each decompressed IDX file, by file name without ``.gz``."""

    @property
    def preparation(self) -> str:
        """How its authors prepared pictures (see `fmnist_runtime.data.preparation`)."""
        return self.name


# The digests are those of the files that Zalando Research and Yann LeCun published.
KNOWN = {
    dataset.name: dataset
    for dataset in (
        KnownDataset(
            name="fashion-mnist",
            labels=(
                *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
                *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
            ),
            sha256={
                "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            },
        ),
        KnownDataset(
            name="mnist",
            labels=tuple("0123456789"),
            sha256={
                "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
        ),
    )
}


@dataclass(frozen=True)
class Dataset:
    """One split of a data set, in memory."""

    name: str
    split: Split
    images: NDArray[np.uint8]
    """uint8 ``[N, H, W]`` or ``[N, H, W, C]``, raw pixels 0–255."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``, the true class of each image."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    notes: tuple[str, ...] = ()
    """Changes to the class names that the file does not mention, a line each."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the decompressed images file followed by the decompressed labels file."""
        digest = hashlib.sha256()
        for array in (self.images, self.targets):
            digest.update(idx_header(array.shape))
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def file_names(split: Split) -> tuple[str, str]:
    """Return the names of a split's images file and labels file, without ``.gz``."""
    stem = _STEMS[split]
    return f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte"


def dataset_reference(name: str) -> str:
    """Return what to record to find a data set again from any folder: its name or absolute path."""
    return name if name in KNOWN else str(Path(name).resolve())


def cache_folder() -> Path:
    """Return the folder of fetched data sets, each in a subfolder of its name."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fmnist"


def read_folder() -> Path:
    """Return the folder of data sets that were read from pictures or tables."""
    return cache_folder() / "read"


def search_path(name: str, data_dir: Path | None = None) -> list[Path]:
    """Return the folders where a data set is searched, in order.

    Args:
        name: A known data set's name, or the path of a folder with the user's IDX files.
        data_dir: A folder that the user named, which is then the only one.
    """
    if data_dir is not None:
        return [data_dir / name, data_dir]
    if name not in KNOWN:  # recorded by its path where it was trained on, and beside its run in a bundle
        return [Path(name), Path("data") / Path(name).resolve().name]
    folders = [Path("data") / name, Path("data"), cache_folder() / name, _SYSTEM_FOLDER / name]
    if "FMNIST_DATA" in os.environ:
        own = Path(os.environ["FMNIST_DATA"])
        folders = [own / name, own, *folders]
    return folders


def find_file(folder: Path, name: str) -> Path | None:
    """Return an IDX file by its name without ``.gz``, gzipped or plain; None if the folder has neither."""
    for path in (folder / f"{name}.gz", folder / name):
        with suppress(OSError):  # a folder that the user may not enter, or whose name is too long
            if path.is_file():
                return path
    return None


def find_files(name: str, split: Split, data_dir: Path | None = None) -> tuple[Path, Path]:
    """Return the images file and labels file of a split, in the first folder of the search path with both.

    Raises:
        DatasetError: There are none; the message lists the searched folders.
    """
    folders = search_path(name, data_dir)
    names = file_names(split)
    others = []
    for folder in folders:
        images, targets = (find_file(folder, file) for file in names)
        if images is None or targets is None:
            continue
        if not _is_another(name, targets):
            return images, targets
        others.append(str(folder))
    if others:
        mend = f"{', '.join(others)} holds another data set{_or_fetch(name, data_dir)}"
    elif data_dir is None and Path(name).is_relative_to(read_folder()):
        mend = "it was read from other files into the cache; read those again with: fmnist data verify PATH"
    elif name not in KNOWN and data_dir is None:
        mend = f"known data sets are {', '.join(KNOWN)}; any other is the path of a folder"
    else:
        mend = f"name the folder that holds them with --data-dir{_or_fetch(name, data_dir)}"
    wanted = " and ".join(f"{file}[.gz]" for file in names)
    places = ", ".join(str(folder) for folder in folders)
    raise DatasetError(f"{name}: no folder holds {wanted} (looked in {places}); {mend}")


def preparation_of(name: str, data_dir: Path | None = None) -> str:
    """Return how pictures became the images of a data set; empty if that is not known, as of IDX files."""
    if name in KNOWN:
        return KNOWN[name].preparation
    for folder in search_path(name, data_dir) if name else ():
        with suppress(OSError, ValueError, KeyError, TypeError):  # it is missing or damaged
            return str(parse_preparation(json.loads((folder / SOURCE).read_bytes())["preparation"]))
    return ""


def load_dataset(name: str, split: Split, data_dir: Path | None = None) -> Dataset:
    """Read one split of a data set.

    Args:
        name: ``fashion-mnist``, ``mnist`` or the path of a folder with IDX files and, if the classes have
            names, a ``labels.txt`` with one name a line.
        split: ``train`` or ``test``.
        data_dir: Search only in this folder and its subfolder of that name.

    Raises:
        DatasetError: The files are missing, damaged or inconsistent.
    """
    images_path, targets_path = find_files(name, split, data_dir)
    images, targets = read_idx(images_path), read_idx(targets_path)
    if images.ndim not in (3, 4):
        raise DatasetError(
            f"{images_path}: images need 3 dimensions, [N, H, W], or 4, [N, H, W, C], not {images.ndim}"
        )
    if targets.ndim != 1:
        raise DatasetError(f"{targets_path}: labels need 1 dimension, [N], not {targets.ndim}")
    if len(images) != len(targets):
        raise DatasetError(
            f"{images_path} holds {len(images):,} images, but {targets_path} {len(targets):,} labels"
        )
    if images.size == 0:
        raise DatasetError(f"{images_path}: holds no images")
    if name in KNOWN and images.shape[1:] != _KNOWN_SHAPE:
        raise DatasetError(
            f"{images_path}: images of {name} are 28×28; "
            f"for a data set of your own say --dataset {images_path.parent}"
        )
    labels = _labels(name, targets_path.parent, targets)
    if int(targets.max()) >= len(labels.names):
        raise DatasetError(
            f"{targets_path}: label {targets.max()} has no name; there are {len(labels.names)}; "
            f"{_LABELS} beside it has a line for each class, from 0 on"
        )
    return Dataset(name, split, images, targets, labels.names, labels.notes)


def _or_fetch(name: str, data_dir: Path | None) -> str:
    """Return the command that fetches a known data set to where it was searched."""
    if name not in KNOWN:
        return ""
    where = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir is not None else ""
    return f", or run: fmnist data fetch {name}{where}"


def _labels(name: str, folder: Path, targets: NDArray[np.uint8]) -> Labels:
    if name in KNOWN:
        return Labels(KNOWN[name].labels)
    path = folder / _LABELS
    if not path.is_file():
        return Labels(tuple(str(index) for index in range(int(targets.max()) + 1)))
    return read_distinct_labels(path)


def _is_another(name: str, targets: Path) -> bool:
    """Return whether a labels file belongs to another known data set.

    The lectures put the four files, which have the same names in every data set, into one folder. That folder
    does not match another data set.
    """
    if name not in KNOWN:
        return False
    file_name = targets.name.removesuffix(".gz")
    others = [other.sha256[file_name] for other in KNOWN.values() if other.name != name]
    return idx_sha256(read_idx(targets)) in others
