from __future__ import annotations

import html
import io
import re

import pytest

from fmnist.text.progress import Progress, say
from fmnist.text.tables import markdown_text, microseconds, percent, points, size, table


def test_numbers_as_a_person_writes_them():
    assert percent(0.87634) == "87.63%"
    assert [points(value) for value in (-0.0014, 0.0001, -0.00004)] == ["-0.14", "+0.01", "+0.00"]
    assert [size(count) for count in (0, 112_300, 1_250_000)] == ["-", "112.3 kB", "1.25 MB"]
    assert [microseconds(value) for value in (3.34, 99.94, 1490.4)] == ["3.34", "99.9", "1,490"]


def test_text_stands_left_and_numbers_right():
    assert table(["name", "n"], [["a", "10"], ["bcdef", "9"]]).splitlines() == [
        "name    n",
        "─────  ──",
        "a      10",
        "bcdef   9",
    ]


@pytest.mark.parametrize(
    "hostile",
    ["[pay](http://evil)", "![seen](http://evil)", "`code", "*bold*", "_it_", "~~gone~~", "# big", "<b>&|\\"],
)
def test_a_name_in_markdown_is_no_markup(hostile):
    """Behind a backslash, punctuation is itself (https://spec.commonmark.org/0.31.2/#backslash-escapes)."""
    shown = markdown_text(hostile)
    assert not re.search(r"(?<!\\)(\\\\)*[][`*_~#|]|[<>]", shown)
    assert html.unescape(re.sub(r"\\(.)", r"\1", shown)) == hostile


def test_a_name_in_a_line_of_progress_moves_no_cursor(capsys):
    say("pictures/\x1b[2Jmodel.tflite-changed.png")
    assert capsys.readouterr().err == "pictures/?[2Jmodel.tflite-changed.png\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_every_line_of_progress_is_printed(stream):
    progress = Progress("train", 2, stream)
    progress.step("epoch 1")
    progress.step("epoch 2")
    text = stream.getvalue()
    assert text.count("epoch 1\n") == text.count("epoch 2\n") == 1
    if stream.isatty():
        assert "train ███" in text
        assert text.endswith("epoch 2\n")  # nothing of the bar is left
    else:
        assert text == "epoch 1\nepoch 2\n"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_what_is_done_now_is_said_at_once_and_then_from_time_to_time(stream):
    seconds = iter([0.0, 0.5, 3.0, 11.0, 11.0, 12.0, 12.0])
    progress = Progress("export", 8, stream, clock=lambda: next(seconds))
    for step in ("loading", "calibrating", "quantising", "comparing"):
        progress.note(step)
    progress.remove()
    said = stream.getvalue()
    if stream.isatty():
        assert said.split("\r\x1b[K")[1:5] == [
            f"export 0 of 8: {step}" for step in ("loading", "calibrating", "quantising", "comparing")
        ]
        assert said.endswith("\r\x1b[K")
    else:
        assert said == "export 0 of 8: loading\nexport 0 of 8: quantising\n"
