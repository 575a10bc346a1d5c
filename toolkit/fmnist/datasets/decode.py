"""Decodes picture files on all cores into one file of pixels."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from io import RawIOBase
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from fmnist_runtime.data.idx import idx_header
from fmnist_runtime.data.images import MAX_BYTES, decode_picture, read_header
from fmnist_runtime.errors import DatasetError, ImageError

Content = bytes | str
"""A picture file's bytes, or its path."""
Form = tuple[tuple[int, ...], str]
"""What a picture becomes: its shape, ``(H, W)`` for grey or ``(H, W, 3)`` for colour, and its preparation."""
_CHUNK = 64
"""Pictures that a process gets at once."""
_FEW = 256
"""Up to this many, starting processes takes longer than decoding."""
_NAMELESS = "it"
"""Name of a picture in messages, which the caller names."""
_PROBED = 1000
"""Pictures whose size and colour are read first."""


class Decoded(NamedTuple):
    """What a picture was before it was scaled. Processes pass many, and a dataclass takes thrice the time."""

    number: int
    """Its number in the data set."""
    size: tuple[int, int]
    """Width and height in pixels, upright."""
    grey: bool
    """Whether it has no colour."""
    digest: bytes
    """Its `pixel_digest`; empty if it cannot be read."""
    error: str = ""
    """Why it cannot be read; empty if it was."""


def pixel_digest(pixels: bytes) -> bytes:
    """Return a digest of an image's pixels, by which images are compared and ordered."""
    return hashlib.sha256(pixels).digest()[:16]  # processors have instructions for it


def commonest(contents: Iterable[tuple[int, Content]], total: int) -> tuple[tuple[int, int], bool]:
    """Return the commonest upright size (width, height) of pictures, and whether all are grey.

    They are found in the headers of at most `_PROBED` pictures, evenly spread.
    """
    step = max(1, total // _PROBED)
    sizes: Counter[tuple[int, int]] = Counter()
    greys = []
    for number, content in contents:
        if number % step == 0 and (found := read_header(content)):
            width, height, mode = found
            sizes[width, height] += 1
            greys.append(_is_grey(mode))
    if not sizes:
        return (0, 0), False
    [(size, _)] = sizes.most_common(1)
    return size, all(greys)


def decode_all(
    contents: Iterable[tuple[int, Content]],
    total: int,
    form: Form,
    scratch: Path,
    on_done: Callable[[int], None],
) -> list[Decoded]:
    """Decode pictures into an IDX file, each at its number.

    Args:
        contents: The number and content of each picture.
        total: Number of pictures.
        form: What each becomes.
        scratch: The file, uint8 ``[total, *shape]``; made here.
        on_done: Called with the number of pictures that were decoded since the last call.

    Returns:
        One entry for each picture, by number.
    """
    with scratch.open("xb") as file:
        header = idx_header((total, *form[0]))
        file.write(header)
        file.truncate(len(header) + total * math.prod(form[0]))
    found: list[Decoded] = []
    for decoded in _run(_chunks(contents), total, form, scratch):
        found += decoded
        on_done(len(decoded))
    return sorted(found, key=lambda each: each.number)


def _chunks(contents: Iterable[tuple[int, Content]]) -> Iterator[list[tuple[int, Content]]]:
    rest = iter(contents)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def _run(
    chunks: Iterator[list[tuple[int, Content]]], total: int, form: Form, scratch: Path
) -> Iterator[list[Decoded]]:
    cores = os.cpu_count() or 1
    if total <= _FEW or cores == 1:
        yield from (_decode(chunk, form, scratch) for chunk in chunks)
        return
    pool = ProcessPoolExecutor(cores, get_context("spawn"))
    running: set[Future[list[Decoded]]] = set()
    try:
        for chunk in chunks:
            running.add(pool.submit(_decode, chunk, form, scratch))
            if len(running) >= 4 * cores:  # a limit on the memory of what waits
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in running)
    except BrokenExecutor as error:
        raise DatasetError(
            f"{scratch.parent}: a process that decodes pictures was ended, probably for lack of memory"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _decode(chunk: Iterable[tuple[int, Content]], form: Form, scratch: Path) -> list[Decoded]:
    """Decode a few pictures and write their pixels."""
    with scratch.open("r+b", buffering=0) as file:
        return [_decode_one(number, content, form, file) for number, content in chunk]


def _decode_one(number: int, content: Content, form: Form, file: RawIOBase) -> Decoded:
    try:
        data = _read(content) if isinstance(content, str) else content
        picture = decode_picture(data, _NAMELESS, *form)
    except ImageError as error:
        return Decoded(number, (0, 0), True, b"", str(error).removeprefix(f"{_NAMELESS}: "))
    pixels = picture.pixels.tobytes()
    os.pwrite(file.fileno(), pixels, len(idx_header((1, *form[0]))) + number * len(pixels))
    return Decoded(number, (picture.width, picture.height), _is_grey(picture.mode), pixel_digest(pixels))


def _read(path: str) -> bytes:
    """Read a regular file."""
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size  # `read` makes room for all that it is asked for
            content = file.read(min(size, MAX_BYTES) + 1)
    except OSError as error:
        raise ImageError(f"{_NAMELESS}: cannot be read ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise ImageError(f"{_NAMELESS}: is larger than {MAX_BYTES / 1e6:.0f} MB")
    return content


def _is_grey(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La") or mode.startswith("I")
