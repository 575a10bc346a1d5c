"""A picture as a file: its parts in their places, its style, and its first bytes."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup
from support.drawn import HOSTILE, of_class, parse

from fmnist.figures.standalone import picture, write_picture
from fmnist.figures.svg import Drawing, rectangle
from fmnist.results.write import PICTURE, PICTURE_START
from fmnist_runtime.errors import OutputError
from fmnist_runtime.files import require_writable


def drawing(width: float, height: float) -> Drawing:
    return Drawing((width, height), f"{width} wide", rectangle((0.0, 0.0), (width, height), "cell"))


def test_drawings_lie_beside_and_below_each_other_between_title_and_key():
    parts = [("one", drawing(400, 100)), ("two", drawing(300, 200)), ("", drawing(100, 50))]
    svg = parse(picture("what it shows", parts, ["how it was measured"], ["what colours mean"], columns=2))
    places = [
        tuple(float(each.get(key)) for key in ("x", "y", "width", "height"))
        for each in svg.iter("svg")
        if each.get("x")
    ]
    (x1, y1, *size1), (x2, y2, *size2), (x3, y3, *size3) = places
    assert (size1, size2, size3) == ([400, 100], [300, 200], [100, 50])
    assert y1 == y2
    assert x2 >= x1 + 400
    assert x3 == x1
    assert y3 >= y1 + 200
    width, height = float(svg.get("width")), float(svg.get("height"))
    assert x2 + 400 <= width
    lines = [(each.text, float(each.get("y"))) for each in svg.iter("text") if each.text]
    assert [words for words, _ in lines] == [
        *("what it shows", "how it was measured", "one", "two", "what colours mean")
    ]
    above, below = lines[:2], lines[-1:]
    assert all(y < y1 for _, y in above)
    assert all(y3 + 50 < y < height for _, y in below)


def test_a_drawing_is_scaled_as_a_whole():
    [inner] = [
        each for each in parse(picture("", [("", drawing(300, 200))], scale=2)).iter("svg") if each.get("x")
    ]
    assert (inner.get("width"), inner.get("height"), inner.get("viewBox")) == ("600", "400", "0 0 300 200")


def test_long_texts_are_broken_into_lines_that_fit():
    content = picture("title " * 40, [("", drawing(500, 10))], ["words " * 80], ["key " * 80])
    svg = parse(content)
    for each in svg.iter("text"):
        letter = 10 if each.get("class") == "heading" else 7
        assert float(each.get("x")) + letter * len(each.text or "") <= float(svg.get("width"))


def test_a_key_of_markup_stays_as_it_is():
    svg = parse(
        picture("", [("", drawing(9, 9))], key=[Markup('<tspan class="training-key">●</tspan> in training')])
    )
    [mark] = of_class(svg, "training-key")
    assert (mark.text, mark.tail) == ("●", " in training")


def test_colours_are_written_out_for_light_and_for_dark():
    """Programs that know neither variables nor ``light-dark()`` show the light ones."""
    style = parse(picture("", [("", drawing(9, 9))])).find("style").text
    assert "var(" not in style
    assert "light-dark" not in style
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    assert ".chart .paper { fill: #fbfbf9; }" in light
    assert ".chart .paper { fill: #14171b; }" in dark
    assert len(re.findall("{", light)) == len(re.findall("{", dark)) - 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name):
    svg = parse(picture(name, [(name, drawing(9, 9))], [name], [name]))
    assert not [*svg.iter("script")]
    assert not [each for each in svg.iter() if any(key.startswith("on") for key in each.attrib)]


def test_only_a_picture_of_ours_is_replaced(tmp_path):
    ours, other = tmp_path / "ours.svg", tmp_path / "other.svg"
    write_picture(ours, picture("a", [("", drawing(9, 9))]))
    assert ours.read_text().startswith(PICTURE_START)
    require_writable(ours, PICTURE)
    other.write_text('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    with pytest.raises(OutputError, match="not a picture of fmnist; choose another name, or --force"):
        require_writable(other, PICTURE)
    require_writable(other, PICTURE, force=True)
    other.write_text("")
    require_writable(other, PICTURE)  # nothing is lost


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("a.png", "pictures are SVG files; give a name that ends in .svg"), ("folder.svg", "is a directory")],
)
def test_names_that_no_picture_can_have(tmp_path, name, complaint):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(OutputError, match=complaint):
        require_writable(tmp_path / name, PICTURE)
