"""Pictures of ours: PNG files with a mark, by which other files are not overwritten."""

from __future__ import annotations

import struct
from pathlib import Path

from fmnist_runtime.errors import OutputError
from fmnist_runtime.files import require_possible, require_writable

MARK = {"Software": "fmnist"}
"""A text chunk of every picture we write; the PNG specification defines the keyword
(https://www.w3.org/TR/png-3/#11textinfo)."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def require_picture_free(
    path: Path, force: bool = False, remedy: str = "choose another name, or --force"
) -> None:
    """Check, before anything is drawn, that a picture may be written to a path.

    Args:
        path: The path.
        force: Whether to replace any file.
        remedy: What the user can do about a file that is not ours.

    Raises:
        OutputError: The name is not that of a PNG file, or the path cannot be written, or holds a file
            that is not a picture of ours.
    """
    require_possible(path)
    if path.suffix.lower() != ".png" or path.is_dir():
        raise OutputError(f"{path}: pictures are PNG files; give a name that ends in .png")
    require_writable(path)
    if not path.is_file() or force or path.stat().st_size == 0:
        return
    if not _is_ours(path.read_bytes()):
        raise OutputError(f"{path}: exists and is not a picture of fmnist; {remedy}")


def _is_ours(content: bytes) -> bool:
    """Return whether a PNG has the mark; each of its chunks is length, type, data and checksum."""
    if not content.startswith(_SIGNATURE):
        return False
    marks = [f"{keyword}\0{text}".encode("latin-1") for keyword, text in MARK.items()]
    start = len(_SIGNATURE)
    while start + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        if kind == b"tEXt" and content[start + 8 : start + 8 + length] in marks:
            return True
        start += 12 + length
    return False
