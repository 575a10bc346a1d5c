"""Class names from label files of various formats.

The plain form has one name a line. Others are:

- numbers before the names, as Teachable Machine writes them: ``0 Cats``; or ImageNet's: ``n01440764 tench``;
  numbered lines are sorted;
- a dict or list of Python, also without brackets: ``{0: 'tench, Tinca tinca', 1: 'goldfish'}``;
- JSON: a list, or an object of numbers or of names: ``{"0": ["n01440764", "tench"]}``, ``{"cat": 0}``; also
  inside an object, such as ``id2label`` in the configuration of a Transformers model;
- the ``names:`` of a data set's YAML file, as Ultralytics writes it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_runtime.errors import DatasetError
from fmnist_runtime.files import open_file

__all__ = ["Labels", "read_labels"]

MAX_CLASSES = 100_000
"""Five times the classes of ImageNet-21k, the largest set of images in use. A file can claim any number."""
_MAX_BYTES = 2**22
"""42 bytes for each of so many classes."""
_MAX_NAME = 500
"""Four times the longest of ImageNet's names, which are lists of synonyms."""
_BACKGROUND = "background"
"""Name of an additional class before ImageNet's 1,000 in TensorFlow's older models."""
_IMAGENET = 1000
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters except tabs and line ends."""
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that a name cannot have, although JSON can contain them."""
_NUMBERED = re.compile(r"([0-9]{1,7})(?:[ \t,:]|[.)](?=[ \t]))[ \t]*(\S.*)")
_SYNSET = re.compile(r"n[0-9]{8}[ \t,:][ \t]*(\S.*)")
"""WordNet's number of an ImageNet class, and its name."""
_QUOTED = r"""'((?:[^'\\\r\n]|\\.){0,1000})'|"((?:[^"\\\r\n]|\\.){0,1000})\""""
_ENTRY = re.compile(rf"\s*(?:([0-9]{{1,7}})\s*:\s*)?(?:{_QUOTED})\s*(,|\Z)")
_ESCAPED = re.compile(r"""\\(['"\\])""")
_KEYS = ("id2label", "names", "labels", "classes", "class_names")
"""Keys of a JSON object with class names."""
_YAML = re.compile(r"^names:[ \t]*(?=[\[{\r\n])", re.MULTILINE)


@dataclass(frozen=True)
class Labels:
    """Class names and remarks on them."""

    names: tuple[str, ...]
    """By class index."""
    notes: tuple[str, ...] = ()
    """Changes to the names that the file does not mention, a line each."""


def read_labels(path: Path) -> Labels:
    """Read class names from a file; see `parse_labels`, and `fit_labels`, which makes equal ones distinct.

    Raises:
        DatasetError: The file cannot be read, or is not a label file.
    """
    try:
        with open_file(path, "a text file of class names, one a line", DatasetError) as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_labels(content, str(path))


def read_distinct_labels(path: Path) -> Labels:
    """As `read_labels`, with the class number added to equal names.

    Raises:
        DatasetError: As in `read_labels`.
    """
    read = read_labels(path)
    fitted = fit_labels(read.names)
    return Labels(fitted.names, (*read.notes, *(f"{path}: {note}" for note in fitted.notes)))


def parse_labels(content: bytes, name: str) -> Labels:
    """Parse the content of a label file, without changing the names.

    Args:
        content: The whole file, in UTF-8, or in UTF-16 with a byte order mark.
        name: Its name in messages.

    Raises:
        DatasetError: It is not text, or a line or an entry is not a name; the message says which.
    """
    try:
        if len(content) > _MAX_BYTES:
            raise ValueError(f"is larger than {_MAX_BYTES:,} bytes, which no file of class names is")
        text = _text(content)
        entries, notes = _entries(text)
        _require_names(entries)
    except ValueError as error:
        raise DatasetError(f"{name}: {error}") from error
    return Labels(tuple(entries), tuple(f"{name}: {note}" for note in notes))


def fit_labels(labels: Sequence[str], classes: int | None = None) -> Labels:
    """Fit class names to a model: one for each class, all distinct.

    A class for the background, which TensorFlow's older models have before ImageNet's 1,000, is added or
    removed if that makes the numbers equal. Equal names, such as ``crane`` in ImageNet, get the number of
    their class: ``crane (134)``.

    Args:
        labels: The names.
        classes: Number of the model's classes; None if unknown.

    Raises:
        ValueError: There are more or fewer names than classes.
    """
    names, notes = list(labels), []
    if classes == len(names) - 1 and names[0].casefold() == _BACKGROUND:
        del names[0]
        notes.append(f"the label {labels[0]!r} is left out, as the model has {classes:,} classes without it")
    elif classes == len(names) + 1 == _IMAGENET + 1 and names[0].casefold() != _BACKGROUND:
        names.insert(0, _BACKGROUND)
        notes.append(
            f"class 0 is called {_BACKGROUND!r}, as the model has {classes:,} classes and there are "
            f"{_IMAGENET:,} labels, as of ImageNet"
        )
    if classes not in (None, len(names)):
        raise ValueError(f"has {classes:,} classes, but there are {len(names):,} labels")
    counts = Counter(names)
    alike = [label for label, count in counts.items() if count > 1]
    if alike:
        names = [_distinct(label, index, counts) for index, label in enumerate(names)]
        example = next(name for name in names if name not in counts)
        notes.append(
            f"several classes have the label {_listed(alike)}; each gets its class number, as in {example!r}"
        )
    return Labels(tuple(names), tuple(notes))


def is_numbered(labels: Sequence[str]) -> bool:
    """Return whether the classes have their numbers as names, as in a model without names."""
    return tuple(labels) == tuple(map(str, range(len(labels))))


def _distinct(label: str, index: int, counts: Counter[str]) -> str:
    """Return a class's name: its label, with the number of the class if others have the same label."""
    name = label
    while counts[label] > 1 and name in counts:  # "crane (134)" may be another class's label
        name = f"{name} ({index})"
    return name


def _listed(names: list[str]) -> str:
    """Return the first few names as text."""
    shown = ", ".join(map(repr, names[:3]))
    return f"{shown} and {len(names) - 3:,} others" if len(names) > 3 else shown


def _text(content: bytes) -> str:
    """Return the content as text with uniform line ends."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")  # editors on Windows add a byte order mark
    except UnicodeDecodeError as error:
        where = "it" if utf16 else f"line {_line(content[: error.start].decode())}"
        raise ValueError(f"{where} is not text; save the file as UTF-8, one class name a line") from error
    control = _NO_TEXT.search(text)
    if control:
        raise ValueError(
            f"line {_line(text[: control.start()])} has the control character U+{ord(control[0]):04X}; "
            "give a text file of class names, one a line"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def _line(before: str) -> int:
    """Return the line number after a text."""
    return before.count("\n") + 1


def _entries(text: str) -> tuple[list[str], list[str]]:
    """Return the names in a text, and remarks."""
    yaml = _YAML.search(text)
    if yaml:
        return _yaml(text, yaml.end()), []
    if text.lstrip()[:1] in ("[", "{"):
        return _bracketed(text), []
    if _ENTRY.match(text):
        return _python(text, 0), []
    return _lines(text)


def _lines(text: str) -> tuple[list[str], list[str]]:
    """Return one name a line, with or without numbers before them."""
    lines = [line.strip() for line in text.split("\n")]
    if "" in lines:
        raise ValueError(
            f"line {lines.index('') + 1} is empty; each line names a class, so remove it, or name that class"
        )
    notes = []
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    pairs = [(int(match[1]), match[2]) for match in numbered if match]
    if len(pairs) == len(lines) > 1:
        if sorted(number for number, _ in pairs) == list(range(len(pairs))):
            lines = [name for _, name in sorted(pairs)]
        else:
            notes.append(
                "the numbers before the names do not start at 0, or leave some out; they stay in them"
            )
    synsets = [_SYNSET.fullmatch(line) for line in lines]
    names = [match[1] for match in synsets if match]
    return (names if len(names) == len(lines) else lines), notes


def _bracketed(text: str) -> list[str]:
    """Parse a list or object in JSON, or a list or dict of Python."""
    try:
        found = json.loads(text, object_pairs_hook=_object)
    except (json.JSONDecodeError, RecursionError):
        return _python(text, text.index(text.lstrip()[0]) + 1)
    if isinstance(found, dict):
        found = next((found[key] for key in _KEYS if isinstance(found.get(key), (dict, list))), found)
    if isinstance(found, dict):
        if found and all(isinstance(value, int) for value in found.values()):
            names = {value: key for key, value in found.items()}
            found = names if len(names) == len(found) else {}
        found = _in_order([(str(key), value) for key, value in found.items()])
    return [_last(value, index) for index, value in enumerate(found)]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object without duplicate keys."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name or number occurs twice before a colon; each must be one class")
    return found


def _last(value: Any, index: int) -> str:
    """Return a class's name, or the last of a list, such as its number in WordNet and its name."""
    name = value[-1] if isinstance(value, list) and value else value
    if not isinstance(name, str):
        raise ValueError(f"class {index:,} has a name that is not text")
    return name


def _python(text: str, start: int) -> list[str]:
    """Parse names in quotes with commas between them, all with or all without a number and a colon."""
    end = len(text.rstrip("]} \t\n"))
    body, entries = text[:end], []
    while start < end:
        entry = _ENTRY.match(body, start)
        if not entry:
            space = len(body[start:]) - len(body[start:].lstrip())
            raise ValueError(
                f"line {_line(body[: start + space])} is not a name in quotes with a comma behind it, as the "
                "entries before it are"
            )
        number, single, double, _ = entry.groups()
        entries.append((number, _ESCAPED.sub(r"\1", double if single is None else single)))
        start = entry.end()
    if not any(number for number, _ in entries):
        return [name for _, name in entries]
    return _in_order(entries)


def _yaml(text: str, start: int) -> list[str]:
    """Parse the ``names:`` of a YAML file: a list or dict in brackets, or indented lines."""
    if text[start : start + 1] in ("[", "{"):
        close = re.compile(r"[\]}]").search(text, start)
        return _bracketed(text[start : close.end()] if close else text[start:])
    entries = []
    for line in text[start:].strip("\n").split("\n"):
        if line[:1] not in (" ", "-"):
            break
        entries.append(line.strip().removeprefix("-").strip())
    pairs = [_NUMBERED.fullmatch(entry) for entry in entries]
    names = [match[2] for match in pairs if match]
    if len(names) == len(entries):
        return _in_order([(match[1], _unquoted(match[2])) for match in pairs if match])
    return [_unquoted(entry) for entry in entries]


def _unquoted(name: str) -> str:
    quotes = name[:1] + name[-1:]
    return name[1:-1] if len(name) > 1 and quotes in ("''", '""') else name


def _in_order(entries: Sequence[tuple[str | None, Any]]) -> list[Any]:
    """Return the names in order of their numbers, which must be those of the classes."""
    numbers = [number or "" for number, _ in entries]
    names = {int(number): name for number, name in entries if number and re.fullmatch("[0-9]{1,7}", number)}
    if sorted(names) != list(range(len(entries))):
        missing = next(index for index in range(len(entries)) if index not in names)
        raise ValueError(
            f"{len(numbers):,} classes are named, but not class {missing:,}; number them from 0 without a gap"
        )
    return [names[index] for index in range(len(names))]


def _require_names(names: Sequence[str]) -> None:
    if not 0 < len(names) <= MAX_CLASSES:
        raise ValueError(f"names {len(names):,} classes; from 1 to {MAX_CLASSES:,} are possible")
    for index, name in enumerate(names):
        if not name.strip() or _NO_NAME.search(name):
            raise ValueError(f"the name of class {index:,} is empty, or has a tab or control character in it")
        if len(name) > _MAX_NAME:
            raise ValueError(f"the name of class {index:,} is longer than {_MAX_NAME} characters; shorten it")
