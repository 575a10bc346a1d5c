"""Where each format keeps an artifact's metadata. No engine is needed to read it.

The metadata follows the model, so that the model is the beginning of the file:

- TFLite: a ZIP appended to the flatbuffer, which is the convention for associated files there
  (https://ai.google.dev/edge/litert/models/metadata), with ``fmnist.json`` and ``labels.txt``.
- npz: the last entries of the ZIP, under the same names.
- ONNX: the last two entries of ``metadata_props``, under the keys ``fmnist`` and ``fmnist.sha256``.
- C: the last lines of the comment at the end, under the names ``@fmnist.artifact`` and ``@fmnist.sha256``.

Each file ends in its seal: the SHA-256, in 64 hexadecimal digits, of everything before it. In a ZIP that is
the comment, in ONNX the value of the last entry. In C, only the end of the comment follows.

An export also writes a manifest beside its artifacts, which lists their sizes and digests.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fmnist_runtime.artifact.metadata import Metadata, parse_metadata
from fmnist_runtime.errors import ModelError
from fmnist_runtime.safety.protobuf import Content, fields
from fmnist_runtime.safety.zip import open_archive

NETWORK_FILE = "network.json"
"""The entry of an npz model that lists its layers; see `fmnist_runtime.engines.dense_npz`."""
MAX_NETWORK_BYTES = 1_000_000
"""Far above the list of any dense network's layers."""
METADATA_FILE = "fmnist.json"
LABELS_FILE = "labels.txt"
REJECTED = ".rejected"
"""Suffix of an artifact that failed its gate, after the format's suffix."""
ONNX_KEY = "fmnist"
ONNX_SEAL_KEY = "fmnist.sha256"
SEAL_BYTES = 64
C_MARKS = b"\n@fmnist.network ", b"\n@fmnist.artifact ", b"\n@fmnist.sha256 "
"""Starts of the lines in a C file with its network, its metadata and its seal."""
C_END = b" */\n"
"""What follows the seal in C."""
METADATA_PROPS = 14
"""Number of the field ``metadata_props`` in ONNX's ModelProto (onnx/onnx.proto)."""
MANIFEST = "manifest.json"
MANIFEST_SCHEMA = "fmnist.manifest/2"
MANIFEST_MARK = b'"schema": "fmnist.manifest/'
"""Text in our manifests of every version."""

_MARK = b"fmnist.artifact/"
"""Start of the metadata of every version, as its schema comes first."""
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError)
"""What reading a damaged file may raise."""
_MAX_METADATA_BYTES = 4_000_000
"""Far above any real metadata of a few kilobytes, and below a device's memory."""


@dataclass(frozen=True)
class Container:
    """What an artifact of ours contains besides the model."""

    text: bytes
    """The metadata, in JSON."""
    model_bytes: int
    """Length of the model, which the file begins with."""


def seal(content: bytes | mmap.mmap | memoryview) -> bytes:
    """Return the 64 bytes that seal this content."""
    return hashlib.sha256(content).hexdigest().encode()


def sealed_sha256(content: Content) -> str:
    """Return the SHA-256 of a whole artifact if its seal fits its bytes; else an empty text."""
    end = len(content) - (len(C_END) if content[-len(C_END) :] == C_END else 0)
    with memoryview(content) as view:
        digest = hashlib.sha256(view[: max(0, end - SEAL_BYTES)])
        if digest.hexdigest().encode() != view[max(0, end - SEAL_BYTES) : end]:
            return ""
        digest.update(view[end - SEAL_BYTES :])
        return digest.hexdigest()


def is_intact(path: Path) -> bool:
    """Return whether an artifact of ours has exactly the bytes that it was sealed with."""
    with path.open("rb") as file:
        return bool(sealed_sha256(read_content(path, file)))


def format_suffix(path: Path) -> str:
    """Return the suffix of a file's format in lower case, also for a rejected artifact."""
    return Path(path.stem if path.suffix == REJECTED else path.name).suffix.lower()


def is_network(path: Path) -> bool:
    """Return whether a file is an npz model by its entries, and not another ``.npz``."""
    try:
        if path.is_file():  # opening a pipe could block for ever
            with open_archive(path) as archive:
                return NETWORK_FILE in archive.namelist()
    except Exception:  # zipfile raises exceptions without a common base for crafted files
        pass
    return False


def read_metadata(path: Path) -> Metadata | None:
    """Read an artifact's metadata; None for files that are not ours.

    Raises:
        ModelError: The metadata is damaged.
    """
    container = read_container(path)
    return parse_metadata(container.text, path) if container else None


def read_container(path: Path) -> Container | None:
    """As `find_container`, for a file."""
    with path.open("rb") as file:
        return find_container(path, read_content(path, file))


def read_content(path: Path, file: BinaryIO) -> Content:
    """Return the bytes of an open file. An ONNX file, which may be large, is mapped."""
    if format_suffix(path) == ".onnx" and os.fstat(file.fileno()).st_size:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return file.read()


def find_container(path: Path, content: Content) -> Container | None:
    """Find what an artifact of ours contains besides the model; None for other files.

    Args:
        path: The file, for its suffix and for messages.
        content: Its bytes.

    Raises:
        ModelError: It is one of ours, but damaged.
    """
    read = {".onnx": _read_onnx, ".c": _read_c}.get(format_suffix(path), _read_zip)
    try:
        return read(content)
    except _BROKEN as error:
        if content.find(_MARK) < 0 or _is_misnamed(content):
            return None  # the engine's message is better
        raise ModelError(
            f"{path}: is cut off or damaged ({error}); copy it again, or export the model again"
        ) from error


def _is_misnamed(content: Content) -> bool:
    """Return whether an artifact of ours has the suffix of another format."""
    for read in (_read_zip, _read_onnx, _read_c):
        try:
            if read(content):
                return True
        except _BROKEN:
            continue
    return False


def _read_zip(content: Content) -> Container | None:
    with open_archive(content) as archive:
        if METADATA_FILE not in archive.namelist():
            return None
        text = read_stored(archive, METADATA_FILE, _MAX_METADATA_BYTES)
        return Container(text, archive.getinfo(METADATA_FILE).header_offset)


def read_stored(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read an entry that is not compressed, and so cannot be a decompression bomb.

    Raises:
        ValueError: It is compressed or larger than the limit. A damaged file raises what zipfile raises.
    """
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > limit:
        raise ValueError(f"{name} is compressed, or larger than it can be")
    return archive.read(entry)


def _read_onnx(content: Content) -> Container | None:
    found: dict[bytes, tuple[int, bytes]] = {}
    for number, start, value, end in fields(content, 0, len(content)):
        if number == METADATA_PROPS and end - value <= _MAX_METADATA_BYTES:
            pair = {key: content[a:b] for key, _, a, b in fields(content, value, end)}
            found[pair.get(1, b"")] = (start, pair.get(2, b""))
    if ONNX_KEY.encode() not in found:
        return None
    start, text = found[ONNX_KEY.encode()]
    return Container(text, start)


def _read_c(content: Content) -> Container | None:
    start, end = content.rfind(C_MARKS[1]), content.rfind(C_MARKS[2])
    if not 0 <= start < end:
        return None
    return Container(content[start + len(C_MARKS[1]) : end], start)


def recorded_sha256(path: Path) -> str | None:
    """Return a file's SHA-256 in the manifest beside it; None if there is no manifest of ours.

    A damaged manifest of ours gives an empty text, which no file's digest equals.
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
