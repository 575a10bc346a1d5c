"""Our own wheel, put together again from what is installed or checked out here."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from importlib.util import find_spec
from pathlib import Path

from fmnist_runtime.errors import DeviceError

_PACKAGES = ("fmnist", "fmnist_exporters", "fmnist_runtime")
_DESCRIPTION = re.compile(r"METADATA|WHEEL|entry_points\.txt|licenses/.+")
"""Files of a ``dist-info`` that are the wheel's own. The others say how it was installed here."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The first that a ZIP can say; all files have it, so that the same content gives the same bytes."""
_FILE_MODE = 0o100644 << 16


def own_wheel() -> tuple[str, bytes]:
    """The wheel of the code that runs, as pip installs it; the same bytes from a checkout as installed.

    Of the metadata only the head goes along. What follows is the README, which a device has no use for,
    and which in a checkout is that of the day it was installed.

    Returns:
        The wheel's file name, and its content.

    Raises:
        DeviceError: fmnist is not installed here, or one of its files was changed since.
    """
    try:
        found = distribution("fmnist")
    except PackageNotFoundError:
        raise DeviceError(
            "fmnist is run from a folder without being installed, and cannot be bundled; "
            "in that folder run: pip install --editable ."
        ) from None
    information = f"fmnist-{found.version}.dist-info"
    files = dict(_code(found))
    for path in found.files or ():
        folder, _, name = path.as_posix().partition("/")
        if folder == information and _DESCRIPTION.fullmatch(name):
            content = _unchanged(path)
            files[path.as_posix()] = _head(content) if name == "METADATA" else content
    return f"fmnist-{found.version}-py3-none-any.whl", _zipped(files, f"{information}/RECORD")


def _code(found: Distribution) -> Iterator[tuple[str, bytes]]:
    """Every file of the three packages, by its place in the wheel."""
    running = Path(__file__).resolve()
    listed = {path.as_posix(): path for path in found.files or ()}
    own = listed.get("fmnist/bundle/wheel.py")
    if own is not None and Path(str(own.locate())).resolve() == running:
        for name, path in listed.items():
            if name.partition("/")[0] in _PACKAGES and not name.endswith(".pyc"):
                yield name, _unchanged(path)
        return
    for package in _PACKAGES:
        spec = find_spec(package)
        assert spec is not None  # they come together
        assert spec.origin is not None
        folder = Path(spec.origin).parent
        for file in folder.rglob("*"):
            name = file.relative_to(folder.parent).as_posix()
            if file.is_file() and not re.search(r"(^|/)(__pycache__/|\.)|\.pyc$", name):
                yield name, file.read_bytes()


def _head(metadata: bytes) -> bytes:
    """The fields of a METADATA file, without the description."""
    return metadata.partition(b"\n\n")[0].rstrip(b"\n") + b"\n"


def _unchanged(path: PackagePath) -> bytes:
    """A file's content, if it is still what was installed."""
    place = Path(str(path.locate()))
    try:
        content = place.read_bytes()
    except OSError as error:
        raise DeviceError(f"{place}: cannot be read ({error.strerror}); {_mend()}") from error
    if path.hash is not None and path.hash.value != _digest(content):
        raise DeviceError(f"{place}: was changed since it was installed; {_mend()}")
    return content


def _mend() -> str:
    return "install fmnist anew: pip install --force-reinstall --no-deps fmnist"


def _zipped(files: dict[str, bytes], record: str) -> bytes:
    """The files as a wheel, those that describe it last, with a new record of their digests."""
    names = sorted(files, key=lambda name: (".dist-info/" in name, name))
    lines = [f"{name},sha256={_digest(files[name])},{len(files[name])}" for name in names]
    files = files | {record: "".join(f"{line}\n" for line in [*lines, f"{record},,"]).encode()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in [*names, record]:
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = _FILE_MODE
            entry.create_system = 3  # Unix, also where it is made on another
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    return content.getvalue()


def _digest(content: bytes) -> str:
    """As a RECORD has it (https://packaging.python.org/en/latest/specifications/recording-installed-packages)."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
