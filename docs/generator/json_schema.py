"""Layouts as JSON Schema, draft 2020-12 (https://json-schema.org/draft/2020-12)."""

from __future__ import annotations

import collections.abc
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from kinds import Kind
from layouts import fields_of, is_layout, text_of

from fmnist_runtime.machine.environment import Environment

Schema = dict[str, Any]
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    Path: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    Any: {},
}
_LISTS = (list, tuple, collections.abc.Sequence)
_NOT_FINITE = re.compile(r"\b(NaN|infinit[ey])\b")
"""In the docstring of a number that may be either, which JSON has not: null stands there."""
_DIMENSIONS = re.compile(r"`\[([\w, ]+)\]`")
"""In the docstring of an array: its shape."""


def document_schema(kind: Kind) -> Schema:
    """The schema of a kind of result, with all that is in it."""
    definitions: dict[str, Schema] = {}
    body = _properties(kind.layout, definitions)
    properties: Schema = {"schema": {"const": kind.schema, "description": "The layout and its version."}}
    if kind.measured:
        where = _schema(Environment, "", definitions)
        properties["environment"] = {**where, "description": text_of(Environment)}
    properties |= {name: part for name, part in body["properties"].items() if name != "schema"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{kind.schema.replace('/', ':').replace('fmnist.', 'fmnist:')}",
        "title": kind.schema,
        "description": kind.text,
        **body,
        "required": list(dict.fromkeys([*properties][: 1 + kind.measured] + body["required"])),
        "properties": properties,
        "$defs": dict(sorted(definitions.items())),
    }


def _properties(layout: type, definitions: dict[str, Schema]) -> Schema:
    """An object with the fields of a layout. One that has others, too, fits as well: see results.md."""
    found = fields_of(layout)
    return {
        "type": "object",
        "required": [field.name for field in found if field.required],
        "properties": {
            field.name: {**_schema(field.type, field.text, definitions), "description": field.text}
            for field in found
        },
    }


def _schema(type: Any, text: str, definitions: dict[str, Schema]) -> Schema:
    """What a value of a type looks like.

    Args:
        type: The type.
        text: The docstring of the field that it is of.
        definitions: The layouts that were met so far, by name.
    """
    if type is float and _NOT_FINITE.search(text):
        return {"type": ["number", "null"]}
    if type in _PLAIN:
        return dict(_PLAIN[type])
    if is_layout(type):
        if type.__name__ not in definitions:
            definitions[type.__name__] = {}  # so that one within itself ends here
            definitions[type.__name__] = {"description": text_of(type), **_properties(type, definitions)}
        return {"$ref": f"#/$defs/{type.__name__}"}
    origin, parts = get_origin(type), get_args(type)
    if origin is Annotated:  # with bounds, which the schema leaves to the reader
        return {"type": ["number", "null"]} if parts[1] == "NaN" else _schema(parts[0], text, definitions)
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (Union, types.UnionType):
        return _union([_schema(part, text, definitions) for part in parts])
    if origin in (dict, collections.abc.Mapping):
        return {"type": "object", "additionalProperties": _schema(parts[1], "", definitions)}
    if origin is np.ndarray:
        return _array(get_args(parts[1])[0], text)
    if origin is tuple and parts[-1] is not Ellipsis:
        items = [_schema(part, text, definitions) for part in parts]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if origin in _LISTS:
        return {"type": "array", "items": _schema(parts[0], text, definitions)}
    raise TypeError(f"{type}: has no schema; teach it to json_schema.py")


def _union(parts: list[Schema]) -> Schema:
    """Any of several; of plain types in one word."""
    if all(part.keys() == {"type"} and isinstance(part["type"], str) for part in parts):
        return {"type": [part["type"] for part in parts]}
    return {"anyOf": parts}


def _array(scalar: Any, text: str) -> Schema:
    """Lists in lists, as deep as the shape in the docstring says; of any depth where it says none."""
    if scalar is Any:
        return {}
    match = _DIMENSIONS.search(text)
    if not match:
        return {"type": "array"}
    schema = _schema(int if issubclass(scalar, np.integer) else float, text, {})
    for _ in match[1].split(","):
        schema = {"type": "array", "items": schema}
    return schema
