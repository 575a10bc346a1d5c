"""Layouts of results, read from the code: dataclasses and TypedDicts with a docstring under each field."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from fmnist.results.write import OPTIONAL


@dataclass(frozen=True)
class Field:
    """A field of a layout."""

    name: str
    """Its key."""
    type: Any
    """Its type."""
    text: str
    """What it is, as its docstring says, in Markdown and in JSON's words."""
    required: bool
    """Whether it is always there."""


def is_layout(hint: Any) -> bool:
    """Whether a type has fields of its own."""
    return is_typeddict(hint) or (isinstance(hint, type) and is_dataclass(hint))


@cache
def fields_of(layout: type) -> tuple[Field, ...]:
    """The fields of a layout in their order, those of what it is based on included.

    Raises:
        ValueError: One of them has no docstring.
    """
    hints = get_type_hints(layout, include_extras=True)
    texts = _docstrings(layout)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    names = list(hints)
    if is_dataclass(layout):
        names = [field.name for field in fields(layout)]
        optional = {field.name for field in fields(layout) if field.metadata == OPTIONAL}
        for name in getattr(layout, "written_properties", ()):
            read = getattr(layout, name)
            names.append(name)
            hints[name], texts[name] = get_type_hints(read.fget)["return"], in_json_words(read.__doc__)
    missing = [name for name in names if name not in texts]
    if missing:
        raise ValueError(f"{layout.__qualname__}: no docstring under {', '.join(missing)}")
    return tuple(
        Field(name, _present(hints[name], name in optional), texts[name], name not in optional)
        for name in names
    )


def _present(hint: Any, optional: bool) -> Any:
    """Return the type of a field where it is there: an optional one is then not None."""
    parts = get_args(hint)
    if get_origin(hint) is NotRequired:
        return parts[0]
    if optional:
        [hint] = (part for part in parts if part is not type(None))
    return hint


def text_of(layout: type) -> str:
    """The first paragraph of a layout's docstring."""
    return in_json_words((layout.__doc__ or "").partition("\n\n")[0])


def in_json_words(docstring: str) -> str:
    """A docstring as Markdown, of one line, that says null for None."""
    line = " ".join(docstring.split()).replace("``", "`")
    return re.sub(r"(?<![\w`])None(?![\w`])", "`null`", line)


def _docstrings(layout: type) -> dict[str, str]:
    """What stands under each field; a class's own before those of its bases, and of these the first."""
    [node] = ast.parse(inspect.getsource(layout)).body
    assert isinstance(node, ast.ClassDef)
    known = vars(sys.modules[layout.__module__])
    texts: dict[str, str] = {}
    for base in reversed(node.bases):  # a TypedDict does not know its own any more
        found = known.get(base.id) if isinstance(base, ast.Name) else None
        if found is not None and is_layout(found):
            texts |= _docstrings(found)
    for field, below in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            texts[field.target.id] = in_json_words(str(below.value.value))
    return texts
