"""A picture as an SVG file of its own: drawings under a title, with a key, in light and dark colours."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from fmnist.figures.svg import LINE, Drawing, rectangle, tag, text
from fmnist.results.write import PICTURE_START
from fmnist_runtime.files import write_atomically

_MARGIN, _GAP = 16.0, 20.0
"""Around everything, and between drawings."""
_TITLE = 22.0
"""Height of a line of the title."""
_LETTER, _TITLE_LETTER = 7.2, 10.5
"""Width of a letter, for line breaks."""
_LEAST_WIDTH = 480.0
_COLOUR = re.compile(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);")


def picture(
    title: str,
    drawings: Sequence[tuple[str, Drawing]],
    about: Iterable[str] = (),
    key: Iterable[str] = (),
    columns: int = 1,
    scale: float = 1.0,
) -> str:
    """Compose an SVG file.

    Args:
        title: What the picture shows.
        drawings: The drawings, each with its heading, which may be empty.
        about: Paragraphs under the title.
        key: Paragraphs under the drawings; `Markup` stays on its line.
        columns: Drawings beside each other.
        scale: Size of the drawings relative to their own.
    """
    cell = max(scale * drawing.size[0] for _, drawing in drawings)
    width = max(columns * cell + (columns - 1) * _GAP, _LEAST_WIDTH)
    y, parts = _MARGIN, []

    def write(words: str, classes: str, height: float, letter: float) -> None:
        nonlocal y
        lines = [words] if isinstance(words, Markup) else textwrap.wrap(words, int(width / letter))
        for each in lines:
            y += height
            parts.append(text((_MARGIN, y - 5), each, classes))

    write(title, "heading", _TITLE, _TITLE_LETTER)
    for words in about:
        write(words, "title", LINE, _LETTER)
    y += _GAP / 2
    for start in range(0, len(drawings), columns):
        row = drawings[start : start + columns]
        heading = LINE + 4 if any(name for name, _ in row) else 0.0
        for column, (name, drawing) in enumerate(row):
            x = _MARGIN + column * (cell + _GAP)
            if name:
                parts.append(text((x, y + 12), name, "subheading"))
            parts.append(drawing.at((x, y + heading), scale))
        y += heading + max(scale * drawing.size[1] for _, drawing in row) + _GAP / 2
    for words in key:
        write(words, "title", LINE, _LETTER)
    size = width + 2 * _MARGIN, y + _MARGIN
    style = tag("style", Markup(_style()))
    content = tag("g", rectangle((0.0, 0.0), size, "paper"), *parts, class_="chart")
    box = f'width="{size[0]:.0f}" height="{size[1]:.0f}" viewBox="0 0 {size[0]:.0f} {size[1]:.0f}"'
    return f"{PICTURE_START} {box}>\n{style}\n{content}\n</svg>\n"


def write_picture(path: Path, content: str) -> None:
    """Write a picture.

    Raises:
        OutputError: The file cannot be written.
    """
    write_atomically(path, content.encode())


@cache
def _style() -> str:
    """Return the style sheet of the drawings with the colours filled in, first light, then dark.

    Many programs that show SVG know neither ``var()`` nor ``light-dark()``.
    """
    sheet = files("fmnist.figures").joinpath("figures.css").read_text(encoding="utf-8")
    rules = sheet[sheet.index(".chart") :]
    light = dark = rules
    for name, *shades in _COLOUR.findall(sheet):
        light, dark = (
            sheet.replace(f"var(--{name})", shade) for sheet, shade in zip((light, dark), shades, strict=True)
        )
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"
