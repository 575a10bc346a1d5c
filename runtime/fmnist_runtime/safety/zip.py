"""Opening a ZIP whose table of contents may be a lie (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT)."""

from __future__ import annotations

import mmap
import zipfile
from pathlib import Path

_MAX_ENTRIES = 1000
"""Far above what a file of ours has. A million of them would take a gigabyte to list."""
_ENTRY = b"PK\x01\x02"
"""What each line of a table of contents begins with."""


def open_archive(path: Path, limit: int | None = None) -> zipfile.ZipFile:
    """Open a ZIP whose entries are few, and do not lie over each other.

    Args:
        path: The file, or a model with a ZIP behind it.
        limit: Bytes that all entries may unfold to; None for a reader that refuses what is compressed.

    Raises:
        ValueError: They are not. What zipfile raises, if the file is damaged.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        count, place = 0, content.find(_ENTRY)
        while place >= 0 and count <= _MAX_ENTRIES:
            count, place = count + 1, content.find(_ENTRY, place + 1)
    if count > _MAX_ENTRIES:
        raise ValueError(f"a ZIP of more than {_MAX_ENTRIES:,} entries")
    archive = zipfile.ZipFile(path)
    entries = archive.infolist()
    if sum(entry.compress_size for entry in entries) > path.stat().st_size:
        archive.close()
        raise ValueError("a ZIP whose entries lie over each other")
    size = sum(entry.file_size for entry in entries)
    if limit is not None and size > limit:
        archive.close()
        raise ValueError(f"its entries unfold to {size:,} bytes, at most {limit:,} are read")
    return archive
