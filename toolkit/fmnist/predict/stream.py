"""Images from a pipe, each as soon as it is complete: a sequence of PNG and JPEG files, or raw frames.

An image is returned at its last byte, without waiting for the next, so that a camera's images come at once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.images import MAX_BYTES, MAX_PIXELS
from fmnist_runtime.errors import ImageError

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_FRAME = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,5})(?:x(1|1\.5|3))?", re.ASCII)


@dataclass(frozen=True)
class Frame:
    """The format of a stream's raw frames."""

    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    bytes_per_pixel: float
    """1 for grey, 3 for RGB, 1.5 for YUV 4:2:0, whose first plane, the brightness, is used."""

    @property
    def size(self) -> int:
        """Bytes of a frame."""
        return int(self.width * self.height * self.bytes_per_pixel)

    def pixels(self, content: bytes) -> NDArray[np.uint8]:
        """Return the frame as uint8 ``[H, W]`` or ``[H, W, 3]``."""
        shape = (self.height, self.width, 3) if self.bytes_per_pixel == 3 else (self.height, self.width)
        count = self.width * self.height * (3 if self.bytes_per_pixel == 3 else 1)
        return np.frombuffer(content, np.uint8, count).reshape(shape)


def parse_frame(text: str) -> Frame:
    """Parse a frame format: ``640x480``, ``640x480x3`` or ``640x480x1.5``.

    Raises:
        ValueError: The text is not a frame format.
    """
    match = _FRAME.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a frame format such as 640x480 (grey), 640x480x3 (RGB) or 640x480x1.5 (YUV)"
        )
    frame = Frame(int(match[1]), int(match[2]), float(match[3] or 1))
    if frame.bytes_per_pixel == 1.5 and (frame.width % 2 or frame.height % 2):
        raise ValueError(f"{text!r}: frames in YUV 4:2:0 have even width and height")
    if frame.width * frame.height > MAX_PIXELS:
        raise ValueError(f"{text!r}: frames have {MAX_PIXELS // 10**6} megapixels or fewer")
    return frame


def open_stdin() -> BufferedReader:
    """Return standard input, if something is piped into it.

    Raises:
        ImageError: It is a terminal, or closed.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise ImageError("-: standard input is closed; pipe images into it")
    if sys.stdin.isatty():
        raise ImageError(
            "-: standard input is a terminal; pipe images into it: cat *.png | fmnist predict MODEL -"
        )
    stream: BufferedReader = sys.stdin.buffer  # type: ignore[assignment] # what Python opens it as
    return stream


def split_frames(stream: BufferedReader, frame: Frame) -> Iterator[NDArray[np.uint8]]:
    """Yield the raw frames of a stream.

    Yields:
        uint8 ``[H, W]`` or ``[H, W, 3]``.

    Raises:
        ImageError: The stream ends within a frame.
    """
    while content := stream.read(frame.size):
        if len(content) < frame.size:
            raise ImageError(
                f"ends within a frame, {len(content):,} of {frame.size:,} bytes; is --raw right?"
            )
        yield frame.pixels(content)


def split_files(stream: BufferedReader) -> Iterator[bytes]:
    """Yield the image files of a stream, which need no separator: their structure defines their ends.

    Yields:
        The bytes of a PNG or JPEG file.

    Raises:
        ImageError: The stream ends within an image, or continues with something else.
    """
    while stream.peek(1):
        image = _Image(stream)
        start = image.take(len(_JPEG))
        if start == _JPEG:
            _take_jpeg(image)
        elif start + image.take(len(_PNG) - len(start)) == _PNG:
            _take_png(image)
        else:
            raise _not_an_image()
        yield bytes(image.content)


class _Image:
    """The bytes of one image, read from a stream."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self.content = bytearray()

    def take(self, count: int) -> bytes:
        if len(self.content) + count > MAX_BYTES:
            raise ImageError(f"is damaged, or an image of more than {MAX_BYTES / 1e6:.0f} MB")
        part = self._stream.read(count)
        self.content += part
        if len(part) < count:
            known = self.content.startswith((_JPEG, _PNG))
            raise ImageError("ends within an image") if known else _not_an_image()
        return part

    def take_until_ff(self) -> None:
        while (end := (ready := self._stream.peek(1)).find(b"\xff")) != 0:
            self.take(end if end > 0 else max(1, len(ready)))


def _not_an_image() -> ImageError:
    return ImageError("is neither PNG nor JPEG; for raw frames give their size: --raw WIDTHxHEIGHT")


def _take_png(image: _Image) -> None:
    """Read the chunks behind the signature: length, type, data and checksum (https://www.w3.org/TR/png-3/#5)."""
    kind = b""
    while kind != b"IEND":
        head = image.take(8)
        kind = head[4:]
        image.take(int.from_bytes(head[:4], "big") + 4)


def _take_jpeg(image: _Image) -> None:
    """Read the segments behind the first marker, to the end marker (ITU-T T.81, B.1).

    Each segment has its length, so the end marker of a thumbnail inside one is skipped.
    """
    code = _take_marker(image)
    while code != 0xD9:
        if not (0xD0 <= code <= 0xD8 or code == 0x01):  # these stand alone
            image.take(max(0, int.from_bytes(image.take(2), "big") - 2))
        code = _take_scan(image) if code == 0xDA else _take_marker(image)


def _take_marker(image: _Image) -> int:
    """Return a marker's code; bytes 0xFF may precede it."""
    if image.take(1) != b"\xff":
        raise ImageError("is a damaged JPEG, whose end cannot be found")
    while (code := image.take(1)[0]) == 0xFF:
        pass
    return code


def _take_scan(image: _Image) -> int:
    """Read entropy-coded data, in which 0 or a restart marker follows 0xFF; return the next marker's code."""
    while True:
        image.take_until_ff()
        code = _take_marker(image)
        if code != 0x00 and not 0xD0 <= code <= 0xD7:
            return code
