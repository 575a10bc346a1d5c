"""One file from one address: no longer than a cap, not waited for for ever, and one reason when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fmnist.text.progress import Progress
from fmnist_runtime.errors import OutputError, needs_extra

MAX_BYTES = 64 * 2**20
"""The longest file of the family has 47 MB decompressed; what sends more than this is not one of them."""

_TIMEOUT_S = 30.0
"""How long to wait for a connection, and then for each next byte."""
_CHUNK_BYTES = 64 * 2**10
_BAR_STEPS = 100


class DownloadError(Exception):
    """Why an address did not give the file. Never reaches the user alone: there may be another mirror."""


def download(url: str, path: Path) -> None:
    """Download a file, with a bar on a terminal.

    Args:
        url: An http or https address; redirections are followed.
        path: A file that does not exist yet. When this raises, it may hold a part; the caller removes it.

    Raises:
        DownloadError: The address cannot be reached, refuses, breaks off, or sends more than `MAX_BYTES`.
        MissingExtraError: pooch is not installed.
        OutputError: The file cannot be written.
    """
    with needs_extra("train", "downloading"):
        from pooch import HTTPDownloader

    bar = _Bar(url.rpartition("/")[2])
    fetch = HTTPDownloader(progressbar=bar, chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_S)
    with writing(path.parent), path.open("xb") as file:
        try:
            fetch(url=url, output_file=_Capped(file, path.parent), pooch=None)
        except (OSError, ValueError) as error:  # all that requests raises, and a length that is no number
            raise DownloadError(_reason(error)) from error
        finally:
            bar.remove()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one line.

    Raises:
        OutputError: The block could not write in the folder.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error


class _Capped:
    """A file that takes no more than `MAX_BYTES`, whatever length the server announced.

    Its own errors are told apart from those of the network, which are OSErrors as well.
    """

    def __init__(self, file: BinaryIO, folder: Path) -> None:
        self._file, self._folder, self._size = file, folder, 0

    def write(self, content: bytes) -> None:
        self._size += len(content)
        if self._size > MAX_BYTES:
            raise DownloadError(f"sends more than {MAX_BYTES / 1e6:.0f} MB")
        with writing(self._folder):
            self._file.write(content)

    def flush(self) -> None:
        with writing(self._folder):
            self._file.flush()


class _Bar:
    """What pooch tells of a download, as hundredths of it; with no length announced, there is none."""

    def __init__(self, label: str) -> None:
        self.total = 0  # bytes; pooch sets it
        self._received = self._shown = 0
        self._progress = Progress(label, _BAR_STEPS)

    def update(self, size: int) -> None:
        self._received += size
        while self.total and self._shown < min(_BAR_STEPS, _BAR_STEPS * self._received // self.total):
            self._shown += 1
            self._progress.step()

    def reset(self) -> None:
        self._received = 0

    def close(self) -> None:
        """Part of what pooch asks of a bar; it is not called when a download fails."""

    def remove(self) -> None:
        self._progress.remove()


def _reason(error: BaseException) -> str:
    """The status that a server answered with, or what began the failure.

    The errors around that repeat the address and the names of classes.
    """
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
