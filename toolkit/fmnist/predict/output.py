"""Classified images as text, one by one, so that thousands need no more memory than one.

Text for people contains no character that moves a terminal's cursor, as names of files and classes are
untrusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from fmnist.predict.predict import ClassifiedImage, ImageAnswer
from fmnist.results.model_file import ModelFile
from fmnist.results.write import plain
from fmnist.text.image_grid import draw_grid
from fmnist.text.tables import no_formula, percent, printable

_WIDEST_PERCENT = len(percent(1, 1))
_WIDEST_PICTURE = 64
"""Characters; images are usually 28 pixels wide."""
_WIDTH_OF_ANSWERS = 32
"""Characters kept free beside a picture."""


@dataclass(frozen=True)
class PredictionBody:
    """The content of the JSON result."""

    model: ModelFile
    """The model."""
    preparation: str
    """How the pictures became its input, such as ``mnist`` or ``pad,filter=bilinear``."""
    images: list[ImageAnswer]
    """The images that could be read, in order."""


@dataclass(frozen=True)
class Layout:
    """How classified images are written."""

    header: str
    """Text before the first image, with line ends; may be empty."""
    text: Callable[[ClassifiedImage], str]
    """The text of an image, with line ends."""


def table(labels: Sequence[str], top: int, name_width: int) -> Layout:
    """Return a layout with a row per image, and columns as wide as the longest possible name."""
    width = max(len(label) for label in labels) + 1 + _WIDEST_PERCENT
    widths = [max(name_width, len("image")), *[width] * top]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)).rstrip() + "\n"

    def text(image: ClassifiedImage) -> str:
        answer = image.answer
        guesses = [f"{guess.label} {percent(guess.probability, 1)}" for guess in answer.predictions]
        row = line([printable(cell) for cell in (answer.file, *guesses)])
        mark = f"  unlike training: {', '.join(answer.unlike)}" if answer.unlike else ""
        return row.rstrip("\n").ljust(sum(widths) + 2 * top) + mark + "\n" if mark else row

    titles = ["image", *(f"{rank}." for rank in range(1, top + 1))]
    return Layout(line(titles) + line(["─" * size for size in widths]), text)


def cards(width: int, coloured: bool) -> Layout:
    """Return a layout that draws each image as the model sees it, with its classes beside it.

    Lines have ``width`` characters at most.
    """
    room = max(1, min(_WIDEST_PICTURE, width - _WIDTH_OF_ANSWERS))

    def text(image: ClassifiedImage) -> str:
        answer, picture = image.answer, image.picture
        done = "inverted to light on dark" if answer.inverted else "not inverted"
        title = f"{printable(answer.file)}: {picture.width}×{picture.height} {picture.mode}, {done}"
        if answer.unlike:
            title += f"; unlike training: {', '.join(answer.unlike)}"
        drawn = draw_grid(picture.pixels[None], [""], 1, room, coloured).splitlines()[:-1]
        longest = max(len(guess.label) for guess in answer.predictions)
        beside = [
            f"{printable(guess.label).ljust(longest)}  {percent(guess.probability, 1).rjust(_WIDEST_PERCENT)}"
            for guess in answer.predictions
        ]
        across = picture.pixels.shape[1]
        size = -(-across // -(-across // room))  # the width that `draw_grid` used
        rows = zip_longest((line.ljust(size) for line in drawn), beside, fillvalue="")
        lines = [title, *(f"{line.ljust(size)}  {guess}".rstrip() for line, guess in rows), ""]
        return "\n".join(lines) + "\n"

    return Layout("", text)


def comma_separated(top: int, for_terminal: bool) -> Layout:
    """Return a layout of CSV with a header (RFC 4180, but with LF as line end), a row per image.

    Each of the ``top`` classes has three columns.
    """
    import csv
    import io

    def line(cells: Sequence[str | int | float]) -> str:
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow(cells)
        return row.getvalue()

    def text(image: ClassifiedImage) -> str:
        answer = image.answer
        cells: list[str | int | float] = [no_formula(answer.file)]
        for guess in answer.predictions:
            cells += [guess.label, guess.index, guess.probability]
        cells += ["true" if answer.inverted else "false", "; ".join(answer.unlike or ())]
        return line([printable(cell) if for_terminal and isinstance(cell, str) else cell for cell in cells])

    columns = [f"{name}_{rank}" for rank in range(1, top + 1) for name in ("label", "index", "probability")]
    return Layout(line(["file", *columns, "inverted", "unlike"]), text)


def json_lines() -> Layout:
    """Return a layout with a JSON object per line, of `ImageAnswer`."""
    import json

    return Layout("", lambda image: json.dumps(plain(image.answer)) + "\n")
