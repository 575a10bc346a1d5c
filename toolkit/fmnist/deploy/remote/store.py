"""Files on a device, each kept once under its SHA-256 and received from where the last transfer ended."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn


@contextmanager
def time_limit(seconds: int, error: Exception) -> Iterator[None]:
    """Do something in the main thread, and fail with an error when it takes longer.

    A network that goes away says nothing to the device: sshd may wait for hours.
    """

    def end(*_: object) -> NoReturn:
        raise error

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


_CHUNK = 1 << 16
_OURS = re.compile(r"[0-9a-f]{64}(\.part)?")
READ_TIMEOUT_S = 60
"""The connection is taken for dead after so long without a chunk; ``ssh`` gives it up after as long."""


class RefusedError(Exception):
    """This device cannot take what is sent; the text says why."""


class DisconnectedError(Exception):
    """The workstation has gone."""


@dataclass(frozen=True)
class WantedFile:
    """A file of a version."""

    name: str
    """Its path in the version's folder."""
    sha256: str
    """SHA-256 of its content."""
    size: int
    """Its length in bytes."""
    executable: bool
    """Whether it is a program."""


class Store:
    """A folder of files that are named after their content."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is made if it is not there."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the file of that content is, or will be."""
        return self.folder / sha256

    def present(self, files: Sequence[WantedFile]) -> dict[str, int]:
        """Bytes that are there of each content. One that was changed, or is damaged, is removed."""
        return {file.sha256: self._present(file) for file in files}

    def receive(self, stream: BinaryIO, file: WantedFile) -> None:
        """Take the rest of a file; it gets its name when all of it is there and right.

        Raises:
            DisconnectedError: The stream ended before. What came of the file is kept.
            RefusedError: The disk is full, or the content is another.
        """
        part = self._part(file.sha256)
        try:
            with part.open("ab") as out:
                left = file.size - out.tell()
                while left:
                    with time_limit(READ_TIMEOUT_S, DisconnectedError()):
                        chunk = stream.read(min(_CHUNK, left))
                    out.write(chunk)
                    if not chunk:
                        os.fsync(out.fileno())
                        raise DisconnectedError
                    left -= len(chunk)
                os.fsync(out.fileno())
        except OSError as error:
            part.unlink(missing_ok=True)  # a device whose disk is full is left with some room
            full = "no space is left there" if error.errno == errno.ENOSPC else error.strerror
            raise RefusedError(f"{file.name} could not be written ({full})") from error
        if sha256_of(part) != file.sha256:
            part.unlink()
            raise RefusedError(f"{file.name} arrived damaged; the same command sends it again")
        part.chmod(0o755 if file.executable else 0o644)
        part.replace(self.path(file.sha256))

    def keep_only(self, contents: set[str]) -> None:
        """Remove all files but those, and what is none of ours: the folder may be somebody's."""
        for path in self.folder.iterdir():
            if _OURS.fullmatch(path.name) and path.stem not in contents:
                path.unlink()

    def _present(self, file: WantedFile) -> int:
        whole, part = self.path(file.sha256), self._part(file.sha256)
        if whole.is_file():
            if whole.stat().st_size == file.size and sha256_of(whole) == file.sha256:
                return file.size
            whole.unlink()  # not written over: versions have links to it
        if not part.is_file():
            return 0
        size = part.stat().st_size
        if size > file.size:
            part.unlink()
            return 0
        return size

    def _part(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.part"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
