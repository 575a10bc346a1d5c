"""Reading a flatbuffer without trusting its offsets: nothing outside the file is read.

The format, from https://flatbuffers.dev/internals: little-endian throughout. A table starts with the signed
distance back to its vtable; the vtable holds its own size, the table's size, and for each field of the schema
its offset in the table, or 0 if the field is absent. Vectors, strings and tables are referred to by an
unsigned distance forward; vectors and strings start with their length.
"""

from __future__ import annotations

import mmap
import struct
from typing import NamedTuple

Content = bytes | mmap.mmap

_WIDTHS = {"b": 1, "B": 1, "?": 1, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}
"""Bytes of an element, by its format in ``struct``."""


class Table(NamedTuple):
    """A table whose vtable and fields are inside the file."""

    content: Content
    """The whole file."""
    start: int
    """Where the table starts."""
    size: int
    """Its length in bytes."""
    offsets: tuple[int, ...]
    """Where its fields start, from its own start; 0 for an absent one."""

    def _field(self, field: int, width: int) -> int:
        """Return the position of a field in the file; 0 if it is absent."""
        offset = self.offsets[field] if field < len(self.offsets) else 0
        if not offset:
            return 0
        position = self.start + offset
        if offset + width > self.size or position % width:
            raise ValueError(f"a field of the table at byte {self.start:,} lies outside it")
        return position

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """Return an integer field, by its kind in ``struct``."""
        position = self._field(field, _WIDTHS[kind])
        return int(struct.unpack_from("<" + kind, self.content, position)[0]) if position else default

    def _target(self, field: int) -> int:
        """Return the target of a reference; 0 if it is absent."""
        position = self._field(field, 4)
        return position + _offset(self.content, position) if position else 0

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Return the start and the number of a vector's elements; two zeros if it is absent."""
        target = self._target(field)
        if not target:
            return 0, 0
        count = _offset(self.content, target)
        if target + 4 + count * width > len(self.content) or (target + 4) % width:
            raise ValueError(f"a list of {count:,} elements at byte {target:,} of {len(self.content):,}")
        return target + 4, count

    def numbers(self, field: int, kind: str) -> tuple[int, ...]:
        """Return a vector of numbers, by their kind in ``struct``; empty if it is absent."""
        start, count = self.vector(field, _WIDTHS[kind])
        return struct.unpack_from(f"<{count}{kind}", self.content, start)

    def text(self, field: int) -> bytes:
        """Return a string, which must end in a zero byte as C++ expects; empty if it is absent."""
        start, length = self.vector(field, 1)
        if start and (start + length >= len(self.content) or self.content[start + length]):
            raise ValueError(f"a text at byte {start:,} that does not end")
        return bytes(self.content[start : start + length])

    def table(self, field: int) -> Table | None:
        """Return a table that this one refers to; None if it is absent."""
        target = self._target(field)
        return _table_at(self.content, target) if target else None

    def tables(self, field: int) -> list[Table]:
        """Return a vector of tables; empty if it is absent."""
        start, count = self.vector(field, 4)
        return [
            _table_at(self.content, place + _offset(self.content, place))
            for place in range(start, start + 4 * count, 4)
        ]


def root(content: Content) -> Table:
    """Return the table that a flatbuffer's first four bytes refer to.

    Raises:
        ValueError: It is outside the file. Reading from any table may raise it, too.
    """
    return _table_at(content, _offset(content, 0))


def _table_at(content: Content, start: int) -> Table:
    """Return the table at a position in the file."""
    vtable = start - _offset(content, start, signed=True)
    if vtable < 0 or vtable + 4 > len(content) or vtable % 2:
        raise ValueError(f"the table at byte {start:,} is described outside the file")
    length, size = struct.unpack_from("<HH", content, vtable)
    if length < 4 or length % 2 or vtable + length > len(content) or start + size > len(content) or size < 4:
        raise ValueError(f"the table at byte {start:,} lies outside the file")
    offsets: tuple[int, ...] = struct.unpack_from(f"<{length // 2 - 2}H", content, vtable + 4)
    if offsets and max(offsets) >= size:
        raise ValueError(f"a field of the table at byte {start:,} lies outside it")
    return Table(content, start, size, offsets)


def _offset(content: Content, position: int, signed: bool = False) -> int:
    if position + 4 > len(content) or position % 4:
        raise ValueError(f"an offset to byte {position:,} of {len(content):,}")
    return int.from_bytes(content[position : position + 4], "little", signed=signed)
