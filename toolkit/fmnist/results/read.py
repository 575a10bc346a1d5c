"""JSON that may be a stranger's, taken apart piece by piece, each checked to be what it must be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")
_MOST = 10**18
"""More than anything that is measured here, whatever its unit."""


class DamageError(ValueError):
    """A part is missing or is not what it must be; the text says which, and what it is."""


@dataclass(frozen=True)
class Part:
    """A part of a document, which knows where it stands."""

    value: Any
    """What `json.loads` made of it."""
    place: str = ""
    """Where it stands, such as ``models[3].p99_us``; empty for the whole."""

    def __getitem__(self, key: str) -> Part:
        """What an object has under a key."""
        place = f"{self.place}.{key}" if self.place else key
        if not isinstance(self.value, dict):
            raise DamageError(f"{self.place or 'it'} is not an object")
        if key not in self.value:
            raise DamageError(f"{place} is missing")
        return Part(self.value[key], place)

    def entries(self) -> dict[str, Part]:
        """What an object has, by key."""
        if not isinstance(self.value, dict):
            raise DamageError(f"{self.place or 'it'} is not an object")
        return {key: self[key] for key in self.value}

    def items(self, least: int = 1) -> list[Part]:
        """The items of a list, which has so many at least."""
        if not isinstance(self.value, list):
            raise DamageError(f"{self.place} is not a list")
        if len(self.value) < least:
            raise DamageError(f"{self.place} is not a list with something in it")
        return [Part(item, f"{self.place}[{number}]") for number, item in enumerate(self.value)]

    def optional(self, read: Callable[[Part], _T]) -> _T | None:
        """What a function makes of the part; None where the part is null."""
        return None if self.value is None else read(self)

    def text(self) -> str:
        """A string."""
        if not isinstance(self.value, str):
            raise DamageError(f"{self.place} is not a text")
        return self.value

    def flag(self) -> bool:
        """Whether something is so."""
        if not isinstance(self.value, bool):
            raise DamageError(f"{self.place} is neither true nor false")
        return self.value

    def figure(self, least: float = 0) -> float:
        """Something that was measured: a number from 0, or from another."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise DamageError(f"{self.place} is not a number")
        if not least <= self.value <= _MOST:  # nor is NaN
            raise DamageError(f"{self.place} is not between {least:,} and {_MOST:,}")
        return float(self.value)

    def number(self) -> float:
        """A number of either sign; NaN, which JSON has not, where null stands for it."""
        return math.nan if self.value is None else self.figure(-_MOST)

    def whole(self, least: int = -_MOST, most: int = _MOST) -> int:
        """A whole number between two, which it may reach."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise DamageError(f"{self.place} is not a whole number")
        if not least <= self.value <= most:
            raise DamageError(f"{self.place} is not between {least:,} and {most:,}")
        return self.value
