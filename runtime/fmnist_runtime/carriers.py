"""Where each format keeps an artifact's description of itself. No engine is needed to read it.

The description always follows the model itself, so that the model is the beginning of the file:

- TFLite: a ZIP appended to the flatbuffer, which is the convention for associated files there
  (https://ai.google.dev/edge/litert/models/metadata), with ``fmnist.json`` and ``labels.txt``.
- npz: the last entries of the ZIP that the file is anyway, under the same names.
- ONNX: the last two entries of ``metadata_props``, under the keys ``fmnist`` and ``fmnist.sha256``.

Beside the JSON lies a seal: the SHA-256 of the model's bytes followed by the JSON's.
"""

from __future__ import annotations

import hashlib
import mmap
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.artifact import Metadata, parse_metadata
from fmnist_runtime.errors import ModelError

METADATA_FILE = "fmnist.json"
LABELS_FILE = "labels.txt"
SEAL_FILE = "fmnist.sha256"
REJECTED = ".rejected"
"""What the name of an artifact that failed its gate ends in, behind the format's suffix."""
ONNX_KEY = "fmnist"
ONNX_SEAL_KEY = "fmnist.sha256"

_MARK = b"fmnist.artifact/"
"""What the metadata of every version begins with, as its schema comes first."""
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError)
"""What reading a damaged file may raise."""
_METADATA_PROPS = 14
"""Number of the field ``metadata_props`` in ONNX's ModelProto (onnx/onnx.proto)."""
_MAX_METADATA_BYTES = 100_000_000
"""Far above any real metadata, and far below what a device has no memory for."""


@dataclass(frozen=True)
class Carried:
    """What a file of ours carries besides the model."""

    text: bytes
    """The metadata, in JSON."""
    sha256: str
    """The seal, in hexadecimal; empty when it has none."""
    model_bytes: int
    """Length of the model itself, which the file begins with."""


def seal(model: bytes | memoryview, text: bytes) -> str:
    """SHA-256 of a model followed by its metadata, in hexadecimal."""
    digest = hashlib.sha256(model)
    digest.update(text)
    return digest.hexdigest()


def read_metadata(path: Path) -> Metadata | None:
    """What an artifact says of itself; None when it carries nothing of ours.

    Raises:
        ModelError: It does, but damaged.
    """
    carried = read_carried(path)
    return parse_metadata(carried.text, path) if carried else None


def is_intact(path: Path) -> bool:
    """Whether an artifact of ours still has the bytes that it was sealed with.

    Raises:
        ModelError: What it carries is damaged, or nothing of ours.
    """
    carried = read_carried(path)
    if carried is None:
        raise ModelError(f"{path}: carries no metadata of fmnist")
    with _mapped(path) as content, memoryview(content)[: carried.model_bytes] as model:
        return seal(model, carried.text) == carried.sha256


def format_suffix(path: Path) -> str:
    """The suffix that tells a file's format, in small letters; also of an artifact that was rejected."""
    return Path(path.stem if path.suffix == REJECTED else path.name).suffix.lower()


def read_carried(path: Path) -> Carried | None:
    """What a model file carries besides the model; None when that is nothing of ours.

    Raises:
        ModelError: It carries something of ours, but damaged.
    """
    read = _read_onnx if format_suffix(path) == ".onnx" else _read_zip
    try:
        return read(path)
    except _BROKEN as error:
        if _MARK not in path.read_bytes() or _is_misnamed(path):
            return None  # the engine will say what is wrong with it
        raise ModelError(
            f"{path}: is cut off or damaged ({error}); copy it again, or export the model again"
        ) from error


def _is_misnamed(path: Path) -> bool:
    """Whether a file of ours has the suffix of another format."""
    for read in (_read_zip, _read_onnx):
        try:
            if read(path):
                return True
        except _BROKEN:
            continue
    return False


def _read_zip(path: Path) -> Carried | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if METADATA_FILE not in names:
            return None
        entry = archive.getinfo(METADATA_FILE)
        if entry.file_size > _MAX_METADATA_BYTES:
            raise ValueError(f"its metadata claims {entry.file_size:,} bytes")
        recorded = archive.read(SEAL_FILE).decode("ascii") if SEAL_FILE in names else ""
        return Carried(archive.read(entry), recorded, entry.header_offset)


def _read_onnx(path: Path) -> Carried | None:
    found: dict[bytes, tuple[int, bytes]] = {}
    with _mapped(path) as content:
        for number, start, value, end in _fields(content, 0, len(content)):
            if number == _METADATA_PROPS and end - value <= _MAX_METADATA_BYTES:
                pair = {key: content[a:b] for key, _, a, b in _fields(content, value, end)}
                found[pair.get(1, b"")] = (start, pair.get(2, b""))
    if ONNX_KEY.encode() not in found:
        return None
    start, text = found[ONNX_KEY.encode()]
    _, recorded = found.get(ONNX_SEAL_KEY.encode(), (0, b""))
    return Carried(text, recorded.decode("ascii"), start)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _fields(content: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of a protobuf message, from its wire format (https://protobuf.dev/programming-guides/encoding).

    Yields:
        Number of the field, where it starts, where its value starts, and where both end.

    Raises:
        ValueError: It is no such message.
    """
    position = start
    while position < stop:
        begin = position
        key, value = _varint(content, position, stop)
        match key & 7:
            case 0:
                _, position = _varint(content, value, stop)
            case 1:
                position = value + 8
            case 2:
                length, value = _varint(content, value, stop)
                position = value + length
            case 5:
                position = value + 4
            case kind:
                raise ValueError(f"a field of unknown kind {kind}")
        if position > stop:
            raise ValueError(f"a field ends at byte {position:,} of {stop:,}")
        yield key >> 3, begin, value, position


def _varint(content: mmap.mmap, position: int, stop: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if position >= stop:
            break
        byte = content[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("a number that does not end")
