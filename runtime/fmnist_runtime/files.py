"""Writing files atomically, and opening only regular files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from fmnist_runtime.errors import FmnistError, OutputError

NOT_OURS = "exists and was not made by fmnist"
FORCE_OR_OUT = "--force replaces it, --out goes elsewhere"
"""What is said of somebody else's file where ours should be."""
_HEAD = 512
"""Bytes of a file in which an LFS pointer or a web page is recognised."""
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGE = (b"<!doctype html", b"<html")


class FileKind(NamedTuple):
    """Files that fmnist writes, and what to say of others in their place."""

    is_ours: Callable[[Path], bool]
    """Whether a file that is not empty, or a device, may be replaced or written to."""
    refusal: str
    """What is said of anything else, such as ``exists and is not a result of fmnist``."""
    remedy: str = "choose another file"
    """What the user can do about it."""
    directory: str = "is a directory; name a file in it"
    """What is said of a folder."""
    suffixes: tuple[str, ...] = ()
    """How its name may end, in lower case; anyhow when empty."""
    naming: str = ""
    """What is said of another name, such as ``pictures are PNG files``."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that an interruption leaves either the old or the new content.

    Missing parent folders are made. A link stays a link: the file it points to is replaced. A pipe or device,
    such as ``/dev/stdout``, is written to directly.

    Raises:
        OutputError: The folder or file cannot be written.
    """
    with _output_errors(path):
        place = path.resolve()
        if place.exists() and not place.is_file() and not place.is_dir():
            place.write_bytes(content)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name[:200]}.{os.urandom(4).hex()}")
        try:
            _write_synced(temporary, content, os.O_EXCL)
            temporary.replace(place)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: circular links
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be written ({reason}); choose another place") from error


def _write_synced(path: Path, content: bytes, flags: int) -> None:
    # Not by tempfile, whose files only their owner may read.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class Draft:
    """A file under a temporary name beside its final one, so that it can be tried before it is renamed.

    It has the suffix of its final name. A draft that is never renamed is deleted when the block ends.
    """

    def __init__(self, path: Path) -> None:
        """Choose the temporary name for this final one; nothing is written yet."""
        self.final = path
        place = path.resolve()  # a link stays a link
        self.path = place.with_name(f".{place.stem[:200]}.{os.urandom(4).hex()}{place.suffix}")

    def write(self, content: bytes) -> None:
        """Write the draft, or overwrite it.

        Raises:
            OutputError: The folder or file cannot be written.
        """
        with _output_errors(self.final):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write_synced(self.path, content, os.O_TRUNC)

    def rename(self, path: Path) -> None:
        """Give the draft its final name; an existing file is replaced.

        Raises:
            OutputError: It cannot be renamed.
        """
        with _output_errors(self.final):
            self.path.replace(path.resolve())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # such as a folder that was never made
            self.path.unlink()


def require_writable(
    path: Path, kind: FileKind | None = None, force: bool = False, remedy: str | None = None
) -> None:
    """Check, before long work, that its result may be written to a file.

    Args:
        path: The file.
        kind: What it is to become; only a file of that kind may be replaced. Any may when None.
        force: Whether any file may be replaced.
        remedy: What the user can do about a file that may not be replaced, instead of the kind's own.

    Raises:
        OutputError: A file is there that may not be replaced, or none can be made there.
    """
    with _output_errors(path):  # a name too long, or circular links
        path.resolve().exists()
    if kind and kind.suffixes and path.suffix.lower() not in kind.suffixes:
        raise OutputError(f"{path}: {kind.naming}; give a name that ends in {kind.suffixes[0]}")
    if kind and path.is_dir():
        raise OutputError(f"{path}: {kind.directory}")
    folder = path.absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written ({folder} takes no files); choose another place")
    if kind is None or force or not path.exists() or (path.is_file() and not path.stat().st_size):
        return
    if not kind.is_ours(path):
        raise OutputError(f"{path}: {kind.refusal}; {remedy or kind.remedy}")


def require_file(path: Path, what: str, error_type: type[FmnistError]) -> None:
    """Check that a path is a file with content that may be what it should be; see `open_file`."""
    open_file(path, what, error_type).close()


def read_file(path: Path, what: str, error_type: type[FmnistError]) -> bytes:
    """Check and read a file; see `open_file`."""
    with open_file(path, what, error_type) as file:
        try:
            return file.read()
        except OSError as error:
            raise error_type(f"{path}: cannot be read ({error.strerror})") from error


def open_file(path: Path, what: str, error_type: type[FmnistError]) -> BinaryIO:
    """Open a file that has content, and no Git LFS pointer or web page in place of it.

    Args:
        path: The path that the user gave.
        what: What the file should be, as in "a model"; for the message.
        error_type: The error to raise.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # opening a pipe could block for ever
            raise error_type(f"{path}: is a pipe or device, not a file; give the path of {what}")
        file = path.open("rb")
        head = file.read(_HEAD)
        file.seek(0)
    except FileNotFoundError:
        raise error_type(f"{path}: no such file; give the path of {what}") from None
    except IsADirectoryError:
        raise error_type(f"{path}: is a directory; give the path of {what}") from None
    except OSError as error:
        raise error_type(f"{path}: cannot be read ({error.strerror})") from error
    problem = _problem(head, what)
    if problem:
        file.close()
        raise error_type(f"{path}: {problem}")
    return file


def _problem(head: bytes, what: str) -> str:
    """Return why a file with this beginning cannot be what it should be; empty if it can."""
    if not head:
        return f"is empty; give the path of {what}"
    if head.startswith(_LFS_POINTER):
        return "is a Git LFS pointer, which stands for the file; fetch that with: git lfs pull"
    if head.lstrip().lower().startswith(_PAGE):
        return (
            f"is a web page, not {what}; download the file itself, on GitHub with the button "
            '"Download raw file"'
        )
    return ""


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
