"""The wheels of a bundle: our own, and those of packages, fetched by pip and kept in the user's cache."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from importlib.util import find_spec
from pathlib import Path

from fmnist.devices.targets import Target
from fmnist.text.progress import Progress
from fmnist_runtime.data.datasets import cache_folder
from fmnist_runtime.errors import DeviceError, MissingExtraError, OutputError

_GLIBC = range(28, 16, -1)
"""Minor versions of glibc 2 whose wheels are accepted: from 2.28, which the newest pinned wheels need, down
to 2.17, the first with wheels for ARM (https://peps.python.org/pep-0600, pep-0599)."""
_BEGINNINGS = ("Collecting ", "Processing ")
"""Start of pip's line for each package: it downloads it, or has it already."""
_CANCELLED = "Operation cancelled by user"
"""Message of pip after an interruption."""
_BY_DEVICE = "let the device fetch them: fmnist bundle --wheels none"


def installed_bytes(wheel: Path) -> int:
    """Return the size of a wheel's unpacked files; checks each by its checksum.

    Raises:
        DeviceError: The wheel is damaged, or has files for another place than its packages, in a folder
            ``*.data`` (https://packaging.python.org/en/latest/specifications/binary-distribution-format);
            ``install.sh`` only unpacks.
    """
    entries = _entries(wheel)
    if any(".data/" in entry.filename for entry in entries):
        raise DeviceError(f"{wheel}: needs more than unpacking; {_BY_DEVICE}")
    return sum(entry.file_size for entry in entries)


def _entries(wheel: Path) -> list[zipfile.ZipInfo]:
    """Return the entries of a wheel, after a check of each file by its checksum.

    Raises:
        DeviceError: It is damaged.
    """
    broken = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError)
    with suppress(*broken), zipfile.ZipFile(wheel) as archive:
        if archive.testzip() is None:
            return archive.infolist()
    raise DeviceError(f"{wheel}: is damaged; delete it, and try again")


def fetch_wheels(pins: Sequence[str], target: Target) -> list[Path]:
    """Return wheels for pins such as ``numpy==2.4.6``, from the cache if it has all, else from the network.

    Returns:
        One file for each, in the order of their names.

    Raises:
        DeviceError: There is no such wheel, or it cannot be downloaded.
        MissingExtraError: This Python has no pip.
        OutputError: The cache cannot be written.
    """
    if find_spec("pip") is None:
        raise MissingExtraError(
            f"fetching wheels needs pip, which {sys.executable} does not have: python -m ensurepip; "
            f"or {_BY_DEVICE}"
        )
    cache = cache_folder() / "wheels"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            known = _Download(pins, target, cache, Path(folder))
            if not known.offline():
                for wheel in cache.glob("*.whl"):  # pip stops at a damaged wheel without naming it
                    _entries(wheel)
                known.online()
            paths = [cache / path.name for path in sorted(Path(folder).iterdir())]
            for path in paths:
                (Path(folder) / path.name).replace(path)
    except OSError as error:
        raise OutputError(
            f"{cache}: cannot be written ({error.strerror}); name another cache with XDG_CACHE_HOME"
        ) from error
    return paths


@dataclass(frozen=True)
class _Download:
    """A download by pip."""

    pins: Sequence[str]
    target: Target
    cache: Path
    folder: Path

    def offline(self) -> bool:
        """Copy everything from the cache; return whether it has all."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        # Without settings, which may name package indexes.
        with self._pip("--no-index", environment={**own, "PIP_CONFIG_FILE": os.devnull}) as process:
            output, _ = process.communicate()
        if process.returncode == -signal.SIGINT or _CANCELLED in output:  # pip gets Ctrl-C, too
            raise DeviceError(f"wheels for {self.target}: fetching them was interrupted; try again")
        return process.returncode == 0

    def online(self) -> None:
        """Download what the cache does not have."""
        progress = Progress(f"wheels for {self.target}", len(self.pins))
        lines = []
        with self._pip("--retries", "2", environment=dict(os.environ)) as process:
            assert process.stdout is not None  # it is a pipe
            for line in process.stdout:
                lines.append(line)
                if line.startswith(_BEGINNINGS):
                    progress.step()
        progress.remove()
        if process.returncode:
            raise DeviceError(self._reason(lines))

    def _pip(self, *options: str, environment: dict[str, str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        command += ["--implementation", "cp", "--python-version", self.target.python]
        command += [part for tag in _tags(self.target) for part in ("--platform", tag)]
        command += ["--progress-bar", "off", "--no-color", "--disable-pip-version-check"]
        command += ["--find-links", str(self.cache), "--dest", str(self.folder), *options, *self.pins]
        return subprocess.Popen(
            command,
            env=environment | {"PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )

    def _reason(self, lines: Sequence[str]) -> str:
        """Return why pip failed, in one line."""
        errors = [line.removeprefix("ERROR: ").strip() for line in lines if line.startswith("ERROR: ")]
        if not errors or errors[-1] == "Exception:":  # followed by a traceback
            errors = [line.strip() for line in lines if line.strip()] or ["pip says nothing"]
        last = errors[-1]
        if any("connection broken by" in line for line in lines):
            return (
                f"wheels for {self.target}: the network cannot be reached ({last}); "
                f"try again, or {_BY_DEVICE}"
            )
        return f"wheels for {self.target}: pip cannot fetch them ({last})"


def _tags(target: Target) -> list[str]:
    """Return the platform tags of wheels for the target, those of the newest systems first."""
    if target.platform == "any":
        return ["any"]
    machine = target.platform.removeprefix("linux-")
    return [*(f"manylinux_2_{minor}_{machine}" for minor in _GLIBC), f"manylinux2014_{machine}"]


_PACKAGES = ("fmnist", "fmnist_exporters", "fmnist_runtime")
_DESCRIPTION = re.compile(r"METADATA|WHEEL|entry_points\.txt|licenses/.+")
"""Files of a ``dist-info`` folder that come from the wheel. The others describe this installation."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a ZIP. All files have it, so that the same content gives the same bytes."""
_FILE_MODE = 0o100644 << 16
_MEND = "reinstall fmnist: pip install --force-reinstall --no-deps fmnist"


def own_wheel() -> tuple[str, bytes]:
    """Return the wheel of the running code, with the same bytes from a checkout as from an installation.

    The metadata are cut before the README: a device does not need it, and a checkout has the one of the day
    it was installed.

    Returns:
        The wheel's file name, and its content.

    Raises:
        DeviceError: fmnist is not installed, or one of its files has changed since.
    """
    try:
        found = distribution("fmnist")
    except PackageNotFoundError:
        raise DeviceError(
            "fmnist runs from a folder without being installed, and cannot be bundled; "
            "in that folder run: pip install --editable ."
        ) from None
    information = f"fmnist-{found.version}.dist-info"
    files = dict(_code(found))
    for path in found.files or ():
        folder, _, name = path.as_posix().partition("/")
        if folder == information and _DESCRIPTION.fullmatch(name):
            content = _unchanged(path)
            if name == "METADATA":
                content = content.partition(b"\n\n")[0].rstrip(b"\n") + b"\n"
            files[path.as_posix()] = content
    return f"fmnist-{found.version}-py3-none-any.whl", _zipped(files, f"{information}/RECORD")


def _code(found: Distribution) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the three packages, by its path in the wheel."""
    running = Path(__file__).resolve()
    listed = {path.as_posix(): path for path in found.files or ()}
    own = listed.get("fmnist/bundle/wheels.py")
    if own is not None and Path(str(own.locate())).resolve() == running:
        for name, path in listed.items():
            if name.partition("/")[0] in _PACKAGES and not name.endswith(".pyc"):
                yield name, _unchanged(path)
        return
    for package in _PACKAGES:
        spec = find_spec(package)
        assert spec is not None  # they are installed together
        assert spec.origin is not None
        folder = Path(spec.origin).parent
        for file in folder.rglob("*"):
            name = file.relative_to(folder.parent).as_posix()
            if file.is_file() and not re.search(r"(^|/)(__pycache__/|\.)|\.pyc$", name):
                yield name, file.read_bytes()


def _unchanged(path: PackagePath) -> bytes:
    """Return a file's content, after a check that it has not changed since the installation."""
    place = Path(str(path.locate()))
    try:
        content = place.read_bytes()
    except OSError as error:
        raise DeviceError(f"{place}: cannot be read ({error.strerror}); {_MEND}") from error
    if path.hash is not None and path.hash.value != _digest(content):
        raise DeviceError(f"{place}: has changed since it was installed; {_MEND}")
    return content


def _zipped(files: dict[str, bytes], record: str) -> bytes:
    """Return the files as a wheel: first the code, then the metadata, then a new record of digests."""
    names = sorted(files, key=lambda name: (".dist-info/" in name, name))
    lines = [f"{name},sha256={_digest(files[name])},{len(files[name])}" for name in names]
    files = files | {record: "".join(f"{line}\n" for line in [*lines, f"{record},,"]).encode()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # not compressed, as the archive compresses better
        for name in [*names, record]:
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = _FILE_MODE
            entry.create_system = 3  # Unix, also where it is made on another
            archive.writestr(entry, files[name])
    return content.getvalue()


def _digest(content: bytes) -> str:
    """Return a digest as in a RECORD (https://packaging.python.org/en/latest/specifications/recording-installed-packages)."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
