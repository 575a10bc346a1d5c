"""Fetch data sets: where each is published, one file from one address, and how the files come into a folder.

A download is no longer than a cap, is not waited for without limit, and fails with one reason.
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
# compress differently: what is checked is the SHA-256 of the decompressed bytes, so none needs trust.
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
"""What installs a data set on Debian and Raspberry Pi OS."""
_COMPRESSION = 6
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class FetchedFile:
    """One file of a data set that is now there, and is the published one."""

    path: Path
    """The file."""
    mirror: str | None
    """Base address that it came from; None when it was there before."""


def fetch_dataset(
    name: str, data_dir: Path | None = None, mirrors: Sequence[str] = (), offline: bool = False
) -> list[FetchedFile]:
    """Bring the four files of a known data set into a folder where it is looked for.

    A file that is there and is the published one is kept, a damaged one is replaced.

    Args:
        name: A known data set.
        data_dir: Folder that gets a subfolder of that name; the user's cache when None.
        mirrors: Base addresses to try instead of the built-in ones, in order.
        offline: Use no network.

    Raises:
        DatasetError: The data set is not known, a file is missing offline, no mirror has it, or
            somebody else's data lies in its place.
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
        order.sort(key=lambda other: other != mirror)  # the next file begins with the one that works
        fetched.append(FetchedFile(path, mirror))
    return fetched


def _published(name: str, folder: Path, file: str) -> Path | None:
    """Where a file lies, if it is the published one; None when it is missing or damaged."""
    path = find_file(folder, file)
    if path is None:
        return None
    try:
        digest = idx_sha256(read_idx(path))
    except IdxError:
        return None
    if digest != KNOWN[name].sha256[file]:  # whole, and another: somebody wants it
        raise DatasetError(f"{path}: is not the published file of {name}; move it away, and fetch again")
    return path


def _fetch(name: str, path: Path, mirrors: Sequence[str]) -> str:
    """Put a file in its place from the first mirror that has it, and say which that is."""
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
    # What to do comes before the addresses: a long line loses its end.
    raise DatasetError(
        f"{path.name} of {name}: no mirror gives it; name another with --mirror, or {_mend(name)}; "
        f"tried {', '.join(failures)}"
    )


def _fetch_from(mirror: str, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile, whose files only their owner may read.
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
    """Check that a download is the published file, and let it be gzipped, as its name says."""
    try:
        # Before the data: a small download could be made to decompress to more than there is memory.
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
    if not content.startswith(_GZIP_MAGIC):  # a server that says Content-Encoding: gzip had it unpacked
        path.write_bytes(gzip.compress(content, _COMPRESSION, mtime=0))


def _mend(name: str) -> str:
    package = (
        f", or on Debian and Raspberry Pi OS: apt install {_PACKAGES[name]}" if name in _PACKAGES else ""
    )
    return f"give the other verbs a folder that has it with --data-dir{package}"


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


def fetched_text(files: Sequence[FetchedFile]) -> str:
    """Return a table of the files."""
    rows = [[str(file.path), "fetched" if file.mirror else "kept", file.mirror or ABSENT] for file in files]
    return table(["file", "state", "from"], rows, left=3)
