"""Results as text for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

ABSENT = "-"
_MARKUP = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_~[]#|"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
"""What would end a cell of a Markdown table, or be taken for a link, a picture, other markup or HTML."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns padded to their widest cell.

    Args:
        header: Title of each column.
        rows: Cells as text, each row as long as the header.
        left: How many columns, from the first, are text and stand left; the others are numbers.
    """
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
    """The same as a table of GitHub's Markdown; arguments as of `table`."""
    rule = [":--" if column < left else "--:" for column in range(len(header))]
    lines = ([markdown_text(cell) for cell in line] for line in (header, rule, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_text(text: str) -> str:
    """Text that stands in GitHub's Markdown, in a table or elsewhere, for itself and on one line."""
    return printable(text).translate(_MARKUP)


def printable(text: str) -> str:
    """The text with a question mark for all that is not to be seen, such as what moves a cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shortened(label: str, length: int) -> str:
    """A name that fits where it stands; ours do, one's own may be long, or hold what no font can draw."""
    label = printable(label)
    return label if len(label) <= length else f"{label[: length - 1]}…"


def no_formula(name: str) -> str:
    """The name of the same file, but not one that a spreadsheet would work out."""
    return f"./{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction in per cent, such as ``87.63%``; of nothing, which is NaN, there is none."""
    return ABSENT if math.isnan(fraction) else f"{100 * fraction:.{digits}f}%"


def points(fraction: float) -> str:
    """A difference of fractions in percentage points, with its sign; there is no negative zero."""
    return f"{100 * fraction:+z.2f}"


def size(count: int) -> str:
    """A file size as a person would say it; kB are 1000 bytes."""
    if not count:
        return ABSENT
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def microseconds(value: float) -> str:
    """A latency in µs with three significant digits or all whole ones; below 1 µs with two decimals."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(value: float) -> str:
    """A time that is in µs in ms, with three significant digits or all whole ones."""
    return f"{value / 1000:,.0f}" if value >= 1e5 else f"{value / 1000:.3g}"
