"""Reading JSON results, which anyone may have sent: one reader, whose schema is a dataclass's type hints.

It is our own, and small, because ``compare``, ``bench --assert`` and ``deploy`` read results with a device's
dependencies alone: msgspec has no wheel for 32-bit Raspberry Pi OS, and NumPy arrays and the null that stands
for NaN would need hooks in any library. A field with a default may be missing from the JSON. Fields that the
dataclass does not have are ignored, so that a later version may add some.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
from numpy.typing import NDArray

from fmnist.results.write import schema
from fmnist_runtime.errors import ResultError
from fmnist_runtime.files import read_file

_T = TypeVar("_T")
_MOST = 10**18
"""More than any measured number, in any unit."""
_SCHEMA = re.compile(r"fmnist\.([a-z-]+)/([0-9]{1,9})")


class Bounds(NamedTuple):
    """Limits of a number, both included; an annotation of its type."""

    least: float = -_MOST
    """The smallest that is allowed."""
    most: float = _MOST
    """The largest that is allowed."""


Count = Annotated[int, Bounds(0)]
Amount = Annotated[float, Bounds(0)]
MaybeNaN = Annotated[float, "NaN"]
"""A number that may be NaN, for which JSON has null. The runtime does not know this name, only its value."""


class DamageError(ValueError):
    """A part of a document is missing or of the wrong type; the message names the part."""


@dataclass(frozen=True)
class Part:
    """A value in a JSON document, with its place."""

    value: Any
    """What `json.loads` returned for it."""
    place: str = ""
    """Its place, such as ``models[3].p99_us``; empty for the whole document."""

    def __getitem__(self, key: str) -> Part:
        """Return the value that an object has for a key."""
        found, place = self.object(), f"{self.place}.{key}" if self.place else key
        if key not in found:
            raise DamageError(f"{place} is missing")
        return Part(found[key], place)

    def object(self) -> dict[str, Any]:
        """Return an object as it is, with unchecked values."""
        if not isinstance(self.value, dict):
            raise DamageError(f"{self.place or 'it'} is not an object")
        return self.value

    def entries(self) -> dict[str, Part]:
        """Return the values of an object, by key."""
        return {key: self[key] for key in self.object()}

    def items(self, least: int = 1) -> list[Part]:
        """Return the items of a list that has at least so many."""
        if not isinstance(self.value, list):
            raise DamageError(f"{self.place} is not a list")
        if len(self.value) < least:
            raise DamageError(f"{self.place} is an empty list")
        return [Part(item, f"{self.place}[{number}]") for number, item in enumerate(self.value)]

    def optional(self, read: Callable[[Part], _T]) -> _T | None:
        """Return the result of a function on this part, or None for null."""
        return None if self.value is None else read(self)

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise DamageError(f"{self.place} is not a string")
        return self.value

    def flag(self) -> bool:
        """Return a boolean."""
        if not isinstance(self.value, bool):
            raise DamageError(f"{self.place} is neither true nor false")
        return self.value

    def number(self, least: float = -_MOST, most: float = _MOST) -> float:
        """Return a finite number within bounds."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise DamageError(f"{self.place} is not a number")
        return float(self._bounded(least, most))

    def whole(self, least: float = -_MOST, most: float = _MOST) -> int:
        """Return an integer within bounds."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise DamageError(f"{self.place} is not an integer")
        return int(self._bounded(least, most))

    def _bounded(self, least: float, most: float) -> Any:
        if not least <= self.value <= most:  # nor is NaN
            raise DamageError(f"{self.place} is not between {least:,} and {most:,}")
        return self.value


def read_record(kind: type[_T], part: Part) -> _T:
    """Read a dataclass from the JSON object that `fmnist.results.write.to_json` made of it.

    The dataclass has strings, numbers, None, paths, dataclasses, and lists, tuples, arrays and dictionaries
    of these. A number in it is finite, unless it is a `MaybeNaN`.

    Raises:
        DamageError: A field is missing or not of its type, or the dataclass refuses its values.
    """
    present = part.object()
    values = {
        name: _read(hint, part[name])
        for name, hint, has_default in _fields(cast(Any, kind))
        if not has_default or name in present
    }
    try:
        return kind(**values)
    except ValueError as error:  # from the dataclass's own checks
        raise DamageError(f"{part.place or 'it'} is invalid: {error}") from error


@cache
def _fields(kind: Any) -> list[tuple[str, Any, bool]]:
    """Return name, type, and whether there is a default, of each field."""
    hints = get_type_hints(kind, include_extras=True)
    missing = dataclasses.MISSING
    return [
        (field.name, hints[field.name], (field.default, field.default_factory) != (missing, missing))
        for field in dataclasses.fields(kind)
    ]


_SIMPLE: dict[Any, Callable[[Part], Any]] = {
    str: Part.text,
    int: Part.whole,
    float: Part.number,
    bool: Part.flag,
    Path: lambda part: Path(part.text()),
    Any: lambda part: part.value,
}


def _read(hint: Any, part: Part) -> Any:
    if hint in _SIMPLE:
        return _SIMPLE[hint](part)
    if dataclasses.is_dataclass(hint):
        return read_record(hint, part)  # type: ignore[arg-type]  # a class, not an instance
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1], part)
    if origin in (Union, UnionType):
        [wanted] = (argument for argument in arguments if argument is not NoneType)
        return part.optional(lambda found: _read(wanted, found))
    if origin is Literal:
        if not any(part.value == value and type(part.value) is type(value) for value in arguments):
            raise DamageError(f"{part.place} is not one of {', '.join(map(str, arguments))}")
        return part.value
    if origin is tuple and arguments[-1] is not Ellipsis:
        items = part.items(0)
        if len(items) != len(arguments):
            raise DamageError(f"{part.place} is not a list of {len(arguments)}")
        return tuple(_read(argument, item) for argument, item in zip(arguments, items, strict=True))
    if origin in (tuple, list):
        return origin(_read(arguments[0], item) for item in part.items(0))
    if origin is np.ndarray:
        return _array(get_args(arguments[1])[0], Bounds(), part)
    if origin is dict:
        return {key: _read(arguments[1], item) for key, item in part.entries().items()}
    raise TypeError(f"the reader does not know {hint}")


def _annotated(hint: Any, mark: Any, part: Part) -> Any:
    if get_origin(hint) is np.ndarray:
        return _array(get_args(get_args(hint)[1])[0], mark, part)
    if isinstance(mark, Bounds):
        return part.whole(*mark) if hint is int else part.number(*mark)
    return math.nan if part.value is None else _read(hint, part)


def _array(scalar: type[np.generic], bounds: Bounds, part: Part) -> NDArray[Any]:
    """Read numbers in nested lists, as deep as the array has dimensions; null is NaN among floats."""
    whole, found = issubclass(scalar, np.integer), part.value
    if not isinstance(found, list):
        raise DamageError(f"{part.place} is not a list")
    if (
        found
        and {*map(type, found)} <= ({int} if whole else {int, float})
        and bounds.least <= min(found)
        and max(found) <= bounds.most
        and not math.isnan(sum(found))
    ):
        return np.array(found, scalar)  # faster than item by item: there may be a million

    def read(item: Part) -> float:
        if whole:
            return item.whole(*bounds)
        return math.nan if item.value is None else item.number(*bounds)

    try:
        return np.array(_nested(read, part), scalar)
    except DamageError:
        raise
    except (ValueError, TypeError) as error:  # lists of different lengths or depths
        raise DamageError(f"{part.place} is not an array") from error


def _nested(read: Callable[[Part], Any], part: Part) -> Any:
    return [_nested(read, item) for item in part.items(0)] if isinstance(part.value, list) else read(part)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ResultError: The file is missing or not a JSON object.
    """
    wanted = "a result in JSON"
    try:
        record = json.loads(read_file(path, wanted, ResultError))
    except (ValueError, RecursionError) as error:  # the last: of lists in lists in lists
        reason = f"is damaged ({error}), or was never JSON"
        raise ResultError(f"{path}: {reason}; give the path of {wanted}") from error
    if not isinstance(record, dict):
        raise ResultError(f"{path}: is not a JSON object; give the path of {wanted}")
    return record


def read_result(path: Path, kind: str, remedy: str) -> Part:
    """Read a JSON result of a verb, of the version that this fmnist writes.

    The remedy is what the user can do about a file that cannot be read.

    Raises:
        ResultError: The file is missing, not JSON, or of another kind or version.
    """
    try:
        record = read_json(path)
    except ResultError as error:
        reason, advice, _ = str(error).partition("; give the path")
        raise ResultError(f"{reason}; {remedy}" if advice else reason) from error
    found, ours = record.get("schema"), schema(kind)
    match = _SCHEMA.fullmatch(found) if isinstance(found, str) else None
    if not match:
        raise ResultError(f"{path}: is not a result of fmnist {kind}; {remedy}")
    if match[1] != kind:
        raise ResultError(f"{path}: is {found}, not a result of fmnist {kind}; {remedy}")
    if found != ours:
        newer = int(match[2]) > int(ours.rpartition("/")[2])
        raise ResultError(
            f"{path}: is {found}, this fmnist reads {ours}; {'update fmnist' if newer else remedy}"
        )
    return Part(record)
