"""Files on a device, each stored once under its SHA-256. Interrupted transfers are continued."""

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
    """Run a block in the main thread, and raise an error if it takes longer.

    A device does not notice a lost network: sshd may wait for hours.
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
"""Time without a chunk after which the connection counts as lost; ``ssh`` waits as long."""


class RefusedError(Exception):
    """This device cannot accept the bundle; the text says why."""


class DisconnectedError(Exception):
    """The workstation has disconnected."""


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
    """A folder of files that are named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; create it if it does not exist."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return the path of a file, whether it exists or not."""
        return self.folder / sha256

    def present(self, files: Sequence[WantedFile]) -> dict[str, int]:
        """Return the number of bytes present of each file. Damaged files are removed."""
        return {file.sha256: self._present(file) for file in files}

    def receive(self, stream: BinaryIO, file: WantedFile) -> None:
        """Receive the rest of a file; it gets its name when it is complete and correct.

        Raises:
            DisconnectedError: The stream ended early. The received part is kept.
            RefusedError: The disk is full, or the content is wrong.
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
            part.unlink(missing_ok=True)  # leaves some room on a full disk
            full = "no space is left there" if error.errno == errno.ENOSPC else error.strerror
            raise RefusedError(f"{file.name} could not be written ({full})") from error
        if sha256_of(part) != file.sha256:
            part.unlink()
            raise RefusedError(f"{file.name} arrived damaged; the same command sends it again")
        part.chmod(0o755 if file.executable else 0o644)
        part.replace(self.path(file.sha256))

    def keep_only(self, contents: set[str]) -> None:
        """Remove our files except those. Files of other names are kept, as they may be the user's."""
        for path in self.folder.iterdir():
            if _OURS.fullmatch(path.name) and path.stem not in contents:
                path.unlink()

    def _present(self, file: WantedFile) -> int:
        whole, part = self.path(file.sha256), self._part(file.sha256)
        if whole.is_file():
            if whole.stat().st_size == file.size and sha256_of(whole) == file.sha256:
                return file.size
            whole.unlink()  # not overwritten, as versions have links to it
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
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
