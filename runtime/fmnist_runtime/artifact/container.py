"""Where each format keeps an artifact's description of itself. No engine is needed to read it.

The description always follows the model itself, so that the model is the beginning of the file:

- TFLite: a ZIP appended to the flatbuffer, which is the convention for associated files there
  (https://ai.google.dev/edge/litert/models/metadata), with ``fmnist.json`` and ``labels.txt``.
- npz: the last entries of the ZIP that the file is anyway, under the same names.
- ONNX: the last two entries of ``metadata_props``, under the keys ``fmnist`` and ``fmnist.sha256``.

Each file ends in its seal: the SHA-256, in 64 hexadecimal digits, of everything before. In a ZIP that is
its comment, in ONNX the value of the last entry.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.artifact.metadata import Metadata, parse_metadata
from fmnist_runtime.errors import ModelError
from fmnist_runtime.safety.protobuf import fields
from fmnist_runtime.safety.zip import open_archive

NETWORK_FILE = "network.json"
"""The entry of an npz model that lists its layers; see `fmnist_runtime.engines.dense_npz`."""
MAX_NETWORK_BYTES = 1_000_000
"""Far above the list of any dense network's layers."""
METADATA_FILE = "fmnist.json"
LABELS_FILE = "labels.txt"
REJECTED = ".rejected"
"""What the name of an artifact that failed its gate ends in, behind the format's suffix."""
ONNX_KEY = "fmnist"
ONNX_SEAL_KEY = "fmnist.sha256"
SEAL_BYTES = 64

_MARK = b"fmnist.artifact/"
"""What the metadata of every version begins with, as its schema comes first."""
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError)
"""What reading a damaged file may raise."""
METADATA_PROPS = 14
"""Number of the field ``metadata_props`` in ONNX's ModelProto (onnx/onnx.proto)."""
_MAX_METADATA_BYTES = 4_000_000
"""Far above any real metadata of a few kilobytes, and below what a device has no memory for."""


@dataclass(frozen=True)
class Carried:
    """What a file of ours carries besides the model."""

    text: bytes
    """The metadata, in JSON."""
    model_bytes: int
    """Length of the model itself, which the file begins with."""


def seal(content: bytes | mmap.mmap | memoryview) -> bytes:
    """The 64 bytes that an artifact of this content ends in."""
    return hashlib.sha256(content).hexdigest().encode()


def read_metadata(path: Path) -> Metadata | None:
    """What an artifact says of itself; None when it carries nothing of ours.

    Raises:
        ModelError: It does, but damaged.
    """
    carried = read_carried(path)
    return parse_metadata(carried.text, path) if carried else None


def is_intact(path: Path) -> bool:
    """Whether an artifact of ours still has all the bytes that it was sealed with, and no more."""
    with _mapped(path) as content, memoryview(content) as view:
        return seal(view[:-SEAL_BYTES]) == view[-SEAL_BYTES:]


def format_suffix(path: Path) -> str:
    """The suffix that tells a file's format, in small letters; also of an artifact that was rejected."""
    return Path(path.stem if path.suffix == REJECTED else path.name).suffix.lower()


def is_network(path: Path) -> bool:
    """Whether a file is an npz model, by its entries, and not another ``.npz``."""
    try:
        if path.is_file():  # opening a pipe could wait for ever
            with open_archive(path) as archive:
                return NETWORK_FILE in archive.namelist()
    except Exception:  # what crafted files make zipfile raise has no common base
        pass
    return False


def read_carried(path: Path) -> Carried | None:
    """What a model file carries besides the model; None when that is nothing of ours.

    Raises:
        ModelError: It carries something of ours, but damaged.
    """
    if not path.stat().st_size:
        return None  # and what is empty cannot be mapped
    read = _read_onnx if format_suffix(path) == ".onnx" else _read_zip
    try:
        return read(path)
    except _BROKEN as error:
        if not _is_marked(path) or _is_misnamed(path):
            return None  # the engine will say what is wrong with it
        raise ModelError(
            f"{path}: is cut off or damaged ({error}); copy it again, or export the model again"
        ) from error


def _is_marked(path: Path) -> bool:
    with _mapped(path) as content:
        return content.find(_MARK) >= 0


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
    with open_archive(path) as archive:
        if METADATA_FILE not in archive.namelist():
            return None
        text = read_stored(archive, METADATA_FILE, _MAX_METADATA_BYTES)
        return Carried(text, archive.getinfo(METADATA_FILE).header_offset)


def read_stored(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read an entry that is not compressed, so that no bomb unfolds.

    Raises:
        ValueError: It is compressed or larger than the limit. What zipfile raises, if it is damaged.
    """
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > limit:
        raise ValueError(f"{name} is compressed, or larger than it can be")
    return archive.read(entry)


def _read_onnx(path: Path) -> Carried | None:
    found: dict[bytes, tuple[int, bytes]] = {}
    with _mapped(path) as content:
        for number, start, value, end in fields(content, 0, len(content)):
            if number == METADATA_PROPS and end - value <= _MAX_METADATA_BYTES:
                pair = {key: content[a:b] for key, _, a, b in fields(content, value, end)}
                found[pair.get(1, b"")] = (start, pair.get(2, b""))
    if ONNX_KEY.encode() not in found:
        return None
    start, text = found[ONNX_KEY.encode()]
    return Carried(text, start)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


MANIFEST = "manifest.json"
MANIFEST_SCHEMA = "fmnist.manifest/2"
MANIFEST_MARK = b'"schema": "fmnist.manifest/'
"""What is in the manifests of every version, and in nobody else's."""


def recorded_sha256(path: Path) -> str | None:
    """The SHA-256 that the manifest beside a file records for it; None when there is none of ours.

    A manifest of ours that is damaged records an empty one, which no file has.
    """
    try:
        text = (path.parent / MANIFEST).read_bytes()
    except OSError:
        return None
    if MANIFEST_MARK not in text:
        return None  # somebody else's
    try:
        entries = json.loads(text)["artifacts"]
        recorded = {entry["file"]: str(entry["sha256"]) for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return recorded.get(path.name)
