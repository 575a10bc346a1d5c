"""Arrays with a header in JSON, in one ``.npz``: what reference.npz and files of scores are."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import require_file, write_atomically
from fmnist_runtime.safety.zip import open_archive

MAX_BYTES = 2**28
"""What a record may unfold to: 256 MB, a thousand scores each for 60,000 images."""
_HEADER = "header.npy"
"""The archive's entry that holds the header."""


@dataclass(frozen=True)
class Kind:
    """A kind of record, and how a user is told of it."""

    schema: str
    """What its header says of the layout: ``fmnist.KIND/VERSION``."""
    what: str
    """What it is, as in "a reference"."""
    origin: str
    """The file and what writes it, as in "a reference.npz, which fmnist train writes"."""
    remedy: str
    """What to do about a file that is damaged or of another version."""


def write_record(path: Path, kind: Kind, header: Mapping[str, Any], **arrays: NDArray[Any]) -> None:
    """Write a record atomically; the same bytes for the same content.

    Raises:
        OutputError: The file cannot be written.
    """
    buffer = io.BytesIO()
    text = json.dumps({"schema": kind.schema, **header})
    entries: dict[str, Any] = {"header": np.array(text), **arrays}
    np.savez_compressed(buffer, **entries)
    write_atomically(path, buffer.getvalue())


@contextmanager
def open_record(path: Path, kind: Kind) -> Iterator[tuple[dict[str, Any], Mapping[str, NDArray[Any]]]]:
    """Read a record as if a stranger had sent it; what the block finds wrong is told of in the same way.

    Yields:
        Its header without the schema, and its arrays, each of which is read when it is asked for.

    Raises:
        ResultError: The file is missing, damaged or something else.
    """
    require_file(path, kind.origin, ResultError)
    try:
        if _has_no_header(path):
            raise ResultError(f"{path}: is no record that fmnist wrote; give the path of {kind.origin}")
        with _opened(path) as (header, arrays):
            schema = str(header.pop("schema"))
            if schema.partition("/")[0] != kind.schema.partition("/")[0]:
                raise ValueError(f"it is {schema}")
            if schema != kind.schema:
                raise ResultError(f"{path}: is of another version, this reads {kind.schema}; {kind.remedy}")
            yield header, arrays
    except ResultError:
        raise
    except Exception as error:  # what crafted files make NumPy and zipfile raise has no common base
        raise ResultError(f"{path}: not {kind.what} that fmnist wrote ({error}); {kind.remedy}") from error


def schema_of(path: Path) -> str:
    """The schema that a record's header says; empty for any other file, and where there is none."""
    try:
        if path.is_file():  # opening a pipe could wait for ever
            with _opened(path) as (header, _):
                return str(header["schema"])
    except Exception:  # as above
        pass
    return ""


def _has_no_header(path: Path) -> bool:
    """Whether a file is an archive of something else, such as a model in .keras, .npz or .tflite."""
    with open_archive(path) as archive:
        return _HEADER not in archive.namelist()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[dict[str, Any], Mapping[str, NDArray[Any]]]]:
    open_archive(path, MAX_BYTES).close()
    with np.load(path, allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].item())
        if not isinstance(header, dict):
            raise ValueError("its header is no object")
        yield header, arrays
