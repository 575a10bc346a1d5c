"""Writing results: any dataclass as versioned JSON, with the environment it was measured in."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_runtime.files import FileKind, write_atomically
from fmnist_runtime.machine.environment import read_environment

_VERSIONS = {"parity": 4, "bench": 2}
"""Version of a kind's layout, if it is not 1."""
_STARTS = (
    b'{\n "schema": "fmnist.',
    b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites name=\"fmnist ",
    b"### Parity: ",
    b"### Bench: ",
    b"model,format,scheme,engine,runner,threads,batch,scenario,",
    b"### Compare: ",
    b"<!doctype html>\n<!-- fmnist.report/",
)
"""The first bytes of every result of ours: JSON, JUnit XML, Markdown, CSV and HTML."""
PICTURE_START = '<svg xmlns="http://www.w3.org/2000/svg" data-generator="fmnist"'
"""The first bytes of every picture of ours."""
_RECORDS = tuple(f'{{\n "schema": "fmnist.{kind}/'.encode() for kind in ("train", "manifest", "bundle"))
"""The first bytes of files that a run or a bundle needs, which no result replaces."""
_NUMBERS = re.compile(r"\[[-+.\deE,\s]+\]")
"""A list of numbers, which is written on one line: it may have thousands."""


OPTIONAL = {"optional": True}
"""Metadata of a dataclass field that is left out of the JSON where it is None."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a result in a run directory. If any changes, `fmnist run` makes the result again."""

    packages: dict[str, str]
    """Versions of our package and of the installed engines."""
    threads: int
    """Threads one inference may use."""
    reference: str
    """SHA-256 of the run's ``reference.npz``."""
    artifacts: dict[str, str]
    """SHA-256 of each artifact, by the name of its file."""


@dataclass(frozen=True)
class Kept:
    """A result that `fmnist run` keeps in the run directory."""

    inputs: Inputs | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """What it was made from; there in what `fmnist run` wrote, and nowhere else."""


def schema(kind: str) -> str:
    """Return a kind's schema name: ``fmnist.KIND/VERSION``."""
    return f"fmnist.{kind}/{_VERSIONS.get(kind, 1)}"


def to_json(kind: str, body: Any) -> str:
    """Return a result, a dataclass or a dictionary, as JSON text; see `plain`.

    The kind is the verb that made it: ``train``, ``eval``, ``parity``, ``bench``, ``predict`` …
    """
    document = {"schema": schema(kind), "environment": plain(read_environment()), **plain(body)}
    text = json.dumps(document, indent=1, allow_nan=False)
    return _NUMBERS.sub(lambda match: " ".join(match[0].split()), text) + "\n"


def _is_result(path: Path) -> bool:
    """Whether a file begins as a result does; a pipe or device, such as ``/dev/stdout``, takes any."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        start = file.read(max(map(len, (*_STARTS, *_RECORDS))))
    return start.startswith(_STARTS) and not start.startswith(_RECORDS)


RESULT = FileKind(_is_result, "exists and is not a result of fmnist")
"""A result, but not what a run or a bundle cannot do without."""


def _is_picture(path: Path) -> bool:
    """Return whether a file begins as our pictures do; a pipe or device takes any."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        return file.read(len(PICTURE_START)) == PICTURE_START.encode()


PICTURE = FileKind(
    _is_picture,
    "exists and is not a picture of fmnist",
    "choose another name, or --force",
    suffixes=(".svg",),
    naming="pictures are SVG files",
)
"""A picture of ours."""


def write_result(path: Path, text: str) -> None:
    """Write a result atomically; the path ``-`` is standard output.

    Raises:
        OutputError: The file cannot be written.
    """
    if str(path) == "-":
        print(text, end="")
    else:
        write_atomically(path, text.encode())


def plain(value: Any) -> Any:
    """Return a value in JSON's own types.

    A dataclass becomes an object of its fields and of the properties in its ``written_properties``. NaN and
    infinity become null, NumPy values numbers and lists, paths strings.
    """
    match value:
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case np.ndarray():
            return plain(value.tolist())
        case np.generic():
            return plain(value.item())
        case float() if not math.isfinite(value):
            return None
        case Path():
            return str(value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    names = [
        each.name
        for each in dataclasses.fields(value)
        if each.metadata != OPTIONAL or getattr(value, each.name) is not None
    ]
    names += getattr(value, "written_properties", ())
    return {name: plain(getattr(value, name)) for name in names}
