"""Reading protobuf messages without a schema, by their wire format.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator

_MAX_FIELDS = 500_000
"""Largest number of fields in a message. A graph has one for each node and weight; a random forest of
scikit-learn has one for each node of its trees."""
_FLOATS = re.compile(rb"(?:\x3d.{4})++", re.DOTALL)
"""Consecutive floats of field 7. ONNX has a field for each number of a support vector machine, by the
million."""

Content = bytes | mmap.mmap
Field = tuple[int, int, int, int]
"""Number of a field, where it starts, where its value starts, and where both end."""


class Message:
    """The message in ``content[start:stop]``, whose fields are looked up by number.

    Raises:
        ValueError: It is not a message. Looking up a field may raise it, too.
    """

    def __init__(self, content: Content, start: int, stop: int) -> None:
        self._content = content
        self._fields: dict[int, list[Field]] = {}
        for field in fields(content, start, stop):
            self._fields.setdefault(field[0], []).append(field)

    def messages(self, number: int) -> Iterator[Message]:
        """Return the messages in a field, in order."""
        return (Message(self._content, start, stop) for _, _, start, stop in self._fields.get(number, ()))

    def contents(self, number: int) -> list[bytes]:
        """Return the bytes of a field, in order."""
        return [self._content[start:stop] for _, _, start, stop in self._fields.get(number, ())]

    def texts(self, number: int) -> list[str]:
        """Return the texts in a field, in order. Texts that are not UTF-8 stay distinct."""
        return [content.decode(errors="surrogateescape") for content in self.contents(number)]

    def text(self, number: int) -> str:
        """Return a text, empty if it is absent; the last one if there are several."""
        return "".join(self.texts(number)[-1:])

    def integers(self, number: int) -> list[int]:
        """Return all integers of a field."""
        return [value for field in self._fields.get(number, ()) for value in integers(self._content, field)]


def fields(content: Content, start: int, stop: int) -> Iterator[Field]:
    """Yield the fields of the message in ``content[start:stop]``, in order; consecutive floats as one.

    Raises:
        ValueError: It is not a message.
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
                floats = _FLOATS.match(content, begin, stop)
                position = floats.end() if floats else value + 4
            case kind:
                raise ValueError(f"a field of unknown kind {kind}")
        if position > stop:
            raise ValueError(f"a field ends at byte {position:,} of {stop:,}")
        yield key >> 3, begin, value, position


def varint(content: Content, position: int, stop: int) -> tuple[int, int]:
    """Return the number that starts at a position, and where it ends.

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


def integers(content: Content, field: Field) -> list[int]:
    """Return the signed integers of a field: a single one, or a packed list."""
    _, start, position, stop = field
    if not content[start] & 7:
        return [_signed(varint(content, position, stop)[0])]
    found: list[int] = []
    while position < stop:
        number, position = varint(content, position, stop)
        found.append(_signed(number))
    return found


def _signed(number: int) -> int:
    """Return an int64 from its 64 bits."""
    return number - (1 << 64) if number >> 63 else number


def field(number: int, content: bytes) -> bytes:
    """Encode a field with a text, bytes or a message."""
    return varint_bytes(number << 3 | 2) + varint_bytes(len(content)) + content


def varint_bytes(number: int) -> bytes:
    """Encode a number that is not negative."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])
