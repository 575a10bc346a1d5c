"""Files that are written whole or not at all, and read only when they are files."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from fmnist_runtime.errors import FmnistError, OutputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that an interruption leaves the old content or the new, never half.

    Missing parent folders are made. The file gets the permissions any new file would get.

    Raises:
        OutputError: The folder or file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner can read
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink()
        if isinstance(error, OSError):
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        raise


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def require_file(path: Path, what: str, error_type: type[FmnistError]) -> None:
    """Check that a path is a file with something in it.

    Args:
        path: The path the user gave.
        what: What it should be, as in "a model"; used in the message.
        error_type: The error to raise.
    """
    if not path.exists():
        raise error_type(f"{path}: no such file; give the path of {what}")
    if path.is_dir():
        raise error_type(f"{path}: is a directory; give the path of {what}")
    if path.stat().st_size == 0:
        raise error_type(f"{path}: is empty; give the path of {what}")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
