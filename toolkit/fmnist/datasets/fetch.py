"""Fetch data sets: mirrors, downloads of single files, and their checks.

A download has a limit of size and of waiting time, and fails with one reason.
"""

from __future__ import annotations

import gzip
import math
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, get_args

from fmnist.text.progress import Progress, say
from fmnist.text.tables import ABSENT, table
from fmnist_runtime.data.datasets import KNOWN, Split, cache_folder, file_names, find_file
from fmnist_runtime.data.idx import idx_sha256, read_idx, read_idx_shape
from fmnist_runtime.errors import DatasetError, IdxError, OutputError, needs_extra

# Base addresses, to which a file's name with .gz is appended, in the order they are tried. They may
# compress differently. The SHA-256 of the decompressed bytes is checked, so mirrors need not be trusted.
MIRRORS = {
    "fashion-mnist": (
        # The publisher's repository.
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        # The publisher's own downloads, the address in its README; http only.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        # What keras.datasets.fashion_mnist reads.
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    # The original, yann.lecun.com, refuses downloads.
    "mnist": (
        # What torchvision.datasets.MNIST reads.
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        # What tensorflow-datasets reads.
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
}

_PACKAGES = {"fashion-mnist": "dataset-fashion-mnist"}
"""Packages of data sets in Debian and Raspberry Pi OS."""
_COMPRESSION = 6
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class FetchedFile:
    """A fetched file, identical to the published one."""

    path: Path
    """The file."""
    mirror: str | None
    """Base address that it came from; None if it was there before."""


def fetch_dataset(
    name: str, data_dir: Path | None = None, mirrors: Sequence[str] = (), offline: bool = False
) -> list[FetchedFile]:
    """Fetch the four files of a known data set into a folder where it will be found.

    Files that are identical to the published ones are kept; damaged ones are replaced. The folder has the
    name of the data set, and is in ``data_dir``, or in the user's cache if that is None. Mirrors are base
    addresses to try, in order, instead of the built-in ones.

    Raises:
        DatasetError: The data set is not known, a file is missing offline, no mirror has it, or
            other data is in its place.
        OutputError: The folder cannot be written.
        MissingExtraError: pooch is not installed.
    """
    if name not in KNOWN:
        raise DatasetError(f"{name}: cannot be fetched; known data sets are {', '.join(KNOWN)}")
    folder = (data_dir or cache_folder()) / name
    files = [file for split in get_args(Split) for file in file_names(split)]
    with writing(folder):
        kept = {file: _published(name, folder, file) for file in files}
    missing = [f"{file}.gz" for file, path in kept.items() if path is None]
    if missing and offline:
        raise DatasetError(
            f"{folder}: {', '.join(missing)} missing or damaged; fetch without --offline, or {_mend(name)}"
        )
    order = list(mirrors or MIRRORS[name])
    fetched = []
    for file in files:
        path = kept[file]
        if path is not None:
            fetched.append(FetchedFile(path, None))
            continue
        path = folder / f"{file}.gz"
        mirror = _fetch(name, path, order)
        order.sort(key=lambda other: other != mirror)  # try the mirror that works first for the next file
        fetched.append(FetchedFile(path, mirror))
    return fetched


def _published(name: str, folder: Path, file: str) -> Path | None:
    """Return the path of a file, if it is the published one; None if it is missing or damaged."""
    path = find_file(folder, file)
    if path is None:
        return None
    try:
        digest = idx_sha256(read_idx(path))
    except IdxError:
        return None
    if digest != KNOWN[name].sha256[file]:  # intact, but different, so it may be the user's
        raise DatasetError(f"{path}: is not the published file of {name}; move it away, and fetch again")
    return path


def _fetch(name: str, path: Path, mirrors: Sequence[str]) -> str:
    """Download a file from the first mirror that has it, and return that mirror."""
    failures = []
    for mirror in mirrors:
        try:
            with writing(path.parent):
                _fetch_from(mirror, name, path)
        except DownloadError as error:
            failures.append(f"{mirror} ({error})")
        else:
            instead = f", not from {', '.join(failures)}" if failures else ""
            say(f"{path.name}: fetched from {mirror}{instead}")
            return mirror
    # The remedy comes before the addresses, as long lines are cut.
    raise DatasetError(
        f"{path.name} of {name}: no mirror gives it; name another with --mirror, or {_mend(name)}; "
        f"tried {', '.join(failures)}"
    )


def _fetch_from(mirror: str, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile, as only the owner may read its files.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        download(f"{mirror.rstrip('/')}/{path.name}", temporary)
        _check(temporary, name, path.stem)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _check(path: Path, name: str, file: str) -> None:
    """Check that a download is the published file, and compress it if it is not."""
    try:
        # Before the data: a small download could decompress to more than the memory.
        if math.prod(read_idx_shape(path)) > MAX_BYTES:
            raise DownloadError("is not the published file")
        array = read_idx(path)
    except IdxError as error:
        why = str(error).removeprefix(f"{path}: ").partition("; ")[0]
        raise DownloadError(why) from error
    digest = idx_sha256(array)
    if digest != KNOWN[name].sha256[file]:
        raise DownloadError(f"is not the published file, sha256 {digest[:16]}…")
    content = path.read_bytes()
    if not content.startswith(_GZIP_MAGIC):  # Content-Encoding: gzip made the client decompress it
        path.write_bytes(gzip.compress(content, _COMPRESSION, mtime=0))


def _mend(name: str) -> str:
    package = (
        f", or on Debian and Raspberry Pi OS: apt install {_PACKAGES[name]}" if name in _PACKAGES else ""
    )
    return f"give the other verbs a folder that has it with --data-dir{package}"


MAX_BYTES = 64 * 2**20
"""The longest file in the format has 47 MB decompressed; a longer download is something else."""

_TIMEOUT_S = 30.0
"""Time limit for the connection, and for each next byte."""
_CHUNK_BYTES = 64 * 2**10
_BAR_STEPS = 100


class DownloadError(Exception):
    """Why an address did not provide the file. Not shown alone, as another mirror may have it."""


def download(url: str, path: Path) -> None:
    """Download a file over http or https, with a bar on a terminal; redirections are followed.

    The path does not exist yet. After an error it may be incomplete; the caller removes it.

    Raises:
        DownloadError: The address cannot be reached, refuses, disconnects, or sends more than `MAX_BYTES`.
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
        except (OSError, ValueError) as error:  # all errors of requests, and an invalid length
            raise DownloadError(_reason(error)) from error
        finally:
            bar.remove()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Convert an error of the file system into one line.

    Raises:
        OutputError: The block could not write in the folder.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error


class _Capped:
    """A file of at most `MAX_BYTES`, whatever length the server announced.

    It converts its errors, as those of the network are OSErrors, too.
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
    """A progress bar for pooch, in hundredths; none if the server announces no length."""

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
        """Do nothing; pooch requires this method, but does not call it after a failure."""

    def remove(self) -> None:
        self._progress.remove()


def _reason(error: BaseException) -> str:
    """Return the status of the response, or the innermost error.

    The outer errors repeat the address and class names.
    """
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def fetched_text(files: Sequence[FetchedFile]) -> str:
    """Return a table of the files."""
    rows = [[str(file.path), "fetched" if file.mirror else "kept", file.mirror or ABSENT] for file in files]
    return table(["file", "state", "from"], rows, left=3)
