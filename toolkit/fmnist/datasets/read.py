"""Reads a data set in any form into a cache of IDX files, once."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist.datasets.decode import Decoded, commonest, decode_all, pixel_digest
from fmnist.datasets.pictures import (
    MAX_CLASSES,
    PARQUET,
    Pictures,
    find_parquet,
    find_pictures,
    has_pictures,
    is_archive,
    read_parquet,
)
from fmnist.datasets.tables import TABLES, SplitTable, find_tables, read_tables
from fmnist.text.progress import Progress, say
from fmnist_runtime.data.datasets import (
    KNOWN,
    SOURCE,
    Split,
    file_names,
    find_file,
    find_files,
    preparation_of,
    read_folder,
)
from fmnist_runtime.data.idx import idx_header, read_idx_shape
from fmnist_runtime.data.images import fit_picture
from fmnist_runtime.data.preparation import parse_preparation
from fmnist_runtime.errors import DatasetError, FmnistError, OutputError
from fmnist_runtime.files import write_atomically

TEST_SHARE = 0.2
"""Share of each class that becomes the test split of a data set without one."""
_UNREADABLE_SHARE = 0.01
_AS_IS = "stretch"
"""Preparation of pictures unless the user wants another."""
_PIPELINE_SIZE = (28, 28)
_SCRATCH = "scratch"
"""The file of all images before they are split and ordered."""
_READ_AS = "fmnist.read-dataset/3"
"""Changes when the same source gives other files."""


@dataclass(frozen=True)
class Wanted:
    """How a data set is to be read."""

    size: tuple[int, int] | None = None
    """Width and height of the images; the commonest if None."""
    color: str | None = None
    """``grey`` or ``rgb``; what the pictures are if None."""
    allow_duplicates: bool = False
    """Whether the same image may be in the training and the test split."""
    preparation: str = ""
    """How pictures become images (see `fmnist_runtime.data.preparation`); if empty, they are stretched."""


@dataclass
class _Images:
    """All images of a data set, before they are written."""

    shape: tuple[int, ...]
    """Shape of an image."""
    places: NDArray[np.intp]
    """int ``[N]``, the place of each in the file `_SCRATCH`, an IDX file that may hold more."""
    names: Sequence[str]
    """Name of each image."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``, the class of each."""
    digests: Sequence[bytes]
    """The `pixel_digest` of each."""
    is_test: NDArray[np.bool_] | None
    """bool ``[N]``; None if the data set has no test split."""
    labels: tuple[str, ...]
    """Class names; empty for tables, which hold numbers, and whose polarity is not that of pictures."""
    notes: Sequence[str] = ()
    """What the user is told, a line each."""


def as_idx(name: str, wanted: Wanted | None = None) -> str:
    """Return a data set as one that `load_dataset` reads: the name itself, or its folder in the cache.

    Args:
        name: What the user gave with ``--dataset``.
        wanted: How it is to be read; if None, as it is.

    Raises:
        DatasetError: It holds no data set, or a damaged one.
        OutputError: The cache cannot be written.
        MissingExtraError: A package to read it is not installed.
    """
    path = Path(name)
    if is_known(name):
        return name
    return str(_cached(path.absolute(), wanted or Wanted()))


def is_known(name: str) -> bool:
    """Return whether a data set is read as it is: a published one, or IDX files; or is missing."""
    path = Path(name)
    return name in KNOWN or not path.exists() or _is_idx(path)


def wanted_like(dataset: str, data_dir: Path | None) -> Wanted | None:
    """Return how other pictures are read for a model of a data set; None if that is not there."""
    try:
        images, _ = find_files(dataset, "test", data_dir)
        _, height, width, *channels = read_idx_shape(images)
    except (FmnistError, ValueError):
        return None
    color = "rgb" if channels == [3] else "grey"
    return Wanted((width, height), color, preparation=preparation_of(dataset, data_dir))


def read_before() -> list[tuple[str, Path]]:
    """Return the data sets in the cache: what each was read from, if that is still there, and its folder."""
    cache = read_folder()
    records = (_known(index) for index in sorted(cache.glob("*.json")))
    found = {(str(record.get("source")), cache / str(record.get("folder"))) for record in records}
    return sorted((source, folder) for source, folder in found if Path(source).exists() and _is_idx(folder))


def _is_idx(path: Path) -> bool:
    return any(find_file(path, file) for split in get_args(Split) for file in file_names(split))


def _cached(path: Path, wanted: Wanted) -> Path:
    """Return the folder of a data set in the cache, which is made unless the source is unchanged."""
    cache = read_folder()
    asked = json.dumps([_READ_AS, str(path), asdict(wanted)])
    index = cache / f"{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
    stamp = _stamp(path)
    known = _known(index)
    if known.get("stamp") == stamp and _is_idx(folder := cache / str(known.get("folder"))):
        return folder
    temporary = cache / f".{os.urandom(6).hex()}"
    try:
        temporary.mkdir(parents=True)
        digest = _read(path, wanted, temporary)
        stem = re.sub(r"(\.tar)?\.\w+$", "", path.resolve().name) if path.is_file() else path.resolve().name
        folder = cache / digest[:12] / (stem or "dataset")
        if not _is_idx(folder):
            folder.parent.mkdir(exist_ok=True)
            temporary.rename(folder)
        record = {"source": str(path), "stamp": stamp, "folder": str(folder.relative_to(cache))}
        write_atomically(index, json.dumps(record).encode())
    except OSError as error:
        if error.filename and not Path(error.filename).is_relative_to(cache):
            raise DatasetError(f"{error.filename}: cannot be read ({error.strerror})") from error
        raise OutputError(
            f"{cache}: cannot be written ({error.strerror}); choose another place with $XDG_CACHE_HOME"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _known(index: Path) -> dict[str, Any]:
    try:
        found = json.loads(index.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _stamp(path: Path) -> str:
    """Return a digest of the names, sizes and times of change of all files."""
    digest = hashlib.sha256()
    folders = [str(path)]
    if path.is_file():
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    digest.update(f"{entry.path}/\0".encode(errors="surrogateescape"))
                else:
                    status = entry.stat(follow_symlinks=False)
                    text = f"{entry.path}\0{status.st_size}\0{status.st_mtime_ns}\0"
                    digest.update(text.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _read(path: Path, wanted: Wanted, folder: Path) -> str:
    """Read a data set into a folder, and return a digest of it."""
    lists_only = path.is_dir() and not has_pictures(path)  # a list of files may lie beside pictures
    if path.suffix.lower() in TABLES or (lists_only and find_tables(path)):
        images = _of_tables(read_tables(path, wanted.size), wanted, folder / _SCRATCH)
    elif path.suffix.lower() == PARQUET or (lists_only and find_parquet(path)):
        images = _of_pictures(read_parquet(path), wanted, folder / _SCRATCH)
    elif inner := _inner(path):
        known = " or ".join(f"--dataset {name if name in KNOWN else path / name}" for name in inner)
        raise DatasetError(f"{path}: holds the data sets {', '.join(inner)}; name one: {known}")
    elif path.is_dir() or is_archive(path):
        images = _of_pictures(find_pictures(path), wanted, folder / _SCRATCH)
    else:
        forms = "a folder of classes, a ZIP or tar of one, CSV, npz, Parquet, or a folder of IDX files"
        raise DatasetError(f"{path}: is no data set; give {forms}")
    return _write(path, images, wanted, folder)


def _inner(path: Path) -> list[str]:
    """Return the names of the folders of IDX files in a folder."""
    return sorted(each.name for each in path.iterdir() if _is_idx(each)) if path.is_dir() else []


def _of_tables(tables: Sequence[SplitTable], wanted: Wanted, scratch: Path) -> _Images:
    """Return the images of tables, which are scaled only if the user wants another size or colour."""
    _check_tables(tables)
    shape = tables[0].images.shape[1:]
    size = wanted.size or (shape[1], shape[0])
    grey = (len(shape) == 2 or shape[2] == 1) if wanted.color is None else wanted.color == "grey"
    if math.prod(_shape(size, grey)) == math.prod(shape) and size == (shape[1], shape[0]):
        pixels, notes = np.concatenate([table.images for table in tables]), []
    else:
        height, width = shape[:2]
        done = f"become {size[0]}×{size[1]} (--preparation {wanted.preparation or _AS_IS})"
        notes = [f"{tables[0].name}: images of {width}×{height} {done}"]
        fitted = [
            fit_picture(image, table.name, _shape(size, grey), wanted.preparation or _AS_IS).pixels
            for table in tables
            for image in table.images
        ]
        pixels = np.stack(fitted)
    with scratch.open("xb") as file:
        file.write(idx_header(pixels.shape))
        file.write(np.ascontiguousarray(pixels).data)
    return _Images(
        pixels.shape[1:],
        np.arange(len(pixels)),
        [f"{table.name} {number:,}" for table in tables for number in range(len(table.images))],
        np.concatenate([table.targets for table in tables]),
        [pixel_digest(image.tobytes()) for image in pixels],
        np.concatenate([np.full(len(table.images), table.split == "test") for table in tables])
        if len(tables) > 1
        else None,
        (),
        notes,
    )


def _check_tables(tables: Sequence[SplitTable]) -> None:
    """Check that all images are of one size, and that each split has all classes."""
    classes = set(range(max(int(table.targets.max()) for table in tables) + 1))
    if len(classes) < 2:
        raise DatasetError(f"{tables[0].name}: has one class; a classifier needs two or more")
    shape = tables[0].images.shape[1:]
    for table in tables:
        images, targets = table.images, table.targets
        if images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)) or images.shape[1:] != shape:
            raise DatasetError(
                f"{table.name}: has the shape {images.shape}, which is not that of images of one size"
            )
        if len(images) != len(targets):
            raise DatasetError(f"{table.name}: has {len(images):,} images and {len(targets):,} labels")
        if missing := classes - set(targets.tolist()):
            raise DatasetError(
                f"{table.name}: has no image of label {min(missing)}, though {max(classes)} is the largest; "
                "labels go from 0 on, and all splits have the same"
            )


def _of_pictures(source: Pictures, wanted: Wanted, scratch: Path) -> _Images:
    """Decode pictures, and leave out those that cannot be read, which may be few."""
    if len(source.labels) > MAX_CLASSES:
        raise DatasetError(
            f"{source.path}: has {len(source.labels):,} classes; at most {MAX_CLASSES} are possible"
        )
    total = len(source.pictures)
    size, all_grey = commonest(source.contents(), total)
    if 0 in size:
        raise DatasetError(f"{source.path}: none of its pictures can be read")
    preparation = wanted.preparation or _AS_IS
    if parse_preparation(preparation).is_pipeline:
        size, all_grey = _PIPELINE_SIZE, True
        wanted = replace(wanted, color=wanted.color or "grey")
    size = wanted.size or size
    grey = all_grey if wanted.color is None else wanted.color == "grey"
    found = _decoded(source, _shape(size, grey), preparation, scratch)
    if grey and wanted.color is None and not all(each.grey for each in found):  # those looked at first were
        grey = False
        scratch.unlink()
        found = _decoded(source, _shape(size, grey), preparation, scratch)
    unreadable = [each for each in found if each.error]
    lines = [f"{source.pictures[each.number].name} ({each.error})" for each in unreadable]
    if len(unreadable) > _UNREADABLE_SHARE * total:
        more = f", and {len(lines) - 3:,} more" if len(lines) > 3 else ""
        raise DatasetError(
            f"{source.path}: {len(lines):,} of {total:,} pictures cannot be read; mend or remove them: "
            f"{', '.join(lines[:3])}{more}"
        )
    keep = np.array([each.number for each in found if not each.error])
    index = {label: number for number, label in enumerate(source.labels)}
    pictures = [source.pictures[number] for number in keep]
    is_test = None if pictures[0].split is None else np.array([each.split == "test" for each in pictures])
    return _Images(
        _shape(size, grey),
        keep,
        [picture.name for picture in pictures],
        np.array([index[picture.label] for picture in pictures], np.uint8),
        [each.digest for each in found if not each.error],
        is_test,
        source.labels,
        [f"{source.path}: left out, as it cannot be read: {line}" for line in lines]
        + _scaled(source, found, size, preparation),
    )


def _decoded(source: Pictures, shape: tuple[int, ...], preparation: str, scratch: Path) -> list[Decoded]:
    total = len(source.pictures)
    progress = Progress("read", total)

    def count(pictures: int) -> None:
        for _ in range(pictures):
            progress.step()

    try:
        return decode_all(source.contents(), total, (shape, preparation), scratch, count)
    finally:
        progress.remove()


def _scaled(source: Pictures, found: Sequence[Decoded], size: tuple[int, int], preparation: str) -> list[str]:
    """Return a note if pictures had other sizes."""
    others = sum(each.size != size for each in found if not each.error)
    if not others:
        return []
    width, height = size
    all_of = f"{others:,} of {len(found):,} pictures"
    done = f"prepared as {width}×{height} (--preparation {preparation})"
    return [f"{source.path}: {all_of} are of another size, and {done}"]


def _shape(size: tuple[int, int], grey: bool) -> tuple[int, ...]:
    width, height = size
    return (height, width) if grey else (height, width, 3)


def _write(path: Path, images: _Images, wanted: Wanted, folder: Path) -> str:
    """Write the IDX files, class names and record of a data set, and return a digest of them.

    The images of each split are ordered by a digest of their pixels, so that the classes are mixed and the
    same images give the same files, whatever they were read from.
    """
    digests = images.digests
    order = sorted(range(len(digests)), key=lambda number: (digests[number], images.targets[number]))
    is_test = images.is_test
    if is_test is None:
        is_test = _split(path, images, order)
    ordered = np.array(order)
    if not wanted.allow_duplicates:
        _refuse_duplicates(path, images.names, digests, is_test)
    preparation = wanted.preparation or (_AS_IS if images.labels else "")
    whole = hashlib.sha256(repr((images.labels, images.shape, preparation)).encode())
    chosen = {split: ordered[is_test[ordered] == (split == "test")] for split in get_args(Split)}
    for split, numbers in chosen.items():
        targets = images.targets[numbers]
        whole.update(split.encode() + b"".join(digests[number] for number in numbers) + targets.tobytes())
        (folder / file_names(split)[1]).write_bytes(idx_header(targets.shape) + targets.tobytes())
    _arrange(images, chosen["train"], chosen["test"], folder)
    if images.labels:
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in images.labels), encoding="utf-8")
    derived = images.is_test is None
    record = {
        "schema": _READ_AS,
        "source": str(path),
        "image_shape": list(images.shape),
        "images": {split: len(numbers) for split, numbers in chosen.items()},
        "preparation": preparation,
        "test_share": TEST_SHARE if derived else None,
        "notes": list(images.notes),
    }
    text = json.dumps(record, indent=1)
    (folder / SOURCE).write_text(text, encoding="utf-8")
    for note in images.notes:
        say(note)
    size = "×".join(str(length) for length in images.shape)
    test = f"{len(chosen['test']):,} test images"
    if derived:
        test += f", {TEST_SHARE:.0%} of each class, as there are none of their own"
    say(f"{path}: read as {size}: {len(chosen['train']):,} training images, {test}")
    return whole.hexdigest()


def _arrange(images: _Images, train: NDArray[np.intp], test: NDArray[np.intp], folder: Path) -> None:
    """Make the IDX files of both splits of the file of all images.

    That file is ordered where it is and becomes the training images, as writing anew costs as much time as
    decoding.
    """
    scratch = folder / _SCRATCH
    length = math.prod(images.shape)
    start = len(idx_header((1, *images.shape)))
    order = images.places[np.concatenate([train, test])]
    with scratch.open("r+b", buffering=0) as file:
        held = (file.seek(0, os.SEEK_END) - start) // length
        left_out = np.setdiff1d(np.arange(held), order)
        _reorder(file.fileno(), np.concatenate([order, left_out]).tolist(), start, length)
        os.pwrite(file.fileno(), idx_header((len(train), *images.shape)), 0)
        file.seek(start + len(train) * length)
        with (folder / file_names("test")[0]).open("xb") as other:
            other.write(idx_header((len(test), *images.shape)))
            for _ in test:
                other.write(file.read(length))
        file.truncate(start + len(train) * length)
    scratch.rename(folder / file_names("train")[0])


def _reorder(file: int, sources: list[int], start: int, length: int) -> None:
    """Move the record ``sources[i]`` of a file to place i, for all, one cycle of the permutation at a time.

    Args:
        file: Descriptor of the file.
        sources: A permutation of the places of the records.
        start: Offset of the first record.
        length: Bytes of a record.
    """
    for first, source in enumerate(sources):
        if source == first:
            continue
        held = os.pread(file, length, start + first * length)
        place = first
        while (source := sources[place]) != first:
            os.pwrite(file, os.pread(file, length, start + source * length), start + place * length)
            sources[place] = place
            place = source
        os.pwrite(file, held, start + place * length)
        sources[place] = place


def _split(path: Path, images: _Images, order: Sequence[int]) -> NDArray[np.bool_]:
    """Choose test images of each class: those with the smallest digests, which are as good as random.

    Equal images stay in one split.

    Raises:
        DatasetError: A class has too few images for both splits.
    """
    is_test = np.zeros(len(order), bool)
    for target in np.unique(images.targets).tolist():
        members = [number for number in order if images.targets[number] == target]
        limit = images.digests[members[max(1, math.floor(TEST_SHARE * len(members))) - 1]]
        chosen = [number for number in members if images.digests[number] <= limit]
        if len(chosen) == len(members):
            label = images.labels[target] if images.labels else target
            raise DatasetError(
                f"{path}: the class {label} has only one image; training and test need at least one each"
            )
        is_test[chosen] = True
    return is_test


def _refuse_duplicates(
    path: Path, names: Sequence[str], digests: Sequence[bytes], is_test: NDArray[np.bool_]
) -> None:
    """Check that no image is in both splits, as the accuracy on such images says nothing.

    Raises:
        DatasetError: Some are.
    """
    training = {digests[number]: number for number in np.flatnonzero(~is_test).tolist()}
    twice = [
        (number, training[digests[number]])
        for number in np.flatnonzero(is_test).tolist()
        if digests[number] in training
    ]
    if twice:
        first, second = (names[number] for number in twice[0])
        raise DatasetError(
            f"{path}: {len(twice):,} test images are training images, too: {first} is {second}; remove them, "
            "or accept it with --allow-duplicates"
        )
