"""A bundle: named files, with a manifest of their digests, which the device checks, and a README."""

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
from typing import BinaryIO

from fmnist.bundle.run_files import ExportedFile, artifacts_for, libraries, run_files, test_files
from fmnist.bundle.wheels import fetch_wheels, installed_bytes, own_wheel
from fmnist.devices.targets import ENGINE_EXTRAS, Target, requirements
from fmnist.results.write import plain
from fmnist.runs.run import Run
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import sha256_file

SUMS = "SHA256SUMS"
"""The manifest, as coreutils' ``sha256sum`` writes and checks it."""
DESCRIPTION = "bundle.json"
"""A description of the bundle, which ``install.sh`` reads."""
DESCRIPTION_MARK = b'"schema": "fmnist.bundle/'
"""Text that is in the description of every version of fmnist, and in no other file."""
_SCHEMA = "fmnist.bundle/1"
_ROOM = 32_000_000
"""Bytes of an installation without other packages' wheels: our own, and Python's byte code."""
_VERSION_DIGITS = 12


@dataclass(frozen=True)
class BundleFile:
    """One file of a bundle."""

    name: str
    """Its path in the bundle, with ``/``."""
    content: Path | bytes
    """Its content, or the file to copy it from."""
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
        """Open its content for reading."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


@dataclass(frozen=True)
class BundleDescription:
    """What a bundle is for: the content of ``bundle.json``, which does not depend on this machine."""

    schema: str
    """The layout: ``fmnist.bundle/1``."""
    fmnist: str
    """Version of fmnist in the bundle."""
    run: str
    """Name of the run in it."""
    platform: str
    """Target platform, such as ``linux-aarch64``."""
    python: str
    """Target Python, such as ``3.13``; the oldest one for the platform ``any``."""
    formats: list[str]
    """Formats of the artifacts in it."""
    data: bool
    """Whether the test images are in it."""
    wheels: bool
    """Whether the packages that it needs are in it."""
    installed_bytes: int
    """Disk space that it needs when it is installed."""


@dataclass(frozen=True)
class Bundle:
    """A folder for a device."""

    name: str
    """Name of the folder, such as ``fashion-mnist-linux-aarch64-py313``."""
    target: Target
    """Where it can be installed."""
    files: tuple[BundleFile, ...]
    """All files in the order of their names, including the manifest."""
    installed_bytes: int
    """Disk space that it needs when it is installed, without its files."""

    @property
    def version(self) -> str:
        """An identifier of its content: the first digits of the manifest's SHA-256."""
        [sums] = (file for file in self.files if file.name == SUMS)
        return sums.sha256[:_VERSION_DIGITS]


def bundle_name(run: Run, target: Target) -> str:
    """Return the name of a run's bundle."""
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
    """Collect everything that a device needs. The same inputs give the same bytes.

    Formats without artifacts are skipped. ``data`` includes the test images, ``wheels`` those of all
    packages, which else the device downloads.

    Raises:
        ResultError: The run has no such artifact, or is damaged.
        DatasetError: Its test images are missing, or not the ones of the run.
        DeviceError: A wheel cannot be downloaded.
        MissingExtraError: pip is missing, or for C artifacts ziglang.
        OutputError: The cache of wheels cannot be written.
    """
    artifacts = artifacts_for(run, target, formats)
    carried = {artifact.format for artifact in artifacts}
    home = f"runs/{_run_name(run)}"
    contents = run_files(run, artifacts, home) | libraries(artifacts, target)
    if data:
        contents |= test_files(run, data_dir)
    for name in contents:
        if not name.isprintable() or "\\" in name:  # sha256sum escapes such names
            raise ResultError(f"{run.folder}: {name!r} cannot be bundled under that name; rename it")

    engines = [extra for extra in ENGINE_EXTRAS if extra in carried]
    pins = requirements([*engines, "images"] if target.has_engines else [], numpy=target.has_engines)
    fetched = fetch_wheels(pins, target) if wheels else []
    description = BundleDescription(
        schema=_SCHEMA,
        fmnist=version("fmnist"),
        run=_run_name(run),
        platform=target.platform,
        python=target.python,
        formats=sorted(carried),
        data=data,
        wheels=wheels,
        installed_bytes=_ROOM + sum(map(installed_bytes, fetched)),
    )
    name, own = own_wheel()
    packages = [_file(f"wheels/{name}", own), *(_file(f"wheels/{path.name}", path) for path in fetched)]

    contents |= {
        "requirements.txt": _requirements(pins, packages),
        "README.md": _guide(bundle_name(run, target), target, artifacts, description).encode(),
        "install.sh": files("fmnist.bundle").joinpath("install.sh").read_bytes(),
        DESCRIPTION: (json.dumps(plain(description), indent=1) + "\n").encode(),
    }
    named = [*packages, *(_file(name, content) for name, content in contents.items())]
    return Bundle(bundle_name(run, target), target, _summed(named), description.installed_bytes)


def _run_name(run: Run) -> str:
    return run.folder.resolve().name


def _file(name: str, content: Path | bytes) -> BundleFile:
    return BundleFile(name, content, executable=name.endswith(".sh"))


def _requirements(pins: Iterable[str], packages: Sequence[BundleFile]) -> bytes:
    """Return the requirements file: wheels of the bundle, or pinned versions that pip downloads.

    pip needs the digests of all packages, or of none. The first package is our own; it is listed by its path,
    as another package index may have a different one of its name.
    """
    own, *others = packages
    if not others:
        return "".join(f"{line}\n" for line in (f"./{own.name}", *pins)).encode()
    return "".join(f"./{file.name} --hash=sha256:{file.sha256}\n" for file in packages).encode()


def _summed(named: Iterable[BundleFile]) -> tuple[BundleFile, ...]:
    """Return the files in the order of their names, with their manifest."""
    ordered = sorted(named, key=lambda file: file.name)
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in ordered)
    return tuple(sorted([*ordered, BundleFile(SUMS, sums.encode())], key=lambda file: file.name))


_FMNIST = ".venv/bin/fmnist"


def _guide(
    name: str, target: Target, artifacts: Sequence[ExportedFile], description: BundleDescription
) -> str:
    """Return a bundle's README in Markdown, with the commands to type on the device."""
    commands = _commands(target, artifacts, description)
    width = max(len(command) for command, _ in commands)
    lines = "\n".join(f"{command.ljust(width)}  # {what}" for command, what in commands)
    formats = ", ".join(dict.fromkeys(artifact.format for artifact in artifacts))
    machine = f"{target.platform} with Python {target.python}"
    if not target.has_engines:
        machine = f"any machine with Python {target.python} or newer and NumPy"
    return f"""# {name}

Artifacts of a run ({formats}) and fmnist {description.fmnist}, to be installed on {machine}.
In this folder, there:

```sh
{lines}
```

Everything stays in this folder: to be rid of it, delete it; after moving it, run `install.sh` again.
"""


def _commands(
    target: Target, artifacts: Sequence[ExportedFile], description: BundleDescription
) -> list[tuple[str, str]]:
    """Return the commands, and what each does."""
    model = next((item for item in artifacts if item.scheme == "int8"), artifacts[0])
    path = shlex.quote(f"runs/{description.run}/export/{model.path.name}")
    where = "" if description.data else " --data-dir FOLDER"
    network = "without network" if description.wheels else "packages come from the network"
    room = f"at most {description.installed_bytes / 1e6:.0f} MB"
    commands = [
        ("sh install.sh", f"makes .venv, {room}, {network}; ends with verify"),
        (f"{_FMNIST} verify", "do the artifacts answer here as where they were made?"),
        (f"{_FMNIST} eval{where}", "accuracy on the test images"),
        (f"{_FMNIST} parity{where}", "may they replace the original?"),
        (f"{_FMNIST} bench{where}", "how long does one image take here?"),
        (f"{_FMNIST} predict {path} photo.jpg", "what is on a photo"),
        (f"{_FMNIST} --help", "everything else"),
    ]
    if not target.has_engines:
        commands.insert(0, ("sudo apt install python3-numpy python3-pil", "unless they are there"))
    return commands
