"""The workstation's side of a deployment: what a device lacks is sent, installed, run, and switched to.

The program for the device's side comes first: there is nothing of fmnist on a new device.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.bundle.contents import DESCRIPTION, Bundle, BundleFile
from fmnist.deploy.ssh import Connection, Reply
from fmnist.results.read import DamageError, Part
from fmnist_runtime.errors import DeviceError

_PACKAGES = ("fmnist", "fmnist.deploy", "fmnist.deploy.remote")
_MODULES = ("store", "command", "versions", "session")
"""In the order of their imports."""
_LOADER = """import sys, types
for name in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
module.main()
"""


def program() -> bytes:
    """Source of a program for Python 3.11 or newer that needs nothing but the standard library."""
    names = [f"{_PACKAGES[-1]}.{module}" for module in _MODULES]
    sources = tuple((name, _source(name)) for name in names)
    return _LOADER.format(packages=_PACKAGES, sources=sources).encode()


def start(content: bytes) -> str:
    """The line of ``sh`` that runs a program whose text comes first on standard input.

    Neither the length of a command line nor any shell's quotation marks matter to it then, nor files in the
    home folder that have names of Python's own modules (``-I``).
    """
    code = f"import sys; exec(sys.stdin.buffer.read({len(content)}))"
    return f"exec python3 -I -c {shlex.quote(code)}"


def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None  # they come with this module
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


_MAX_LINE = 1_000_000
"""Bytes of an answer; that of a bundle of a hundred files has ten thousand."""
_MAX_RESULT = 100_000_000
"""Bytes of a result; of a bench of eight artifacts for a minute it has some million."""
_CHUNK = 1 << 16
SCRIPT = start(program())
"""What a device is to run for all that follows."""


class DeviceRefusedError(DeviceError):
    """A device cannot take what it is sent, and has no more than before."""


@dataclass(frozen=True)
class DeviceContents:
    """What is on a device already."""

    present: dict[str, int]
    """Bytes that are there of each content, by its SHA-256."""
    works: bool
    """Whether the very version is installed there and answers as it should."""
    current: str | None
    """The version in use; None before the first."""
    free_bytes: int
    """Free space where it would go."""

    def missing_bytes(self, bundle: Bundle) -> int:
        """How much of a bundle is to be sent."""
        return sum(file.size - self.present[file.sha256] for file in distinct(bundle))


@dataclass(frozen=True)
class Installation:
    """What became of it."""

    code: int
    """Exit code of ``install.sh``; 3 when an artifact answers otherwise there."""
    log: str
    """The last lines of it, where it failed."""


def installed_bytes(bundle: Bundle) -> int:
    """What a version takes beside its files when it is installed, as the bundle says of itself."""
    [description] = (file for file in bundle.files if file.name == DESCRIPTION)
    with description.open() as content:
        return int(json.load(content)["installed_bytes"])


def distinct(bundle: Bundle) -> list[BundleFile]:
    """The files of a bundle, one for each content."""
    return list({file.sha256: file for file in bundle.files}.values())


def request(bundle: Bundle) -> bytes:
    """What a device that runs `SCRIPT` is told first: what it is to do, and for which bundle."""
    files = [
        {"name": file.name, "sha256": file.sha256, "size": file.size, "executable": file.executable}
        for file in bundle.files
    ]
    content = json.dumps({"version": bundle.version, "files": files}).encode()
    return program() + content + b"\n"


def query(connection: Connection, bundle: Bundle) -> DeviceContents:
    """Ask a device that runs `SCRIPT` what it has of a bundle.

    Raises:
        DeviceError: It cannot be reached, cannot take a bundle, or is busy with another.
    """
    connection.write(request(bundle))
    answer = _answer(connection)
    try:
        present = {file.sha256: answer["present"][file.sha256].whole(0, file.size) for file in bundle.files}
        works, current = answer["works"].value, answer["current"].optional(Part.text)
        return DeviceContents(present, works is True, current, answer["free_bytes"].whole(0))
    except DamageError as error:
        raise DeviceError(f"answers what nobody asked ({error})") from error


def send(
    connection: Connection, bundle: Bundle, contents: DeviceContents, on_bytes: Callable[[int], None]
) -> None:
    """Send what a device lacks; it may be less than all if the device hangs up, which its next answer tells.

    Args:
        connection: To a device that was asked what it has.
        bundle: What it is to have.
        contents: What it answered.
        on_bytes: Called with each number of bytes that has been sent.

    Raises:
        DeviceError: A file is no longer what it was when the bundle was made of it.
    """
    connection.write(b"go\n")
    for file in distinct(bundle):
        for chunk in _rest(file, contents.present[file.sha256]):
            if not connection.write(chunk):
                return
            on_bytes(len(chunk))


def _rest(file: BundleFile, offset: int) -> Iterator[bytes]:
    """What is in a file from an offset on, piece by piece."""
    left = file.size - offset
    if not left:
        return
    try:
        with file.open() as content:
            content.seek(offset)
            while left:
                chunk = content.read(min(_CHUNK, left))
                if not chunk:
                    raise DeviceError(f"{file.name} became shorter while it was sent; try again")
                yield chunk
                left -= len(chunk)
    except OSError as error:
        raise DeviceError(f"{file.name} can no longer be read here ({error.strerror}); try again") from error


def installed(connection: Connection) -> Installation:
    """Wait until a device has installed what it was sent.

    Raises:
        DeviceError: The connection was lost, or the device could not take it.
    """
    answer = _answer(connection)
    try:
        return Installation(answer["code"].whole(-255, 255), answer["log"].text())
    except DamageError as error:
        raise DeviceError(f"answers what nobody asked ({error})") from error


def run(connection: Connection, arguments: Sequence[str]) -> Reply:
    """Have a device run the ``fmnist`` of the version that it has installed.

    Raises:
        DeviceError: The connection was lost.
    """
    connection.write(json.dumps(arguments).encode() + b"\n")
    answer = _answer(connection, _MAX_RESULT)
    try:
        output = answer["output"].text().encode(errors="replace")
        return Reply(answer["code"].whole(-255, 255), output, answer["log"].text())
    except DamageError as error:
        raise DeviceError(f"answers what nobody asked ({error})") from error


def use(connection: Connection) -> None:
    """Have a device switch to the version that it has installed.

    Raises:
        DeviceError: The connection was lost, or the device could not.
    """
    connection.write(b"use\n")
    try:
        _answer(connection)["current"].text()
    except DamageError as error:
        raise DeviceError(f"answers what nobody asked ({error})") from error


def _answer(connection: Connection, limit: int = _MAX_LINE) -> Part:
    """The next line of JSON."""
    line = connection.read_line(limit)
    answer: Any = None
    with suppress(ValueError, RecursionError):
        answer = json.loads(line)
    if isinstance(answer, dict):
        if "refused" in answer:
            raise DeviceRefusedError(str(answer["refused"]))
        return Part(answer)
    if connection.lost():
        raise DeviceError("the connection was lost")
    last = connection.log.splitlines()[-1:] or [f"exit code {connection.wait()}"]
    raise DeviceError(f"the installer there ended before its time ({last[0]})")
