"""Opening a ZIP without trusting its directory (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT)."""

from __future__ import annotations

import io
import mmap
import zipfile
from pathlib import Path

_MAX_ENTRIES = 1000
"""Far above the entries of any file of ours. A million of them would take a gigabyte to list."""
_ENTRY = b"PK\x01\x02"
"""Start of each entry of a ZIP's directory."""


def open_archive(source: Path | bytes | mmap.mmap, limit: int | None = None) -> zipfile.ZipFile:
    """Open a ZIP that has few entries, none of which overlap.

    Args:
        source: The file or its content: a ZIP, or a model with a ZIP behind it.
        limit: Largest total size of the decompressed entries; None if the caller refuses compressed entries.

    Raises:
        ValueError: It has too many, overlapping or too large entries. A damaged file raises what zipfile
            raises.
    """
    if isinstance(source, Path):
        with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _require_few_entries(content)
            size = len(content)
        archive = zipfile.ZipFile(source)
    else:
        _require_few_entries(source)
        size = len(source)
        archive = zipfile.ZipFile(io.BytesIO(source))
    entries = archive.infolist()
    if sum(entry.compress_size for entry in entries) > size:
        archive.close()
        raise ValueError("a ZIP whose entries lie over each other")
    total = sum(entry.file_size for entry in entries)
    if limit is not None and total > limit:
        archive.close()
        raise ValueError(f"its entries unfold to {total:,} bytes, at most {limit:,} are read")
    return archive


def _require_few_entries(content: bytes | mmap.mmap) -> None:
    count, place = 0, content.find(_ENTRY)
    while place >= 0 and count <= _MAX_ENTRIES:
        count, place = count + 1, content.find(_ENTRY, place + 1)
    if count > _MAX_ENTRIES:
        raise ValueError(f"a ZIP of more than {_MAX_ENTRIES:,} entries")
