"""Colours for verdicts. Colour is never the only carrier of information."""

from __future__ import annotations

import os
import re
from typing import TextIO

_BOLD, _RED, _GREEN, _YELLOW = 1, 31, 32, 33
_COLOURS = {
    _GREEN: ("pass", "verified", "STABLE", "faster", "ok", "done"),
    _YELLOW: ("NOISY", "DRIFTING", "THROTTLED", "cannot tell", "note", "TOO FEW IMAGES"),
    _RED: ("FAIL", "failed", "DIFFERS", "slower", "problem"),
}
_COLOUR_OF = {word: colour for colour, words in _COLOURS.items() for word in words}
_RULE = re.compile("─+(?:  ─+)*")
"""The line that `tables.table` draws below a header; each part is as wide as its column."""
_TITLE = "verdict"
_PREFIX = "fmnist:"


def takes_colours(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal with colours, and the user wants them (https://no-color.org)."""
    if stream is None or not stream.isatty():
        return False
    return os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def paint_tables(text: str) -> str:
    """Return text with table headers in bold and verdicts in colour.

    The tables are laid out before, so the codes do not count as width. A word is a verdict only if it stands
    alone in a column of that title, so names of files and classes are never coloured.
    """
    lines = text.split("\n")
    painted, column = [], None
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if _RULE.fullmatch(below):
            column = _verdicts(line, below)
            painted.append(_paint(line, _BOLD))
            continue
        if not line:  # end of the table
            column = None
        painted.append(_paint_cell(line, column) if column else line)
    return "\n".join(painted)


def paint_outcome(line: str) -> str:
    """Return a line of progress such as ``eval: done`` with its outcome in colour."""
    what, colon, outcome = line.rpartition(": ")
    return what + colon + _paint(outcome, _COLOUR_OF.get(outcome)) if colon else line


def error_line(reason: object, stream: TextIO | None) -> str:
    """Return the line for an error, with the program's name in colour if the stream shows colours."""
    prefix = _paint(_PREFIX, _RED) if takes_colours(stream) else _PREFIX
    return f"{prefix} {reason}"


def _verdicts(header: str, rule: str) -> slice | None:
    """Return the position of the column of verdicts, if there is one."""
    for stretch in re.finditer("─+", rule):
        column = slice(*stretch.span())
        if header[column].strip() == _TITLE:
            return column
    return None


def _paint_cell(line: str, column: slice) -> str:
    cell = line[column]
    word = cell.strip()
    painted = cell.replace(word, _paint(word, _COLOUR_OF.get(word)), 1)
    return line[: column.start] + painted + line[column.stop :]


def _paint(text: str, code: int | None) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code else text
