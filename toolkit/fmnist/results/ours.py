"""PNG files of our own, which are told from others' by a mark in them."""

from __future__ import annotations

import struct
from pathlib import Path

from fmnist_runtime.files import FileKind

MARK = {"Software": "fmnist"}
"""A text chunk of every picture we write; the keyword is one that the PNG specification names
(https://www.w3.org/TR/png-3/#11textinfo)."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _is_picture(path: Path) -> bool:
    """Whether a PNG's chunks have the mark; each is length, type, data and checksum. A device takes any."""
    if not path.is_file():
        return True
    content = path.read_bytes()
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


PICTURE = FileKind(
    _is_picture,
    "exists and is not a picture of fmnist",
    "choose another name, or --force",
    suffixes=(".png",),
    naming="pictures are PNG files",
)
"""A picture that has our mark."""
