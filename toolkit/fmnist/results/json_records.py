"""Results read back from JSON as the dataclasses they were written from, each field checked by its type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from fmnist.results.read import DamageError, Part

_T = TypeVar("_T")


def read_record(kind: type[_T], part: Part) -> _T:
    """What `fmnist.results.write.to_json` made of a dataclass, as that dataclass again.

    Args:
        kind: A dataclass of texts, numbers, None, dataclasses, and tuples, arrays and dictionaries of these.
        part: The JSON object; what is in it besides is passed over.

    Raises:
        DamageError: A field is missing or is not what it must be, or the dataclass refuses them.
    """
    hints = get_type_hints(kind)
    fields = dataclasses.fields(cast(Any, kind))
    values = {field.name: _read(hints[field.name], part[field.name]) for field in fields}
    try:
        return kind(**values)
    except ValueError as error:  # a dataclass may know more of its fields than their types
        raise DamageError(f"{part.place or 'it'} cannot be: {error}") from error


def _read(hint: Any, part: Part) -> Any:
    simple: dict[Any, Callable[[Part], Any]] = {
        str: Part.text,
        int: Part.whole,
        float: Part.number,
        bool: Part.flag,
    }
    if hint in simple:
        return simple[hint](part)
    if dataclasses.is_dataclass(hint):
        return read_record(cast(type, hint), part)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        [wanted] = (argument for argument in arguments if argument is not NoneType)
        return part.optional(lambda found: _read(wanted, found))
    if origin is tuple:  # of any length, all of one kind
        return tuple(_read(arguments[0], item) for item in part.items(0))
    if origin is np.ndarray:
        [kind] = get_args(arguments[1])
        return _array(kind, part)
    if origin is dict:
        return {key: _read(arguments[1], item) for key, item in part.entries().items()}
    raise TypeError(f"no result has a {hint}")


def _array(kind: type[np.generic], part: Part) -> NDArray[Any]:
    """Numbers in lists in lists, as deep as the array has dimensions."""
    numbers = _nested(Part.whole if issubclass(kind, np.integer) else Part.number, part)
    try:
        return np.array(numbers, kind)
    except (ValueError, TypeError) as error:  # NumPy refuses lists of different lengths or depths
        raise DamageError(f"{part.place} is not an array") from error


def _nested(read: Callable[[Part], Any], part: Part) -> Any:
    return [_nested(read, item) for item in part.items(0)] if isinstance(part.value, list) else read(part)
