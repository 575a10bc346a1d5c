"""Results as text for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

ABSENT = "-"
_MARKUP = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_~[]#|"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
"""Characters with a meaning in Markdown or HTML, and their escapes."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table with padded columns: the first ``left`` are text, the others are numbers."""
    header, *rows = ([printable(cell) for cell in line] for line in (header, *rows))
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    rule = "  ".join("─" * width for width in widths)
    return "\n".join([line(header), rule, *(line(row) for row in rows)])


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table in GitHub's Markdown; arguments as of `table`."""
    rule = [":--" if column < left else "--:" for column in range(len(header))]
    lines = ([markdown_text(cell) for cell in line] for line in (header, rule, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_text(text: str) -> str:
    """Return text escaped for GitHub's Markdown, on one line."""
    return printable(text).translate(_MARKUP)


def printable(text: str) -> str:
    """Return the text with a question mark for each character that is not printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shortened(label: str, length: int) -> str:
    """Return a printable name, shortened to a length."""
    label = printable(label)
    return label if len(label) <= length else f"{label[: length - 1]}…"


def no_formula(name: str) -> str:
    """Return a name of the same file that a spreadsheet does not take for a formula."""
    return f"./{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def percent(fraction: float, digits: int = 2) -> str:
    """Return a fraction as a percentage, such as ``87.63%``; ``-`` for NaN."""
    return ABSENT if math.isnan(fraction) else f"{100 * fraction:.{digits}f}%"


def points(fraction: float) -> str:
    """Return a difference of fractions in percentage points, with its sign and without negative zero."""
    return f"{100 * fraction:+z.2f}"


def size(count: int) -> str:
    """Return a file size as text; a kB is 1000 bytes."""
    if not count:
        return ABSENT
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def microseconds(value: float) -> str:
    """Return a latency in µs with three significant digits or more; below 1 µs with two decimals."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(value: float) -> str:
    """Return a time, given in µs, in ms with three significant digits or more."""
    return f"{value / 1000:,.0f}" if value >= 1e5 else f"{value / 1000:.3g}"
