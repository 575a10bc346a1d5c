"""Files that are written whole or not at all, and read only when they are files."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from fmnist_runtime.errors import FmnistError, OutputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that an interruption leaves the old content or the new, never half.

    Missing parent folders are made. A link stays a link: the file it points to is replaced. What is no
    regular file, such as a pipe or ``/dev/stdout``, is written to as it is.

    Raises:
        OutputError: The folder or file cannot be written.
    """
    try:
        path = path.resolve()
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be written ({reason}); choose another place") from error


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    try:
        # Not tempfile, whose files only their owner may read.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def require_writable(path: Path) -> None:
    """Check, before long work, that its result can be written.

    Raises:
        OutputError: No file can be made where the path says.
    """
    folder = path.absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written ({folder} takes no files); choose another place")


def require_file(path: Path, what: str, error_type: type[FmnistError]) -> None:
    """Check that a path is a file with something in it.

    Args:
        path: The path the user gave.
        what: What it should be, as in "a model"; used in the message.
        error_type: The error to raise.
    """
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise error_type(f"{path}: no such file; give the path of {what}") from None
    except IsADirectoryError:
        raise error_type(f"{path}: is a directory; give the path of {what}") from None
    except OSError as error:
        raise error_type(f"{path}: cannot be read ({error.strerror})") from error
    if empty:
        raise error_type(f"{path}: is empty; give the path of {what}")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
