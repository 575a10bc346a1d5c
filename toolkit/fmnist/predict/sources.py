"""Find the images that the arguments name, and read them one at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_runtime.data.images import Picture, decode_picture, fit_picture, read_picture
from fmnist_runtime.errors import FmnistError, ImageError

if TYPE_CHECKING:
    from fmnist.predict.stream import Frame

STDIN = Path("-")
"""The argument that stands for standard input."""
_READ = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
IMAGE_SUFFIXES = (*_READ, ".avif", ".heic", ".heif")
"""Suffixes of image files in a folder, including formats that cannot be read and are refused by name."""

_GLOB = re.compile(r"[*?\[]")
_IDX = "-ubyte"
"""Part of the name of every file in the MNIST format."""

Reading = tuple[str, Picture | FmnistError]
"""Name of an image, and the image or the error from reading it."""


@dataclass(frozen=True)
class FoundImages:
    """The files that the arguments name."""

    paths: list[Path]
    """Image files, files of many images, and `STDIN`, in the order of the arguments."""
    passed_over: int
    """Number of other files in the folders and patterns."""

    @property
    def countable(self) -> bool:
        """Whether each path is one image."""
        return not any(_holds_many(path) for path in self.paths)

    @property
    def name_width(self) -> int:
        """Length of the longest name of an image, as far as it is known."""
        return max(len(str(path)) + (len("[10000]") if _holds_many(path) else 0) for path in self.paths)


def find_images(named: Sequence[Path]) -> FoundImages:
    """Return the files that the arguments name: each is a file, a folder, a pattern or ``-``.

    A folder names all image files below it, a pattern all that it matches, both without hidden files and in
    natural order: 2 before 10. The name of an existing file is never a pattern.

    Raises:
        ImageError: A folder or pattern has no image, or standard input is named twice.
    """
    paths: list[Path] = []
    passed_over = 0
    for path in named:
        if path == STDIN and path in paths:
            raise ImageError("-: standard input can be read once only")
        # os.path, as Path raises for impossible names
        folder = os.path.isdir(path)  # noqa: PTH112
        if path == STDIN or not (folder or _is_pattern(path)):
            paths.append(path)
            continue
        files = _below(path) if folder else _matching(path)
        images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        if not images:
            what = "is a directory without image files" if folder else "matches no image file"
            raise ImageError(f"{path}: {what}; they end in .png, .jpg, .gif, .bmp, .tif, .webp or .ppm")
        paths += sorted(images, key=_natural)
        passed_over += len(files) - len(images)
    return FoundImages(paths, passed_over)


def read_images(
    paths: Sequence[Path], shape: tuple[int, ...], preparation: str, frame: Frame | None = None
) -> Iterator[Reading]:
    """Read images for a model, one at a time.

    Images of an IDX file and of standard input are named by number. ``shape`` and ``preparation`` are as of
    `fmnist_runtime.data.images.read_image`; ``frame`` is the format of raw frames in standard input.
    """
    for path in paths:
        if path == STDIN:
            yield from _read_stdin(shape, preparation, frame)
        elif _is_idx(path):
            yield from _read_idx(path, shape, preparation)
        else:
            yield _attempt(str(path), partial(read_picture, path, shape, preparation))


def _holds_many(path: Path) -> bool:
    return path == STDIN or _is_idx(path)


def _is_idx(path: Path) -> bool:
    return _IDX in path.name and path.suffix.lower() not in IMAGE_SUFFIXES


def _is_pattern(path: Path) -> bool:
    return bool(_GLOB.search(str(path))) and not os.path.lexists(path)


def _below(folder: Path) -> list[Path]:
    """Return all files below a folder, without hidden ones. Links to folders are not followed."""

    def refuse(error: OSError) -> None:
        raise ImageError(f"{error.filename}: cannot be read ({error.strerror})") from error

    return [
        Path(parent, name)
        for parent, names in _folders(folder, refuse)
        for name in names
        if not name.startswith(".")
    ]


def _matching(pattern: Path) -> list[Path]:
    """Return all files that a pattern matches, each once.

    ``**`` does not follow links to folders, like `_below`. That of `glob` does, and with two links that lead
    back it finds 2⁴⁰ paths.
    """
    from glob import escape, glob

    if "**" not in pattern.parts:
        matches = glob(str(pattern))  # noqa: PTH207 - Path.glob takes no absolute pattern
        return [path for path in map(Path, matches) if not path.is_dir()]
    at = pattern.parts.index("**")
    below = pattern.parts[at + 1 :] or ("*",)
    files: dict[Path, None] = {}
    for start in glob(str(Path(*pattern.parts[:at]))):  # noqa: PTH207
        for folder, _ in _folders(start):
            files |= dict.fromkeys(_matching(Path(escape(folder), *below)))
    return list(files)


def _folders(
    start: str | Path, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Yield a folder and those below it, without hidden ones and links, with the names of their files."""
    for parent, folders, names in os.walk(start, onerror=onerror):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield parent, names


def _natural(path: Path) -> tuple[list[list[str | int]], str]:
    """Return the sort key: numbers by value, letters without case, then the name."""
    parts = [re.split(r"(\d+)", part.casefold()) for part in path.parts]
    return [[int(text) if at % 2 else text for at, text in enumerate(part)] for part in parts], str(path)


def _read_idx(path: Path, shape: tuple[int, ...], preparation: str) -> Iterator[Reading]:
    from fmnist_runtime.data.idx import read_idx

    try:
        images = read_idx(path)
        if images.ndim < 3:
            raise ImageError(f"{path}: holds {images.ndim} dimensions; a file of images has 3 or 4")
        if not len(images):
            raise ImageError(f"{path}: holds no images")
    except FmnistError as error:
        yield str(path), error
        return
    for index, pixels in enumerate(images):
        name = f"{path}[{index}]"
        yield _attempt(name, partial(fit_picture, pixels, name, shape, preparation))


def _read_stdin(shape: tuple[int, ...], preparation: str, frame: Frame | None) -> Iterator[Reading]:
    """Yield the images of standard input; after an invalid part, yield the error and end."""
    from fmnist.predict.stream import open_stdin, split_files, split_frames

    stream = open_stdin()
    read = fit_picture if frame else decode_picture
    images: Iterator[Any] = split_frames(stream, frame) if frame else split_files(stream)
    for index in count():
        name = f"stdin[{index}]"
        try:
            image = next(images, None)
        except ImageError as error:
            yield name, ImageError(f"{name}: {error}")
            return
        if image is None:
            break
        yield _attempt(name, partial(read, image, name, shape, preparation))
    if index == 0:
        yield "stdin", ImageError("-: standard input is empty; pipe images into it")


def _attempt(name: str, read: Callable[[], Picture]) -> Reading:
    try:
        return name, read()
    except ImageError as error:
        return name, error
