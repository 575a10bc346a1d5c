"""A static program of a C model: raw pixels in, class and probability out. It needs nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fmnist.bundle.run_files import ExportedFile
from fmnist.devices.emulation.targets import PROGRAMS, CheckedModel
from fmnist.text.tables import size
from fmnist_runtime.files import FORCE_OR_OUT, NOT_OURS, Draft, FileKind, require_writable
from fmnist_runtime.native.source import read_c

_SOURCE = Path(__file__).parent / "program.c"
_MARK = b"the golden images get other probabilities here; export the model again"
"""Text in every program."""


def _is_ours(path: Path) -> bool:
    return path.is_file() and _MARK in path.read_bytes()


_PROGRAM = FileKind(_is_ours, NOT_OURS, FORCE_OR_OUT)


def write_program(artifacts: list[ExportedFile], machine: str, out: Path | None, force: bool) -> str:
    """Compile the int8 artifact, or else the first, and return what to tell the user.

    Raises:
        OutputError: A file is in the way.
        MissingExtraError: ziglang is not installed.
        ModelError: The artifact cannot be compiled.
    """
    artifact = next((item for item in artifacts if item.scheme == "int8"), artifacts[0])
    place = out or Path(f"classify-{machine}")
    require_writable(place, _PROGRAM, force)
    content = artifact.path.read_bytes()
    network = read_c(content, artifact.path)
    target = PROGRAMS[machine]
    target.require_compiler()
    with Draft(place) as draft, tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
        built = target.build(CheckedModel(artifact.path, network.name, content), Path(folder), _SOURCE)
        draft.write(built.read_bytes())
        draft.path.chmod(0o755)
        draft.rename(place)
    return (
        f"{place}: {artifact.path.name} as a program for {machine}, {size(place.stat().st_size)}; it needs "
        f"no other file, and reads images of {network.image.elements} bytes from standard input"
    )
