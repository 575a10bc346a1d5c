"""Protobuf messages without a schema, by their wire format.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

_MAX_FIELDS = 200_000
"""In one message. A graph has one for each node and each weight."""

Field = tuple[int, int, int, int]
"""Number of a field, where it starts, where its value starts, and where both end."""


def fields(content: bytes | mmap.mmap, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message in ``content[start:stop]``, in their order.

    Raises:
        ValueError: It is no such message.
    """
    position, count = start, 0
    while position < stop:
        count += 1
        if count > _MAX_FIELDS:
            raise ValueError(f"a message of more than {_MAX_FIELDS:,} fields")
        begin = position
        key, value = varint(content, position, stop)
        match key & 7:
            case 0:
                _, position = varint(content, value, stop)
            case 1:
                position = value + 8
            case 2:
                length, value = varint(content, value, stop)
                position = value + length
            case 5:
                position = value + 4
            case kind:
                raise ValueError(f"a field of unknown kind {kind}")
        if position > stop:
            raise ValueError(f"a field ends at byte {position:,} of {stop:,}")
        yield key >> 3, begin, value, position


def varint(content: bytes | mmap.mmap, position: int, stop: int) -> tuple[int, int]:
    """The number that starts at a position, and where it ends.

    Raises:
        ValueError: It does not end before ``stop``, or not within ten bytes.
    """
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
