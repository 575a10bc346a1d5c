"""Grids of images: a sample of a data set, predictions, changed answers, and weights of hidden units."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from fmnist.figures.standalone import picture
from fmnist.figures.svg import LINE, Drawing, tag, text, text_width
from fmnist.text.tables import percent, shortened
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.parity.changes import Flips
from fmnist_runtime.recorded import Reference

SHOWN = 30
"""Most changed answers in a picture."""
_SIDE, _GAP = 120.0, 14.0
"""Of an image in the grid, and between two."""
_LONGEST_SIDE = 128
"""Pixels; larger images are scaled down."""
_LONGEST, _LONGEST_MODEL = 16, 48
"""Characters of the name of a class and of a model."""
_WORSE, _BETTER, _WRONG = "✗", "✓", "·"
_CLASSES = {_WORSE: "bad", _BETTER: "good", _WRONG: "tick"}
"""CSS classes of the captions; the mark says the same as the colour, for readers who cannot tell colours."""
_UNITS, _UNIT_COLUMNS, _UNIT_SIDE = 24, 6, 56.0
_CLIPPED_PERCENT = 99.5
"""The colour scale of weights ends at this percentile. A few pixels at the border, where nearly all images
are black, get weights so large that all others would look like zero on their scale."""
_COLD, _ZERO, _WARM = (np.array(rgb, float) for rgb in ((0, 114, 178), (255, 255, 255), (213, 94, 0)))
"""Colours of the lowest weight, of zero, and of the highest weight."""
_UNKNOWN = (128, 128, 128)
"""Colour of NaN, which a failed training leaves."""


@dataclass(frozen=True)
class PicturedAnswer:
    """The answer of a model to one test image."""

    image: int
    """Number of the test image, from 0."""
    predicted: str
    """Name of the predicted class."""
    true: str
    """Name of the true class."""
    probability: float
    """Probability of the predicted class, from 0 to 1."""
    right: bool
    """Whether the predicted class is the true one."""


@dataclass(frozen=True)
class Tile:
    """An image of a grid, with its captions."""

    image: NDArray[np.uint8]
    """``[H, W]`` or ``[H, W, C]``."""
    above: tuple[str, ...] = ()
    """Lines of text above the image."""
    below: str = ""
    """The line below it."""
    classes: str = "caption"
    """CSS classes of the lines above."""


def first_answers(reference: Reference, count: int) -> list[PicturedAnswer]:
    """Return the answers to the first images of the test split."""
    return _answers(reference, range(min(count, len(reference.targets))))


def confident_mistakes(reference: Reference, count: int) -> list[PicturedAnswer]:
    """Return the mistakes of the highest confidence, highest first; of equal ones the first image first."""
    wrong = np.flatnonzero(reference.scores.argmax(axis=1) != reference.targets)
    order = np.argsort(-reference.scores[wrong].max(axis=1), kind="stable")
    return _answers(reference, map(int, wrong[order[:count]]))


def _answers(reference: Reference, images: Iterable[int]) -> list[PicturedAnswer]:
    answers = []
    for image in images:
        scores, true = reference.scores[image], int(reference.targets[image])
        predicted = int(scores.argmax())
        names = reference.labels[predicted], reference.labels[true]
        answers.append(PicturedAnswer(image, *names, float(scores[predicted]), predicted == true))
    return answers


def sample_picture(dataset: Dataset, count: int) -> str:
    """Return the first images of a split in rows of five as an SVG file, each under its class name.

    The split may have fewer images than ``count``.
    """
    targets = map(int, dataset.targets[:count])
    images = dataset.images[:count]
    tiles = [
        Tile(image, (shortened(dataset.labels[target], _LONGEST),))
        for image, target in zip(images, targets, strict=True)
    ]
    kind = "training" if dataset.split == "train" else "test"
    title = f"{dataset.name}: the first {len(tiles)} {kind} images"
    return picture(title, [("", draw_grid(tiles, 5, title))])


def predictions_picture(images: NDArray[np.uint8], answers: Sequence[PicturedAnswer], title: str) -> str:
    """Return test images as an SVG file, each between the predicted class above and the true class below.

    The images are uint8 ``[N, H, W]`` or ``[N, H, W, C]``; each image of the grid has an answer.
    """
    tiles = [
        Tile(
            images[answer.image],
            (
                f"{'✓' if answer.right else '✗'} {shortened(answer.predicted, _LONGEST)} "
                f"{percent(answer.probability, 1)}",
            ),
            f"is {shortened(answer.true, _LONGEST)} · no. {answer.image}",
            f"caption {'good' if answer.right else 'bad'}",
        )
        for answer in answers
    ]
    return picture(title, [("", draw_grid(tiles, 5, title))])


def changed_picture(
    images: NDArray[np.uint8], flips: Flips, labels: Sequence[str], names: tuple[str, str]
) -> str:
    """Return at most 30 images with a changed answer as an SVG file, largest margin of the original first.

    Above each image are the answers of the original and of the converted model, by these names, with their
    margins; below it are the true class and the number. Images are uint8, ``[N, H, W]`` or
    ``[N, H, W, C]``.
    """
    marks = [_mark(*classes) for classes in zip(flips.true, flips.reference, flips.candidate, strict=True)]
    # Sorting keeps the order of equal ones, which is that of the images.
    order = sorted(range(len(marks)), key=lambda entry: -flips.reference_margin[entry])[:SHOWN]
    tiles = [_changed_tile(images, flips, entry, marks[entry], labels) for entry in order]
    original, candidate = (shortened(name, _LONGEST_MODEL) for name in names)
    counts = Counter(marks)
    about = [
        f"{len(order)} of {len(marks):,} changed answers, with their margins; "
        "largest margin of the original first",
        f"{_WORSE} {counts[_WORSE]:,} worse, {_BETTER} {counts[_BETTER]:,} better, "
        f"{_WRONG} {counts[_WRONG]:,} wrong to wrong",
    ]
    return picture(f"{candidate} against {original}", [("", draw_grid(tiles, 5, about[0]))], about)


def _mark(true: int, before: int, after: int) -> str:
    if before == true:
        return _WORSE
    return _BETTER if after == true else _WRONG


def _changed_tile(
    images: NDArray[np.uint8], flips: Flips, entry: int, mark: str, labels: Sequence[str]
) -> Tile:
    true, before, after = (
        shortened(labels[classes[entry]], _LONGEST)
        for classes in (flips.true, flips.reference, flips.candidate)
    )
    number = flips.images[entry]
    lines = (
        f"was {before} {_margin(flips.reference_margin[entry])}",
        f"{mark} now {after} {_margin(flips.candidate_margin[entry])}",
    )
    return Tile(images[number], lines, f"is {true} · no. {number}", f"caption {_CLASSES[mark]}")


def _margin(margin: float) -> str:
    return f"by {margin:.3f}" if margin else "in a tie"


def weights_picture(before: NDArray[np.float32] | None, after: NDArray[np.float32]) -> str:
    """Return the weights of the first hidden units as an SVG file, before and after training.

    Each state has its own colour scale: initial weights are several times smaller than trained ones, and
    would show nothing on the same scale. Both are float32 ``[units, H, W]``; None if not recorded.
    """
    blocks = [("before training", before)] if before is not None else []
    drawings = [
        (f"{state} ({min(len(units), _UNITS)} of {len(units)} units)", draw_units(units[:_UNITS]))
        for state, units in [*blocks, ("after training", after)]
    ]
    return picture("Weights of the hidden units", drawings, columns=len(drawings))


def draw_units(units: NDArray[np.float32]) -> Drawing:
    """Draw the weights of each unit as an image, with a colour scale whose middle is zero."""
    sizes = np.abs(units[np.isfinite(units)])
    limit = (float(np.percentile(sizes, _CLIPPED_PERCENT)) if sizes.size else 0) or 1.0
    tiles = [Tile(image) for image in colour_weights(units / limit)]
    drawing = draw_grid(tiles, _UNIT_COLUMNS, "Weights of hidden units", _UNIT_SIDE)
    (width, height), bar = drawing.size, colour_weights(np.linspace(-1, 1, 65)[None])
    place = {"x": 0.0, "y": height, "width": width, "height": 12.0}
    scale = [
        tag("image", href=data_uri(bar), preserveAspectRatio="none", **place),
        text((0, height + 28), f"≤ {-limit:.2g}", "tick"),
        text((width / 2, height + 28), "weight 0", "tick", "middle"),
        text((width, height + 28), f"≥ {limit:.2g}", "tick", "end"),
    ]
    return Drawing((width, height + 34), drawing.message, Markup("").join([drawing.content, *scale]))


def colour_weights(weights: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the colours, uint8 ``[…, 3]``, of weights on a scale from -1 to 1; larger ones are clipped."""
    scaled = np.clip(np.nan_to_num(weights), -1, 1)[..., None]
    colours = _ZERO + np.where(scaled < 0, -scaled * (_COLD - _ZERO), scaled * (_WARM - _ZERO))
    colours[np.isnan(weights)] = _UNKNOWN
    return np.asarray(np.rint(colours), np.uint8)


def draw_grid(tiles: Sequence[Tile], columns: int, message: str, side: float = _SIDE) -> Drawing:
    """Draw images in rows, each column wide enough for its captions.

    A screen reader says the message. ``side`` is the width and height of an image.
    """
    captions = [text_width(line, bold=True) for tile in tiles for line in tile.above]
    width = max([side, *captions, *(text_width(tile.below) for tile in tiles)]) + _GAP
    above = LINE * max((len(tile.above) for tile in tiles), default=0)
    below = LINE if any(tile.below for tile in tiles) else 0.0
    height = above + side + below + _GAP
    parts = []
    for place, tile in enumerate(tiles):
        left, top = width * (place % columns), height * (place // columns)
        middle = left + (width - _GAP) / 2
        for row, line in enumerate(tile.above):
            parts.append(text((middle, top + LINE * row + 11), line, tile.classes, "middle"))
        box = {"x": middle - side / 2, "y": top + above, "width": side, "height": side}
        parts.append(tag("image", href=data_uri(tile.image, _LONGEST_SIDE), class_="pixels", **box))
        if tile.below:
            parts.append(text((middle, top + above + side + 13), tile.below, "tick", "middle"))
    size = width * min(columns, len(tiles)) - _GAP, height * -(-len(tiles) // columns)
    return Drawing(size, message, Markup("").join(parts))


def data_uri(image: NDArray[np.uint8], longest: int = 64) -> str:
    """Return an image as a PNG that stands in the page or picture itself, at most ``longest`` pixels a side.

    The image is uint8 ``[H, W]`` or ``[H, W, C]``; other than three channels are shown as their mean, in
    grey.
    """
    if image.ndim == 3 and image.shape[2] != 3:
        image = image.mean(axis=2).astype(np.uint8)
    small = Image.fromarray(image)
    small.thumbnail((longest, longest))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
