"""docs/reference/results.md: every kind of result, field by field, as its schema has it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

from json_schema import Schema
from kinds import KINDS, Kind
from layouts import in_json_words

from fmnist.runs.run import Run

_INTRODUCTION = """\
# Results as JSON

<!-- made by docs/generator from the code: edit the docstrings there, then run make docs -->

Every verb that measures something or checks something writes what it found as JSON, for programs: with
`--json FILE`, `--json -` for standard output, or into the run directory. This page lists every field. It is
made from the types of the code, as the [schemas](schemas/) are (JSON Schema, draft 2020-12), and tests hold
real results against those.

## What a reader may rely on

`schema` names the layout of a file: `fmnist.KIND/VERSION`. Within a version

- a field that is listed here is always there, unless *not always* stands beside it;
- none changes its name, its type, its unit or its meaning. What would change one gets the next version;
- fields may be added. So a reader passes over those that it does not know, as the schemas do.

fmnist itself reads files of other people as if they were damaged, and those of another version not at all: it
says which version it reads and what to do.

Numbers are JSON's. What is no finite number, which JSON has not, is `null`. Shares, accuracies and limits are
fractions from 0 to 1, not percentages. A name that ends in `_us`, `_ns`, `_s`, `_bytes`, `_mhz`, `_c`, `_db`
or `_nats` has that unit: µs, ns, seconds, bytes, MHz, °C, decibels, nats. Times of day are ISO 8601, in UTC.
Digests are SHA-256 in hexadecimal.

In the tables `a.b` is the field `b` of the object `a`, `a[].b` that of each element of a list, and `a.*`
stands for keys that depend on what was run. A layout that comes again is spelt out once.

`environment` is in all of them but manifest and bundle:

"""
_RUN = """\
## A run directory

`fmnist train` and `fmnist run` make `runs/NAME`. What is in it, as far as the verbs have been there:

| file | what |
| --- | --- |
"""


def results_page(schemas: Mapping[str, Schema]) -> str:
    """The page.

    Args:
        schemas: The schema of each kind.
    """
    first = schemas[KINDS[0].name]
    environment = first["$defs"]["Environment"]
    parts = [_INTRODUCTION + _table(environment, first["$defs"], "environment.")]
    parts += ["## Kinds\n\n" + _overview(), _RUN + _run_directory()]
    parts += [_section(kind, schemas[kind.name]) for kind in KINDS]
    return "\n\n".join(parts) + "\n"


def _overview() -> str:
    rows = [
        f"| [{kind.name}](#{kind.name}) | `{kind.schema}` | {kind.verb} | "
        f"[{kind.name}.schema.json](schemas/{kind.name}.schema.json) |"
        for kind in KINDS
    ]
    return "\n".join(["| kind | `schema` | written by | schema |", "| --- | --- | --- | --- |", *rows])


def _section(kind: Kind, schema: Schema) -> str:
    place = f"It lies at {kind.place}.\n" if kind.place else ""
    link = f"[schemas/{kind.name}.schema.json](schemas/{kind.name}.schema.json)"
    intro = f"## {kind.name}\n\n{kind.text}\n\n`{kind.schema}`, by {kind.verb}. {place}Schema: {link}\n\n"
    shown = {name: part for name, part in schema["properties"].items() if name != "environment"}
    return intro + _table({**schema, "properties": shown}, schema["$defs"])


def _table(schema: Schema, definitions: Schema, prefix: str = "") -> str:
    lines = ["| field | type | what |", "| --- | --- | --- |"]
    seen = {} if prefix else {"Environment": "environment"}
    return "\n".join([*lines, *_rows(schema, definitions, prefix, seen)])


def _rows(schema: Schema, definitions: Schema, prefix: str, seen: dict[str, str]) -> Iterator[str]:
    """A row for each field, those within it below it; what has been shown once is named by its first path."""
    for name, part in schema["properties"].items():
        path = prefix + name
        there = "" if name in schema["required"] else " *Not always.*"
        inner, suffix = _inner(part)
        as_there = _shown_before(inner, definitions, seen) if inner else ""
        text = part.get("description", "").replace("|", "\\|")
        yield f"| `{path}` | {_type(part)} | {text}{there}{as_there} |"
        if inner and not as_there:
            seen[inner] = path + suffix
            yield from _rows(definitions[inner], definitions, f"{path}{suffix}.", seen)


def _shown_before(inner: str, definitions: Schema, seen: dict[str, str]) -> str:
    """Where a layout's fields were shown, be it as part of another's; nothing where they were not."""
    if inner in seen:
        return f" Fields as of `{seen[inner]}`."
    mine = definitions[inner]["properties"]
    for name, path in seen.items():
        theirs = definitions.get(name, {}).get("properties", {})
        if all(theirs.get(key) == part for key, part in mine.items()):
            return f" Fields {', '.join(f'`{key}`' for key in mine)} as of `{path}`."
    return ""


def _inner(part: Schema) -> tuple[str, str]:
    """The layout in a field, by name, and how a path goes on to it."""
    if "$ref" in part:
        return part["$ref"].rpartition("/")[2], ""
    if "anyOf" in part:
        # Of one that is based on another, the larger.
        return max((_inner(one) for one in part["anyOf"]), key=lambda found: (bool(found[0]), -len(found[0])))
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if key in part:
            inner, more = _inner(part[key])
            return inner, suffix + more
    if "prefixItems" in part:
        inner, more = _inner(part["prefixItems"][0])
        return inner, "[]" + more
    return "", ""


def _type(part: Schema) -> str:
    """A type in a word or two."""
    if "const" in part:
        return f'`"{part["const"]}"`'
    if "enum" in part:
        return " or ".join(f'`"{value}"`' for value in part["enum"])
    if "$ref" in part:
        return "object"
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_type(one) for one in part["anyOf"]))
    match part.get("type"):
        case None:
            return "any"
        case list() as several:
            return " or ".join(f"`{one}`" if one == "null" else one for one in several)
        case "null":
            return "`null`"
        case "array" if "prefixItems" in part:
            return f"list of {len(part['prefixItems'])} × {_type(part['prefixItems'][0])}"
        case "array" if "items" in part:
            inner = _type(part["items"])
            return f"list of ({inner})" if " or " in inner else f"list of {inner}"
        case "array":
            return "list"
        case "object" if part.get("additionalProperties"):
            return f"object of {_type(part['additionalProperties'])}"
    return str(part["type"])


def _run_directory() -> str:
    """Each file by what the code says of it."""
    run = Run(Path("RUN"))
    named = {
        getattr(run, name): in_json_words(inspect.getdoc(member) or "")
        for name, member in vars(Run).items()
        if isinstance(member, property)
    }
    files = {
        **{str(path.relative_to(run.folder)): text for path, text in named.items()},
        "export/manifest.json": "The artifacts with their digests, see [manifest](#manifest).",
        "eval.json, parity.json, bench.json": "By `fmnist run`: see [eval](#eval), [parity](#parity) and "
        "[bench](#bench). Each is kept as long as its `inputs` are what they were.",
        "devices/HOST/": "By `fmnist deploy`: the same three, as measured on that device.",
        "plots/": "By `fmnist plot`: pictures, as SVG.",
    }
    return "\n".join(f"| `{name.replace(', ', '`, `')}` | {text} |" for name, text in files.items())
