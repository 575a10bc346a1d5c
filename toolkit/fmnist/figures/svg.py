"""Elements of SVG. All text from a run is escaped here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from fmnist.text.tables import printable

_LETTER, _BOLD = 6.6, 7.4
"""Mean width of a letter in a wide typeface such as DejaVu Sans, at the style sheet's 12 pixels."""
LINE = 16.0
"""Height of a line of text."""
_WIDE = ("W", "F")
"""Letters as wide as they are high (https://www.unicode.org/reports/tr11/)."""

Place = tuple[float, float]
"""Horizontal and vertical coordinate, from the upper left."""


@dataclass(frozen=True)
class Drawing:
    """A chart or a grid of images. A page or a file of its own holds it."""

    size: Place
    """Width and height."""
    message: str
    """What a screen reader says."""
    content: Markup
    """Its elements."""

    def __html__(self) -> Markup:
        """Return the drawing as an element of an HTML page, where it is as wide as its parent."""
        return tag("svg", self.content, viewBox=self._box, role="img", aria_label=self.message)

    def __str__(self) -> str:
        return self.__html__()

    def at(self, place: Place, scale: float) -> Markup:
        """Return the drawing as a part of a larger SVG, scaled from its own size."""
        (x, y), (width, height) = place, self.size
        box = {"x": x, "y": y, "width": scale * width, "height": scale * height, "viewBox": self._box}
        return tag("svg", self.content, role="img", aria_label=self.message, **box)

    @property
    def _box(self) -> str:
        return f"0 0 {number(self.size[0])} {number(self.size[1])}"


def tag(name: str, *inside: str, **attributes: object) -> Markup:
    """Return an element. Text that is not markup is escaped, and ``?`` replaces its invisible characters.

    Names of attributes have ``_`` for ``-`` (one at the end is dropped). Floats get one decimal. None leaves
    the attribute out.
    """
    said = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
        if value is not None
    )
    content = Markup("").join(part if isinstance(part, Markup) else printable(part) for part in inside)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), said, content)


def group(classes: str, *inside: str, mark: int | None = None) -> Markup:
    """Return elements of one class, or of several.

    ``mark`` is the index of their model among all models, where a chart compares several.
    """
    return tag("g", *inside, class_=classes, data_mark=mark)


def hover(words: str) -> Markup:
    """Return a tooltip for the element that contains it."""
    return tag("title", words)


def text(at: Place, words: str, classes: str, anchor: str | None = None) -> Markup:
    """Return a line of text; `anchor` is ``middle`` or ``end`` where it does not start at the place."""
    return tag("text", words, x=at[0], y=at[1], class_=classes, text_anchor=anchor)


def line(start: Place, end: Place, classes: str, *inside: str) -> Markup:
    """Return a straight line."""
    return tag("line", *inside, x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=classes)


def rectangle(at: Place, size: Place, classes: str, *inside: str, **attributes: object) -> Markup:
    """Return a rectangle, given its upper left corner; attributes as of `tag`."""
    box = {"x": at[0], "y": at[1], "width": size[0], "height": size[1]}
    return tag("rect", *inside, class_=classes, **box, **attributes)


def path(places: Iterable[Place], classes: str) -> Markup:
    """Return a line from place to place."""
    return tag("path", d="M" + "L".join(f"{number(x)} {number(y)}" for x, y in places), class_=classes)


def number(value: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0") if round(value, 1) else "0"


def text_width(words: str, bold: bool = False) -> float:
    """Return about the largest width of a line of text; the exact one depends on the reader's fonts."""
    wide = sum(unicodedata.east_asian_width(each) in _WIDE for each in words)
    return (_BOLD if bold else _LETTER) * (len(words) + 0.8 * wide)


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else printable(str(value))
