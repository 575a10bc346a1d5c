"""Data sets of picture files: which they are, and the class and split of each.

They are in a folder, ZIP or tar with a folder for each class, in ``train``, ``val`` and ``test`` or not, as
Keras, torchvision and Ultralytics read it; or in Parquet as Hugging Face publishes it. Archives are read
without unpacking, and names in them are never used as paths.
"""

from __future__ import annotations

import json
import os
import stat
import tarfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.datasets.decode import Content
from fmnist_runtime.data.datasets import Split
from fmnist_runtime.data.images import MAX_BYTES
from fmnist_runtime.errors import DatasetError, needs_extra

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
"""Endings of picture files; others are passed over."""
PARQUET = ".parquet"
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_SPLITS: dict[str, Split | None] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), None),
}
"""Splits by the names of their folders. Validation images are for training, or for the test if there is none
else."""
MAX_CLASSES = 256
"""IDX files hold labels as bytes."""
_IMAGE, _LABEL = "images", "labels"
"""Kinds of columns in Parquet."""
_ROWS = 256
"""Rows of Parquet held at once."""
_NO_CLASSES = "pictures of a data set lie in one folder for each class, such as photos/shirt/1.jpg"


@dataclass(frozen=True)
class PictureFile:
    """A picture file of a data set."""

    name: str
    """Its path in the data set, with slashes."""
    label: str
    """Name of its class."""
    split: Split | None
    """Its split; None if the data set has none."""


@dataclass(frozen=True)
class Pictures:
    """The picture files of a data set."""

    path: Path
    """The folder or file."""
    pictures: Sequence[PictureFile]
    """The pictures, by name."""
    labels: tuple[str, ...]
    """Class names, by class index."""

    def contents(self) -> Iterator[tuple[int, Content]]:
        """Yield the number and content of each picture, in any order."""
        numbers = {picture.name: number for number, picture in enumerate(self.pictures)}
        for name, content in _contents(self.path, numbers):
            yield numbers[name], content


@dataclass(frozen=True)
class _Listing:
    """What a folder or archive holds."""

    files: Sequence[str]
    """Paths of the picture files, with slashes."""
    folders: Sequence[str]


def is_archive(path: Path) -> bool:
    """Return whether a file's name is that of an archive."""
    return path.name.lower().endswith(_ARCHIVES)


def has_pictures(folder: Path) -> bool:
    """Return whether a folder holds a picture at any depth."""
    return any(_is_picture(name) for _, _, names in os.walk(folder) for name in names)


def find_pictures(path: Path) -> Pictures:
    """List the pictures of a folder or archive.

    Raises:
        DatasetError: It cannot be read, holds none, or is not laid out in classes, which are the same in all
            splits.
    """
    listing = _list_folder(path) if path.is_dir() else _list_archive(path)
    if not listing.files:
        raise DatasetError(f"{path}: holds no pictures ({', '.join(SUFFIXES)}); {_NO_CLASSES}")
    pictures = _assigned(path, listing)
    labels = tuple(sorted({picture.label for picture in pictures}))
    _check_classes(path, pictures, labels)
    return Pictures(path, pictures, labels)


def _list_folder(root: Path) -> _Listing:
    """List a folder. No link may lead out of it. Paths are text, as `Path` takes longer than all else."""
    files: list[str] = []
    folders: list[str] = []
    inside = root.resolve()

    def walk(folder: str, name: str) -> None:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not _is_hidden(entry.name)]
        for entry in found:
            inner = f"{name}{entry.name}"
            if entry.is_symlink():
                _check_link(Path(entry.path), inside)
            if entry.is_dir():
                folders.append(inner)
                walk(entry.path, f"{inner}/")
            elif _is_picture(inner) and entry.is_file():  # reading a pipe could block for ever
                files.append(inner)

    try:
        walk(str(root), "")
    except OSError as error:
        raise DatasetError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return _Listing(sorted(files), folders)


def _check_link(path: Path, inside: Path) -> None:
    target = path.resolve()
    if not target.is_relative_to(inside):
        raise DatasetError(f"{path}: links to {target}, out of the data set; copy it there")
    if target.is_dir():  # it could be a folder around it
        raise DatasetError(f"{path}: links to a folder, which is not followed; copy it there")


def _list_archive(path: Path) -> _Listing:
    files, folders = [], []
    for name, size, is_folder in _members(path):
        parts = _parts(name)
        if name.startswith("/") or ".." in parts:
            raise DatasetError(f"{path}: the name {name!r} in it leads out of it; pack the archive again")
        if any(_is_hidden(part) for part in parts):
            continue
        if is_folder:
            folders.append("/".join(parts))
        elif _is_picture(name):
            if size > MAX_BYTES:
                raise DatasetError(f"{path}: {name} in it is larger than {MAX_BYTES / 1e6:.0f} MB; remove it")
            files.append(name)
    if twice := [name for name, count in Counter(files).items() if count > 1]:
        raise DatasetError(f"{path}: holds {twice[0]} twice; pack the archive again")
    return _Listing(sorted(files), folders)


def _members(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Yield the name and declared size of each member of an archive, and whether it is a folder."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for each in archive.infolist():
                    _refuse_link(path, each.filename, stat.S_ISLNK(each.external_attr >> 16))
                    yield each.filename, each.file_size, each.is_dir()
        else:
            with tarfile.open(path) as tar:
                for member in tar:
                    _refuse_link(path, member.name, not member.isfile() and not member.isdir())
                    yield member.name, member.size, member.isdir()
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as an archive ({_reason(error)})") from error


def _refuse_link(path: Path, name: str, is_link: bool) -> None:
    if is_link and _is_picture(name):
        raise DatasetError(
            f"{path}: {name} in it is a link, not a file; pack the archive again without links"
        )


def _contents(path: Path, names: dict[str, int]) -> Iterator[tuple[str, Content]]:
    """Yield the content of the pictures of these names; see `Pictures.contents`."""
    if path.is_dir():
        yield from ((name, f"{path}/{name}") for name in names)
        return
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in names:
                    with archive.open(name) as file:
                        yield name, file.read(MAX_BYTES + 1)  # more is refused as too large
        else:
            with tarfile.open(path) as tar:
                for member in tar:
                    if member.name in names and (content := tar.extractfile(member)):
                        yield member.name, content.read(MAX_BYTES + 1)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as an archive ({_reason(error)})") from error


def _assigned(path: Path, listing: _Listing) -> list[PictureFile]:
    """Return the pictures with the class and split that their folders name."""
    depth = _wrapping(listing.files)
    tops = {_parts(name)[depth].lower() for name in listing.files}
    splits = {top for top in tops if top in _SPLITS}
    pictures = []
    for name in listing.files:
        parts = _parts(name)[depth:]
        if splits and (parts[0].lower() not in splits or len(parts) < 3):
            where = "train, val or test, one for each class"
            raise DatasetError(f"{path}: {name} lies in no folder of {where}; move or remove it")
        if len(parts) < 2:
            raise DatasetError(f"{path}: {name} lies in no folder of a class; {_NO_CLASSES}")
        split = _split_of(parts[0].lower(), splits) if splits else None
        pictures.append(PictureFile(name, parts[1] if splits else parts[0], split))
    _check_folders(path, listing, pictures, depth + (2 if splits else 1))
    return pictures


def _wrapping(files: Sequence[str]) -> int:
    """Return the number of folders around all classes or splits, as an archive often has one."""
    depth = 0
    while True:
        tops = {_parts(name)[depth] for name in files}
        if len(tops) > 1 or tops.pop().lower() in _SPLITS or min(len(_parts(f)) for f in files) < depth + 3:
            return depth
        depth += 1


def _split_of(folder: str, folders: set[str]) -> Split | None:
    """Return the split of a folder; validation images are the test split if there is no other."""
    others = {_SPLITS[name] for name in folders} - {"train"}
    if not others:
        return None
    return _SPLITS[folder] or ("train" if "test" in others else "test")


def _check_folders(path: Path, listing: _Listing, pictures: Sequence[PictureFile], depth: int) -> None:
    """Check that no folder of a class is empty, and that no name is spelled in two ways."""
    held = {"/".join(_parts(picture.name)[:depth]) for picture in pictures}
    for folder in listing.folders:
        if len(_parts(folder)) == depth and folder not in held:
            raise DatasetError(f"{path}: the folder {folder} holds no pictures; fill or remove it")
    spelled: dict[str, str] = {}
    for label in sorted({picture.label for picture in pictures}):
        plain = unicodedata.normalize("NFC", label)
        if spelled.setdefault(plain, label) != label:
            raise DatasetError(
                f"{path}: the class {plain!r} is spelled in two ways of Unicode; rename one of its folders"
            )


def _check_classes(path: Path, pictures: Sequence[PictureFile], labels: tuple[str, ...]) -> None:
    """Check that there are several classes, and that each split has all."""
    if len(labels) < 2:
        raise DatasetError(
            f"{path}: has one class, {labels[0]}; a classifier needs two or more; {_NO_CLASSES}"
        )
    splits = {picture.split for picture in pictures}
    if splits == {"test"}:
        raise DatasetError(f"{path}: has no folder train; name the folder of the training pictures so")
    for split in splits:
        missing = sorted(set(labels) - {picture.label for picture in pictures if picture.split == split})
        if missing:
            where = f" in {split}" if split else ""
            raise DatasetError(
                f"{path}: the class {missing[0]} has no pictures{where}; add some, or remove it"
            )


def find_parquet(path: Path) -> list[Path]:
    """Return the Parquet files of a data set, by name: the file itself, or those of a folder."""
    return [path] if path.suffix.lower() == PARQUET else sorted(path.rglob(f"*{PARQUET}"))


class ParquetPictures(Pictures):
    """The pictures of Parquet files with a column of images and one of labels."""

    def contents(self) -> Iterator[tuple[int, Content]]:
        """See `Pictures.contents`."""
        yield from enumerate(image for file in find_parquet(self.path) for image in _column(file, _IMAGE))


def read_parquet(path: Path) -> ParquetPictures:
    """List the pictures of a Parquet file, or of a folder of them.

    Raises:
        DatasetError: A file is damaged, or has no images and labels.
        MissingExtraError: pyarrow is not installed.
    """
    rows: list[tuple[str, int, Split | None]] = []
    names: tuple[str, ...] = ()
    files = find_parquet(path)
    begun = {file: _beginning(file) for file in files}
    for file in files:
        _name_of_column(file, _IMAGE)
        names = names or _class_names(file)
        split = _split_of(begun[file], set(begun.values())) if all(begun.values()) else None
        rows += [(f"{file.name} row {n:,}", target, split) for n, target in enumerate(_column(file, _LABEL))]
    if not rows:
        raise DatasetError(f"{path}: holds no rows")
    largest = max(target for _, target, _ in rows)
    labels = names or tuple(str(number) for number in range(largest + 1))
    if largest >= len(labels):
        raise DatasetError(f"{path}: label {largest} has no name; there are {len(labels)}")
    pictures = [PictureFile(name, labels[target], split) for name, target, split in rows]
    _check_classes(path, pictures, labels)
    return ParquetPictures(path, pictures, labels)


def _beginning(file: Path) -> str:
    """Return the split that a name begins with, as in ``train-00000-of-00001.parquet``; empty if none."""
    name = file.name.lower()
    return max((split for split in _SPLITS if name.startswith(split)), key=len, default="")


def _class_names(file: Path) -> tuple[str, ...]:
    """Return the names that the file declares as Hugging Face's ``ClassLabel``; empty if it does not."""
    metadata = _parquet(file).schema_arrow.metadata or {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        found = [
            tuple(map(str, each["names"])) for each in features.values() if each.get("_type") == "ClassLabel"
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()
    return found[0] if len(found) == 1 else ()


def _column(file: Path, kind: str) -> Iterator[Any]:
    """Yield the values of the column of labels, or the bytes of that of images.

    Raises:
        DatasetError: There is not one such column, or a value is missing.
    """
    name = _name_of_column(file, kind)
    try:
        for batch in _parquet(file).iter_batches(_ROWS, columns=[name]):
            for value in batch[name].to_pylist():
                content = value["bytes"] if isinstance(value, dict) else value
                if content is None or (kind == _LABEL and not 0 <= content < MAX_CLASSES):
                    raise DatasetError(f"{file}: a row of {name} holds {content}; remove it")
                yield content
    except OSError as error:  # also pyarrow's own
        raise DatasetError(f"{file}: cannot be read as Parquet ({_reason(error)})") from error


def _name_of_column(file: Path, kind: str) -> str:
    found = [field.name for field in _parquet(file).schema_arrow if kind in _kinds(field.type)]
    if len(found) != 1:
        raise DatasetError(
            f"{file}: has {len(found)} columns of {kind}; a data set has one of images, as bytes, "
            "and one of labels, as integers, as Hugging Face's datasets write it"
        )
    return str(found[0])


def _kinds(type: Any) -> set[str]:
    """Return what a column of this type of Arrow may hold."""
    import pyarrow as pa

    if pa.types.is_integer(type):
        return {_LABEL}
    is_struct = pa.types.is_struct(type) and type.get_field_index("bytes") >= 0
    return {_IMAGE} if is_struct or pa.types.is_binary(type) else set()


def _parquet(file: Path) -> Any:
    with needs_extra("parquet", "reading Parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    try:
        return pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:  # one is not always the other
        raise DatasetError(f"{file}: cannot be read as Parquet ({_reason(error)})") from error


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not _is_hidden(name.rpartition("/")[2])


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
