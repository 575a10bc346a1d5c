"""The workstation's side of a deployment: send what a device lacks, install it, run it, switch to it.

The program of the device's side is sent first, as a new device has nothing of fmnist.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fmnist.bundle.contents import Bundle, BundleFile
from fmnist.deploy.ssh import Connection, Reply
from fmnist.results.read import DamageError, Part
from fmnist_runtime.errors import DeviceError

_T = TypeVar("_T")
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
    """Return the source of the device's program, for Python 3.11 or newer and its standard library."""
    names = [f"{_PACKAGES[-1]}.{module}" for module in _MODULES]
    sources = tuple((name, _source(name)) for name in names)
    return _LOADER.format(packages=_PACKAGES, sources=sources).encode()


def start(content: bytes) -> str:
    """Return the line of ``sh`` that runs a program sent on standard input.

    So the length of a command line and the quoting of shells do not matter. With ``-I``, files in the home
    folder do not shadow modules of Python.
    """
    code = f"import sys; exec(sys.stdin.buffer.read({len(content)}))"
    return f"exec python3 -I -c {shlex.quote(code)}"


def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None  # it is installed with this module
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


_MAX_LINE = 1_000_000
"""Largest answer in bytes; that of a bundle of a hundred files has ten thousand."""
_MAX_RESULT = 100_000_000
"""Largest result in bytes; a bench of eight artifacts for a minute has some million."""
_CHUNK = 1 << 16
SCRIPT = start(program())
"""The command that a device runs for the whole deployment."""


class DeviceRefusedError(DeviceError):
    """A device cannot accept the bundle, and is unchanged."""


@dataclass(frozen=True)
class DeviceContents:
    """What a device already has."""

    present: dict[str, int]
    """Bytes present of each file, by its SHA-256."""
    works: bool
    """Whether this version is installed there and passes `fmnist verify`."""
    current: str | None
    """The version in use; None before the first."""
    free_bytes: int
    """Free disk space for it."""

    def missing_bytes(self, bundle: Bundle) -> int:
        """Return the number of bytes of a bundle that must be sent."""
        return sum(file.size - self.present[file.sha256] for file in distinct(bundle))


@dataclass(frozen=True)
class Installation:
    """The result of an installation."""

    code: int
    """Exit code of ``install.sh``; 3 if an artifact fails its verification."""
    log: str
    """Its last lines, if it failed."""


def distinct(bundle: Bundle) -> list[BundleFile]:
    """Return the files of a bundle, one for each content."""
    return list({file.sha256: file for file in bundle.files}.values())


def request(bundle: Bundle) -> bytes:
    """Return the first message to a device that runs `SCRIPT`: the program, and the files of a bundle."""
    files = [
        {"name": file.name, "sha256": file.sha256, "size": file.size, "executable": file.executable}
        for file in bundle.files
    ]
    content = json.dumps({"version": bundle.version, "files": files}).encode()
    return program() + content + b"\n"


def query(connection: Connection, bundle: Bundle) -> DeviceContents:
    """Ask a device that runs `SCRIPT` which parts of a bundle it has.

    Raises:
        DeviceError: It cannot be reached, cannot accept a bundle, or is busy with another.
    """

    def read(answer: Part) -> DeviceContents:
        present = {file.sha256: answer["present"][file.sha256].whole(0, file.size) for file in bundle.files}
        works, current = answer["works"].value, answer["current"].optional(Part.text)
        return DeviceContents(present, works is True, current, answer["free_bytes"].whole(0))

    connection.write(request(bundle))
    return _answer(connection, read)


def send(
    connection: Connection, bundle: Bundle, contents: DeviceContents, on_bytes: Callable[[int], None]
) -> None:
    """Send what a device lacks, after `query`; ``on_bytes`` is called with each number of bytes sent.

    If the device disconnects, this stops early, and the next answer fails.

    Raises:
        DeviceError: A file has changed since the bundle was made.
    """
    connection.write(b"go\n")
    for file in distinct(bundle):
        for chunk in _rest(file, contents.present[file.sha256]):
            if not connection.write(chunk):
                return
            on_bytes(len(chunk))


def _rest(file: BundleFile, offset: int) -> Iterator[bytes]:
    """Yield the content of a file from an offset on."""
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
    """Wait until a device has installed the bundle.

    Raises:
        DeviceError: The connection was lost, or the device cannot accept it.
    """
    return _answer(
        connection, lambda answer: Installation(answer["code"].whole(-255, 255), answer["log"].text())
    )


def run(connection: Connection, arguments: Sequence[str]) -> Reply:
    """Run the ``fmnist`` of the installed version on a device.

    Raises:
        DeviceError: The connection was lost.
    """

    def read(answer: Part) -> Reply:
        output = answer["output"].text().encode(errors="replace")
        return Reply(answer["code"].whole(-255, 255), output, answer["log"].text())

    connection.write(json.dumps(arguments).encode() + b"\n")
    return _answer(connection, read, _MAX_RESULT)


def use(connection: Connection) -> None:
    """Switch a device to the installed version.

    Raises:
        DeviceError: The connection was lost, or the device could not.
    """
    connection.write(b"use\n")
    _answer(connection, lambda answer: answer["current"].text())


def _answer(connection: Connection, read: Callable[[Part], _T], limit: int = _MAX_LINE) -> _T:
    """Return the result of a function on the next answer, a line of JSON."""
    line = connection.read_line(limit)
    answer: Any = None
    with suppress(ValueError, RecursionError):
        answer = json.loads(line)
    if isinstance(answer, dict):
        if "refused" in answer:
            raise DeviceRefusedError(str(answer["refused"]))
        try:
            return read(Part(answer))
        except DamageError as error:
            raise DeviceError(f"sends an unexpected answer ({error})") from error
    if connection.lost():
        raise DeviceError("the connection was lost")
    last = connection.log.splitlines()[-1:] or [f"exit code {connection.wait()}"]
    raise DeviceError(f"the installer there ended early ({last[0]})")
