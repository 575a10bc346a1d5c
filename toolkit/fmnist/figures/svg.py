"""Elements of SVG. What comes from a run is escaped here, wherever it stands."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from fmnist.figures.scales import Axis
from fmnist.text.tables import printable

_LETTER, _BOLD = 6.6, 7.4
"""Width of a letter on average, in a wide typeface such as DejaVu Sans at the style sheet's 12 pixels."""
LINE = 16.0
"""Height of a line of text."""
_WIDE = ("W", "F")
"""Letters as wide as they are high (https://www.unicode.org/reports/tr11/)."""

Place = tuple[float, float]
"""Horizontally and vertically, from the upper left."""
Ticks = Sequence[tuple[float, str]]
"""Values that are marked along an axis, and how each is written."""


def tag(name: str, *inside: str, **attributes: object) -> Markup:
    """An element; text in it that is no markup is escaped, and shown without what cannot be seen.

    Args:
        name: Its name.
        inside: What is in it.
        attributes: By name, with ``_`` for ``-`` (one at the end is dropped); numbers get one decimal.
            What is None is left out.
    """
    said = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
        if value is not None
    )
    content = Markup("").join(part if isinstance(part, Markup) else printable(part) for part in inside)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), said, content)


def chart(size: Place, message: str, *inside: str) -> Markup:
    """A whole chart, of which a screen reader says its message."""
    box = f"0 0 {number(size[0])} {number(size[1])}"
    return tag("svg", *inside, viewBox=box, role="img", aria_label=message)


def group(classes: str, *inside: str, mark: int | None = None) -> Markup:
    """Elements of one class.

    Args:
        classes: The class, or several.
        inside: The elements.
        mark: The model that they are of, by its place among all, where a chart compares several.
    """
    return tag("g", *inside, class_=classes, data_mark=mark)


def hover(words: str) -> Markup:
    """What is shown where the pointer rests on the element that this is in."""
    return tag("title", words)


def text(at: Place, words: str, classes: str, anchor: str | None = None) -> Markup:
    """A line of text; `anchor` is ``middle`` or ``end`` where it does not start at the place."""
    return tag("text", words, x=at[0], y=at[1], class_=classes, text_anchor=anchor)


def line(start: Place, end: Place, classes: str, *inside: str) -> Markup:
    """A straight line."""
    return tag("line", *inside, x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=classes)


def path(places: Iterable[Place], classes: str) -> Markup:
    """A line from place to place."""
    return tag("path", d="M" + "L".join(f"{number(x)} {number(y)}" for x, y in places), class_=classes)


def number(value: float) -> str:
    """A coordinate with one decimal, as short as can be."""
    return f"{value:.1f}".removesuffix(".0") if round(value, 1) else "0"


def text_width(words: str, bold: bool = False) -> float:
    """Room that a line of text takes at most, by and large; what it takes depends on the reader's fonts."""
    wide = sum(unicodedata.east_asian_width(each) in _WIDE for each in words)
    return (_BOLD if bold else _LETTER) * (len(words) + 0.8 * wide)


def horizontal_axis(axis: Axis, top: float, bottom: float, ticks: Ticks, title: str = "") -> Markup:
    """Ticks below, lines across, and what the values are.

    Args:
        axis: The values.
        top: Where lines across end.
        bottom: Where the axis is.
        ticks: What is written along it.
        title: What the values are; empty where that is said elsewhere.
    """
    parts = []
    for value, name in ticks:
        x = axis(value)
        parts += [line((x, top), (x, bottom), "grid"), text((x, bottom + LINE), name, "tick", "middle")]
    parts.append(line((axis.start, bottom), (axis.end, bottom), "axis"))
    if title:
        parts.append(text((axis.end, bottom + 2.2 * LINE), title, "title", "end"))
    return Markup("").join(parts)


def vertical_axis(axis: Axis, left: float, right: float, ticks: Ticks) -> Markup:
    """The same upwards: ticks on the left, lines across from left to right."""
    parts = []
    for value, name in ticks:
        y = axis(value)
        parts += [line((left, y), (right, y), "grid"), text((left - 5, y + 4), name, "tick", "end")]
    return Markup("").join([*parts, line((left, axis.start), (left, axis.end), "axis")])


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else printable(str(value))
