"""Results as versioned JSON, with the environment they were measured in."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_runtime.environment import read_environment
from fmnist_runtime.files import write_atomically


def to_json(kind: str, body: dict[str, Any], version: int = 1) -> str:
    """A result as JSON text.

    Args:
        kind: What it is of: ``train``, ``eval``, ``parity``, ``bench``, ``predict`` …
        body: Its content; dataclasses, NumPy values and paths are taken apart.
        version: Version of the content's layout.
    """
    document = {
        "schema": f"fmnist.{kind}/{version}",
        "environment": dataclasses.asdict(read_environment()),
        **body,
    }
    return json.dumps(_plain(document), indent=1, allow_nan=False) + "\n"


def write_result(path: Path, text: str) -> None:
    """Write a result atomically; the path ``-`` is standard output.

    Raises:
        OutputError: The file cannot be written.
    """
    if str(path) == "-":
        print(text, end="")
    else:
        write_atomically(path, text.encode())


def _plain(value: Any) -> Any:
    """The value in JSON's own types. NaN, which JSON has not, becomes null."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case np.ndarray():
            return _plain(value.tolist())
        case np.generic():
            return _plain(value.item())
        case float() if value != value:
            return None
        case Path():
            return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    return value
