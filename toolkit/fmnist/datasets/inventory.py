"""List the data sets on this machine, and check that their files are the published ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from fmnist.datasets.read import read_before
from fmnist.text.tables import ABSENT, table
from fmnist_runtime.data.datasets import (
    KNOWN,
    Split,
    file_names,
    find_files,
    load_dataset,
    preparation_of,
)
from fmnist_runtime.data.idx import idx_sha256, read_idx_shape
from fmnist_runtime.errors import DatasetError, FmnistError


@dataclass(frozen=True)
class InventoryEntry:
    """A known data set, or one that was read from pictures or tables."""

    name: str
    """Its name, or the path that it was read from."""
    labels: tuple[str, ...]
    """Class names."""
    folder: Path | None
    """Folder of its test split; None if it was not found."""
    training_images: int | None
    """Number of training images; None if they were not found."""
    test_images: int | None
    """Number of test images; None if they were not found."""
    image_shape: tuple[int, ...]
    """Shape of one image; empty if none was found."""
    preparation: str
    """How pictures become its images (see `fmnist_runtime.data.preparation`); empty if nobody says."""


@dataclass(frozen=True)
class VerifiedFile:
    """An IDX file that was read completely and is valid."""

    path: Path
    """The file."""
    sha256: str
    """SHA-256 of its decompressed content."""
    items: int
    """Images or labels in it."""
    published: bool
    """Whether it has a published digest; False for other data sets."""


@dataclass(frozen=True)
class Inventory:
    """The data sets on this machine: the JSON of `fmnist data list`."""

    datasets: list[InventoryEntry]
    """The known data sets, found or not, then those that were read."""


@dataclass(frozen=True)
class DatasetVerification:
    """Data sets that were read completely: the JSON of `fmnist data verify`."""

    files: list[VerifiedFile]
    """The valid files; errors of others go to standard error."""


def list_all(data_dir: Path | None = None) -> Inventory:
    """Return the known data sets, found or not, and those in the cache that were read from other files."""
    known = [_entry(name, data_dir) for name in KNOWN]
    return Inventory([*known, *(_read_entry(source, folder) for source, folder in read_before())])


def verifiable(data_dir: Path | None = None) -> list[str]:
    """Return the names of the known data sets on this machine.

    Raises:
        DatasetError: There is none.
    """
    names = [name for name in KNOWN if _is_found(name, "test", data_dir)]
    if not names:
        raise DatasetError(
            f"no data set found; known ones are {', '.join(KNOWN)}: "
            "give a folder with --data-dir, or run: fmnist data fetch NAME"
        )
    return names


def verify_dataset(name: str, data_dir: Path | None = None) -> list[VerifiedFile]:
    """Read all four files of a data set and check them against each other and the published digests.

    Raises:
        DatasetError: A file is missing or damaged, does not match the others, or is not the published one.
    """
    files = []
    for split in get_args(Split):
        dataset = load_dataset(name, split, data_dir)
        paths = find_files(name, split, data_dir)
        for path, file_name, array in zip(
            paths, file_names(split), (dataset.images, dataset.targets), strict=True
        ):
            digest = idx_sha256(array)
            published = KNOWN[name].sha256[file_name] if name in KNOWN else None
            if published not in (None, digest):
                raise DatasetError(
                    f"{path}: is not the published file of {name} (sha256 {digest}); fetch it again"
                )
            files.append(VerifiedFile(path, digest, len(array), published is not None))
    return files


def _entry(name: str, data_dir: Path | None) -> InventoryEntry:
    counts: dict[Split, int] = {}
    folder: Path | None = None
    shape: list[int] = []
    for split in get_args(Split):
        if _is_found(name, split, data_dir):
            images, _ = find_files(name, split, data_dir)
            counts[split], *shape = read_idx_shape(images)
            folder = images.parent
    return InventoryEntry(
        name,
        KNOWN[name].labels,
        folder,
        counts.get("train"),
        counts.get("test"),
        tuple(shape),
        preparation_of(name),
    )


def _read_entry(source: str, folder: Path) -> InventoryEntry:
    name = str(folder)
    try:
        test = load_dataset(name, "test")
        count, *shape = read_idx_shape(find_files(name, "train")[0])
    except FmnistError:  # it is damaged, and read again when it is used
        return InventoryEntry(source, (), None, None, None, (), "")
    images = len(test.images)
    return InventoryEntry(source, test.labels, folder, count, images, tuple(shape), preparation_of(name))


def _is_found(name: str, split: Split, data_dir: Path | None) -> bool:
    try:
        find_files(name, split, data_dir)
    except DatasetError:
        return False
    return True


def inventory_text(inventory: Inventory) -> str:
    """Return a table of the data sets."""

    def count(number: int | None) -> str:
        return ABSENT if number is None else f"{number:,}"

    rows = [
        [
            entry.name,
            str(entry.folder or "not found"),
            count(entry.training_images),
            count(entry.test_images),
            "x".join(str(length) for length in entry.image_shape) or ABSENT,
            str(len(entry.labels)),
            entry.preparation or ABSENT,
        ]
        for entry in inventory.datasets
    ]
    header = ["data set", "folder", "training images", "test images", "size", "classes", "preparation"]
    return table(header, rows, left=2)


def verification_text(verification: DatasetVerification) -> str:
    """Return a table of the files."""
    rows = [
        [
            str(file.path),
            "as published" if file.published else "readable",
            file.sha256[:16],
            f"{file.items:,}",
        ]
        for file in verification.files
    ]
    return table(["file", "state", "sha256", "items"], rows, left=3)
