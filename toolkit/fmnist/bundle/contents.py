"""What a bundle is: named files, and a manifest of their digests that it is checked by where it arrives."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, TypedDict

from fmnist.bundle.run_files import ExportedFile, artifacts_for, run_files, test_files
from fmnist.bundle.wheels import fetch_wheels, installed_bytes, own_wheel
from fmnist.devices.targets import ENGINE_EXTRAS, Target, requirements
from fmnist.runs.run import Run
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import sha256_file

SUMS = "SHA256SUMS"
"""The manifest, as coreutils' ``sha256sum`` writes and checks it."""
DESCRIPTION = "bundle.json"
"""What the bundle is for, which ``install.sh`` reads."""
DESCRIPTION_MARK = b'"schema": "fmnist.bundle/'
"""What is in the description of every version, and in nobody else's."""
_SCHEMA = "fmnist.bundle/1"
_ROOM = 32_000_000
"""Bytes beside the wheels of others: our own, and the byte code that Python writes of what it runs."""
_VERSION_DIGITS = 12


@dataclass(frozen=True)
class BundleFile:
    """One file of a bundle."""

    name: str
    """Its path in the bundle, with ``/``."""
    content: Path | bytes
    """What is in it, or the file that it is a copy of."""
    executable: bool = False
    """Whether it is a program."""

    @cached_property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of its content, in hexadecimal."""
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        return sha256_file(self.content)

    def open(self) -> BinaryIO:
        """Its content, to be read."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


class Description(TypedDict):
    """The content of ``bundle.json``."""

    schema: str
    """The layout: ``fmnist.bundle/1``."""
    fmnist: str
    """Version of fmnist in the bundle."""
    run: str
    """Name of the run in it."""
    platform: str
    """System that it is for, such as ``linux-aarch64``."""
    python: str
    """Python that it is for, such as ``3.13``; where the platform is ``any``, the oldest."""
    formats: list[str]
    """Formats of the artifacts in it."""
    data: bool
    """Whether the test images are in it."""
    wheels: bool
    """Whether the packages that it needs are in it."""
    installed_bytes: int
    """Room that it takes when it is installed."""


@dataclass(frozen=True)
class Bundle:
    """A folder for a device."""

    name: str
    """What the folder is called, such as ``fashion-mnist-linux-aarch64-py313``."""
    target: Target
    """Where it can be installed."""
    files: tuple[BundleFile, ...]
    """All files by name, the manifest among them."""

    @property
    def version(self) -> str:
        """What tells its content from any other: the first digits of the manifest's SHA-256."""
        [sums] = (file for file in self.files if file.name == SUMS)
        return sums.sha256[:_VERSION_DIGITS]


def bundle_name(run: Run, target: Target) -> str:
    """What the bundle of a run is called."""
    end = f"-py{target.python.replace('.', '')}" if target.has_engines else ""
    return f"{_run_name(run)}-{target.platform}{end}"


def make_bundle(
    run: Run,
    target: Target,
    formats: Sequence[str],
    data: bool = True,
    wheels: bool = True,
    data_dir: Path | None = None,
) -> Bundle:
    """Gather all that a device needs. The same inputs give the same bytes.

    Args:
        run: A run with exported artifacts.
        target: Where the bundle is to be installed.
        formats: Those of its artifacts that are wanted; one that it has none of is left out.
        data: Whether the test images go along.
        wheels: Whether the wheels of all that is needed go along; else the device fetches them.
        data_dir: Folder that holds the data set, instead of the usual places.

    Raises:
        ResultError: The run has no such artifact, or is damaged.
        DatasetError: Its test images are missing, or others.
        DeviceError: A wheel cannot be had.
        MissingExtraError: There is no pip to fetch them with.
        OutputError: Their cache cannot be written.
    """
    artifacts = artifacts_for(run, target, formats)
    carried = {artifact.format for artifact in artifacts}
    home = f"runs/{_run_name(run)}"
    contents = run_files(run, artifacts, home)
    if data:
        contents |= test_files(run, data_dir)
    for name in contents:
        if not name.isprintable() or "\\" in name:  # sha256sum writes those in another way
            raise ResultError(f"{run.folder}: {name!r} cannot be bundled by that name; rename it")

    engines = [extra for extra in ENGINE_EXTRAS if extra in carried]
    pins = requirements([*engines, "images"] if target.has_engines else [], numpy=target.has_engines)
    fetched = fetch_wheels(pins, target) if wheels else []
    room = _ROOM + sum(map(installed_bytes, fetched))
    name, own = own_wheel()
    packages = [_file(f"wheels/{name}", own), *(_file(f"wheels/{path.name}", path) for path in fetched)]

    contents |= {
        "requirements.txt": _requirements(pins, packages),
        "README.md": Guide(bundle_name(run, target), target, artifacts, home, data, wheels, room).text(),
        "install.sh": files("fmnist.bundle").joinpath("install.sh").read_bytes(),
        DESCRIPTION: _description(run, target, carried, data, wheels, room),
    }
    named = [*packages, *(_file(name, content) for name, content in contents.items())]
    return Bundle(bundle_name(run, target), target, _summed(named))


def _run_name(run: Run) -> str:
    return run.folder.resolve().name


def _file(name: str, content: Path | bytes) -> BundleFile:
    return BundleFile(name, content, executable=name.endswith(".sh"))


def _description(
    run: Run, target: Target, formats: Iterable[str], data: bool, wheels: bool, room: int
) -> bytes:
    """The bundle in JSON. It says nothing of this machine, so that it is the same from any."""
    body: Description = {
        "schema": _SCHEMA,
        "fmnist": version("fmnist"),
        "run": _run_name(run),
        "platform": target.platform,
        "python": target.python,
        "formats": sorted(formats),
        "data": data,
        "wheels": wheels,
        "installed_bytes": room,
    }
    return (json.dumps(body, indent=1) + "\n").encode()


def _requirements(pins: Iterable[str], packages: Sequence[BundleFile]) -> bytes:
    """What is to be installed: each package by the wheel that goes along, else, by pip, by its version.

    pip asks for the digests of all, or of none. The first of the packages is our own; it is named by its
    path, as what has its name elsewhere need not be ours.
    """
    own, *others = packages
    if not others:
        return "".join(f"{line}\n" for line in (f"./{own.name}", *pins)).encode()
    return "".join(f"./{file.name} --hash=sha256:{file.sha256}\n" for file in packages).encode()


def _summed(named: Iterable[BundleFile]) -> tuple[BundleFile, ...]:
    """The files by name, and their manifest among them."""
    ordered = sorted(named, key=lambda file: file.name)
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in ordered)
    return tuple(sorted([*ordered, BundleFile(SUMS, sums.encode())], key=lambda file: file.name))


_FMNIST = ".venv/bin/fmnist"


@dataclass(frozen=True)
class Guide:
    """What there is to say of a bundle."""

    name: str
    """Its folder."""
    target: Target
    """Where it is to be installed."""
    artifacts: Sequence[ExportedFile]
    """What is in it to run."""
    home: str
    """Folder of the run in it."""
    data: bool
    """Whether it has test images."""
    wheels: bool
    """Whether it has all wheels."""
    room: int
    """Disk that it takes when it is installed, in bytes."""

    def text(self) -> bytes:
        """The README, in Markdown."""
        commands = self._commands()
        width = max(len(command) for command, _ in commands)
        lines = "\n".join(f"{command.ljust(width)}  # {what}" for command, what in commands)
        formats = ", ".join(dict.fromkeys(artifact.format for artifact in self.artifacts))
        return f"""# {self.name}

Artifacts of a run ({formats}) and fmnist {version("fmnist")}, to be installed on {self._machine()}.
In this folder, there:

```sh
{lines}
```

Everything stays in this folder: to be rid of it, delete it; after moving it, run `install.sh` again.
""".encode()

    def _machine(self) -> str:
        if self.target.has_engines:
            return f"{self.target.platform} with Python {self.target.python}"
        return f"any machine with Python {self.target.python} or newer and NumPy"

    def _commands(self) -> list[tuple[str, str]]:
        """What to type, and why."""
        model = next((item for item in self.artifacts if item.scheme == "int8"), self.artifacts[0])
        path = shlex.quote(f"{self.home}/export/{model.path.name}")
        where = "" if self.data else " --data-dir FOLDER"
        network = "without network" if self.wheels else "packages come from the network"
        commands = [
            ("sh install.sh", f"makes .venv, at most {self.room / 1e6:.0f} MB, {network}; ends with verify"),
            (f"{_FMNIST} verify", "do the artifacts answer here as where they were made?"),
            (f"{_FMNIST} eval{where}", "accuracy on the test images"),
            (f"{_FMNIST} parity{where}", "may they replace the original?"),
            (f"{_FMNIST} bench{where}", "how long does one image take here?"),
            (f"{_FMNIST} predict {path} photo.jpg", "what is on a photo"),
            (f"{_FMNIST} --help", "everything else"),
        ]
        if not self.target.has_engines:
            commands.insert(0, ("sudo apt install python3-numpy python3-pil", "unless they are there"))
        return commands
