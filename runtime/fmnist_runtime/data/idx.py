"""The IDX format of the MNIST family of data sets, gzipped or plain.

The format, from http://yann.lecun.com/exdb/mnist/: two zero bytes, one byte for the element type
(0x08 is uint8), one byte for the number of dimensions, each dimension as a big-endian 32-bit
integer, then the elements in C order.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import IdxError
from fmnist_runtime.files import open_file

_UINT8 = 0x08
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_BYTES = 700_000_000
"""The largest set of this kind, EMNIST's 814,255 images, has 638 MB. A header with more is damaged or
hostile."""
_PIECE = 1 << 20
"""Bytes read at once."""
_MEND = "fetch, copy or write it again"
_MAX_DIMENSIONS = 4
"""Images in colour have four: number, height, width, channels."""


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    It never holds more than the header's size, whatever the size of the gzip stream.

    Args:
        path: A plain or gzipped IDX file, which its content shows.

    Returns:
        uint8 array with the header's dimensions, for instance ``[60000, 28, 28]`` or ``[60000]``.

    Raises:
        IdxError: The file is missing, cut off, too long, or not IDX of unsigned bytes.
    """
    with _opened(path) as file:
        shape = _read_header(file, path)
        size = math.prod(shape)
        array = np.empty(size, np.uint8)  # uses memory only as far as it is filled
        held = _fill(file, array)
        longer = held == size and file.read(1)
    if held < size or longer:
        found = "more" if longer else f"{held:,}"
        raise IdxError(f"{path}: header promises {size:,} bytes of data, the file holds {found}; {_MEND}")
    array.flags.writeable = False  # it may be shared, and its digest cached
    return array.reshape(shape)


def _fill(file: BinaryIO, array: NDArray[np.uint8]) -> int:
    """Read into an array until it is full or the file ends, and return the number of bytes."""
    view, held = array.data, 0
    while held < len(view):
        count = file.readinto(view[held : held + _PIECE])  # type: ignore[attr-defined]
        if not count:
            break
        held += count
    return held


def read_idx_shape(path: Path) -> tuple[int, ...]:
    """Return the dimensions in an IDX file's header, without reading its data.

    Raises:
        IdxError: As in `read_idx`.
    """
    with _opened(path) as file:
        return _read_header(file, path)


def idx_sha256(array: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the array as a plain IDX file, as ``zcat FILE.gz | sha256sum`` prints it."""
    digest = hashlib.sha256(idx_header(array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def idx_header(shape: tuple[int, ...]) -> bytes:
    """Return the header of the IDX file of a uint8 array of this shape."""
    return struct.pack(f">HBB{len(shape)}I", 0, _UINT8, len(shape), *shape)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open the decompressed content as a stream. Errors while reading become one line."""
    try:
        with open_file(path, "an IDX file", IdxError) as file:
            gzipped = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if gzipped else file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise IdxError(
            f"{path}: gzip stream is cut off or damaged ({error}); fetch the file again"
        ) from error
    except OSError as error:
        raise IdxError(f"{path}: cannot be read ({error.strerror})") from error


def _read_header(file: BinaryIO, path: Path) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise IdxError(f"{path}: not an IDX file (it starts with {magic.hex() or 'nothing'}); {_MEND}")
    if magic[2] != _UINT8:
        raise IdxError(
            f"{path}: IDX element type 0x{magic[2]:02x} is not unsigned byte (0x08); write it as uint8"
        )
    dimensions = magic[3]
    header = file.read(4 * dimensions)
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise IdxError(f"{path}: IDX header with {dimensions} dimensions; images have 3 or 4, labels 1")
    if len(header) < 4 * dimensions:
        raise IdxError(f"{path}: IDX header with {dimensions} dimensions is cut off; {_MEND}")
    shape = struct.unpack(f">{dimensions}I", header)
    if math.prod(shape) > _MAX_BYTES or max(shape) > _MAX_BYTES:
        raise IdxError(f"{path}: header promises {math.prod(shape):,} bytes, more than any such data set has")
    return shape
