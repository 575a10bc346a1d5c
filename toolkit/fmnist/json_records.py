"""Results read back from JSON as the dataclasses they were written from, each field checked by its type."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from fmnist.json_part import DamageError, Part

_T = TypeVar("_T")
_MOST = 10.0**18
"""More than anything that is measured here, whatever its unit."""


def read_record(kind: type[_T], part: Part) -> _T:
    """What `fmnist.results.to_json` made of a dataclass, as that dataclass again.

    Args:
        kind: A dataclass of texts, numbers, None, dataclasses, and tuples, arrays and dictionaries of these.
        part: The JSON object; what is in it besides is passed over.

    Raises:
        DamageError: A field is missing or is not what it must be.
    """
    hints = get_type_hints(kind)
    fields = dataclasses.fields(cast(Any, kind))
    return kind(**{field.name: _read(hints[field.name], part[field.name]) for field in fields})


def _read(hint: Any, part: Part) -> Any:
    simple: dict[Any, Callable[[Part], Any]] = {
        str: Part.text,
        int: lambda found: found.whole(-int(_MOST)),
        float: _number,
        bool: _flag,
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
        return tuple(_read(arguments[0], item) for item in _items(part))
    if origin is np.ndarray:
        return np.asarray(_array(part))
    if origin is dict:
        return {key: _read(arguments[1], item) for key, item in part.entries().items()}
    raise TypeError(f"no result has a {hint}")


def _array(part: Part) -> Any:
    """Numbers in lists in lists, as deep as the array has dimensions."""
    return [_array(item) for item in _items(part)] if isinstance(part.value, list) else _number(part)


def _items(part: Part) -> list[Part]:
    return [] if part.value == [] else part.items()


def _number(part: Part) -> float:
    """A number; null stands for NaN, which JSON has not."""
    if part.value is None:
        return math.nan
    if not isinstance(part.value, int | float) or isinstance(part.value, bool):
        raise DamageError(f"{part.place} is not a number")
    if not -_MOST <= part.value <= _MOST:  # nor is NaN
        raise DamageError(f"{part.place} is not between {-_MOST:g} and {_MOST:g}")
    return float(part.value)


def _flag(part: Part) -> bool:
    if not isinstance(part.value, bool):
        raise DamageError(f"{part.place} is neither true nor false")
    return part.value
