"""Results as versioned JSON, with the environment they were measured in."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_runtime.files import FileKind, write_atomically
from fmnist_runtime.machine.environment import read_environment

_VERSIONS = {"parity": 4, "bench": 2}
"""Version of a kind's layout, where it is not the first."""
_STARTS = (
    b'{\n "schema": "fmnist.',
    b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites name=\"fmnist ",
    b"### Parity: ",
    b"### Bench: ",
    b"model,format,scheme,engine,runner,threads,batch,scenario,",
    b"### Compare: ",
    b"<!doctype html>\n<!-- fmnist.report/",
)
"""How every result begins, as JSON, JUnit XML, Markdown, CSV and HTML, which tells ours from others'."""
PICTURE_START = '<svg xmlns="http://www.w3.org/2000/svg" data-generator="fmnist"'
"""How every picture of ours begins."""
_RECORDS = tuple(f'{{\n "schema": "fmnist.{kind}/'.encode() for kind in ("train", "manifest", "bundle"))
"""How what is no result begins, but what a run or a bundle cannot do without."""
_NUMBERS = re.compile(r"\[[-+.\deE,\s]+\]")
"""A list of numbers, which is put on one line: thousands of samples are not read one by one."""


def schema(kind: str) -> str:
    """What a result says of its layout: ``fmnist.KIND/VERSION``."""
    return f"fmnist.{kind}/{_VERSIONS.get(kind, 1)}"


def to_json(kind: str, body: Mapping[str, Any]) -> str:
    """A result as JSON text.

    Args:
        kind: What it is of: ``train``, ``eval``, ``parity``, ``bench``, ``predict`` …
        body: Its content, as of its kind's layout; dataclasses, NumPy values and paths are taken apart.
    """
    document = {
        "schema": schema(kind),
        "environment": dataclasses.asdict(read_environment()),
        **body,
    }
    text = json.dumps(plain(document), indent=1, allow_nan=False)
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
    """The value in JSON's own types. NaN and infinity, which JSON has not, become null."""
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
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    return value
