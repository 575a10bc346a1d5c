"""docs/reference/verbs.md: every verb, its arguments and options, as the command itself knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from fmnist.cli.main import app

_INTRODUCTION = """\
# Verbs

<!-- made by docs/generator from the command's own help: edit that, then run make docs -->

`fmnist VERB --help` says the same in the terminal. A verb that is given no model or run takes the newest run
under `runs/`.

| exit code | means |
| --- | --- |
| 0 | It is done, and what was checked is as it should be. |
| 1 | It could not be done, or not all of it; each reason stands on standard error in a line. |
| 2 | The command line cannot be understood. |
| 3 | It was done, and a gate failed: a model drifted, was rejected, or broke what was asserted. |

"""
_TYPES = {"str": "text", "int": "whole number", "float": "number"}


def verbs_page() -> str:
    """The page."""
    root: Any = get_command(app)
    found = list(_commands(root, "fmnist"))
    contents = "\n".join(f"- [`{path}`](#{path.replace(' ', '-')}): {_help(verb)[0]}" for path, verb in found)
    sections = [_section(path, verb) for path, verb in found]
    options = _options(root)
    return _INTRODUCTION + "\n\n".join([contents, f"## Options before a verb\n\n{options}", *sections]) + "\n"


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every verb with what is to be typed for it, those of a group behind it."""
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")


def _help(command: Any) -> tuple[str, str]:
    """The first paragraph of a command's help, and the rest."""
    first, _, rest = inspect.cleandoc(command.help).partition("\n\n")
    return " ".join(first.split()), rest


def _section(path: str, command: Any) -> str:
    first, rest = _help(command)
    context = command.make_context(path, [], resilient_parsing=True)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [
        f"{'#' * len(path.split())} {path}",
        _code(first),
        f"```text\n{usage}\n```",
        *([_code(rest)] if rest else []),
    ]
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    if arguments:
        rows = [f"| `{item.make_metavar(context)}` | {_explained(item)} |" for item in arguments]
        parts.append("\n".join(["| argument | what |", "| --- | --- |", *rows]))
    return "\n\n".join([*parts, *filter(None, [_options(command)])])


def _options(command: Any) -> str:
    """The options of a command as a table; nothing where it has none."""
    rows = [
        f"| {_names(item)} | {_type(item)} | {_default(item)} | {_explained(item)} |"
        for item in command.params
        if item.param_type_name == "option"
    ]
    return (
        "\n".join(["| option | type | default | what |", "| --- | --- | --- | --- |", *rows]) if rows else ""
    )


def _names(item: Any) -> str:
    return ", ".join(f"`{name}`" for name in (*item.opts, *item.secondary_opts))


def _type(item: Any) -> str:
    """What it takes, and from where to where."""
    metavar, low, high = item.metavar or "", getattr(item.type, "min", None), getattr(item.type, "max", None)
    choices = getattr(item.type, "choices", None) or (
        re.findall(r"[^\[\]|]+", metavar) if "|" in metavar else []
    )
    if choices:
        found = " or ".join(f"`{choice}`" for choice in choices)
    elif item.is_flag:
        found = "flag"
    else:
        found = f"`{metavar}`" if metavar else _named_type(item.type.name)
    if low is not None:
        found += f" from {low:,} to {high:,}" if high is not None else f" from {low:,}"
    return f"{found}; may be given again" if item.multiple else found


def _named_type(name: str) -> str:
    plain = name.lower().removesuffix(" range")
    return _TYPES.get(plain, plain)


def _default(item: Any) -> str:
    if item.required:
        return "must be given"
    values = item.default if isinstance(item.default, (list, tuple)) else [item.default]
    return ", ".join(f"`{value}`" for value in values if value is not None and value is not False)


def _explained(item: Any) -> str:
    return _code(" ".join((item.help or "").split())).replace("|", "\\|")


def _code(text: str) -> str:
    """Options and file names that would lose their stars and underscores are marked as code."""
    return re.sub(r"(?<![\w`'/])(--[a-z][\w-]*)", r"`\1`", text).replace("**", "\\*\\*")
