"""Every probability of a converted model against that of the original."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fmnist.figures.axes import Axis, horizontal_axis, vertical_axis
from fmnist.figures.grids import data_uri
from fmnist.figures.standalone import picture
from fmnist.figures.svg import Drawing, line, number, rectangle, tag, text
from fmnist.text.tables import shortened
from fmnist_runtime.parity.changes import Flips

_CELLS = 512
"""Probabilities are counted at multiples of 1/512. The values of an 8-bit softmax, multiples of 1/256, fall
into every second row, so that their steps are visible."""
_PIXELS = 1.5
"""Size of a cell."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 16.0, 10.0, 56.0
"""Margins for the axes and their titles."""
_LONGEST = 32
"""Characters of a name."""
_SIDE = _CELLS * _PIXELS
_TICKS = [(share, f"{share:g}") for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]


def scatter_picture(
    original: NDArray[np.float32], candidate: NDArray[np.float32], flips: Flips, names: tuple[str, str]
) -> str:
    """Return all probabilities as an SVG file, with those of changed answers marked.

    A changed answer is marked once, at the probabilities of the class that the original gave. Scores are
    float32 ``[N, classes]``; the names are those of the original and of the converted model.
    """
    before, after = (shortened(name, _LONGEST) for name in names)
    difference = np.abs(candidate.astype(np.float64) - original).max()
    key = ["Dashed line: no difference."]
    if flips.images:
        key.append(f"◇ changed answers: {len(flips.images):,}, at the class that the original gave.")
    return picture(
        f"{original.size:,} probabilities, largest difference {difference:.2g}",
        [("", draw_scatter(original, candidate, flips))],
        about=[f"Across: probability from {before}. Upwards: probability from {after}."],
        key=key,
    )


def draw_scatter(original: NDArray[np.float32], candidate: NDArray[np.float32], flips: Flips) -> Drawing:
    """Draw the number of probabilities at each point; arguments as of `scatter_picture`."""
    across, upwards = Axis(0, 1, _LEFT, _LEFT + _SIDE), Axis(0, 1, _TOP + _SIDE, _TOP)
    points = count_points(original, candidate)
    most = max(int(points.max()), 10)
    levels = np.log(np.maximum(points, 1)) / np.log(most)
    content = [
        horizontal_axis(across, _TOP, _TOP + _SIDE, _TICKS),
        vertical_axis(upwards, _LEFT, _LEFT + _SIDE, _TICKS),
        _layer("few", (points > 0).astype(np.float64)),
        _layer("many", levels),
        # Points on the line show between the dashes.
        line((across(0), upwards(0)), (across(1), upwards(1)), "no-difference"),
        _marks(original, candidate, flips, across, upwards),
        _scale(most),
    ]
    size = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM
    message = f"{original.size:,} probabilities of a converted model against those of its original."
    return Drawing(size, message, Markup("").join(content))


def count_points(original: NDArray[np.float32], candidate: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count the probabilities in each cell.

    Returns:
        int64 ``[513, 513]``; the candidate's probability falls with the row, the original's grows with the
        column.
    """
    side = _CELLS + 1
    # In float16 a probability may be a little above 1.
    column, row = (
        np.rint(np.clip(scores, 0, 1) * _CELLS).astype(np.intp) for scores in (original, candidate)
    )
    cells = (_CELLS - row) * side + column
    return np.bincount(cells.ravel(), minlength=side * side).reshape(side, side)


def _layer(name: str, levels: NDArray[np.float64]) -> Markup:
    """Draw all cells in the colour of a class, each with an opacity from 0 to 1."""
    place = {"x": _LEFT - _PIXELS / 2, "y": _TOP - _PIXELS / 2}
    box = place | {"width": (_CELLS + 1) * _PIXELS, "height": (_CELLS + 1) * _PIXELS}
    uri = data_uri(np.rint(255 * levels).astype(np.uint8), len(levels))
    image = tag("image", href=uri, class_="pixels", preserveAspectRatio="none", **box)
    mask = tag("mask", image, id=f"mask-{name}", maskUnits="userSpaceOnUse", **box)
    return mask + tag("rect", class_=name, mask=f"url(#mask-{name})", **box)


def _marks(
    original: NDArray[np.float32], candidate: NDArray[np.float32], flips: Flips, across: Axis, upwards: Axis
) -> Markup:
    """Draw a hollow diamond at each changed answer, of equal places one."""
    entries = list(flips.images), list(flips.reference)
    pairs = zip(original[entries].tolist(), candidate[entries].tolist(), strict=True)
    places = dict.fromkeys(f"M{number(across(x))} {number(upwards(y) - 4)}" for x, y in pairs)
    return tag("path", d="".join(f"{place}l4 4l-4 4l-4-4z" for place in places), class_="flips")


def _scale(most: int) -> Markup:
    """Draw the colours of 1, 10, 100 … probabilities at a point."""
    counts = [10**power for power in range(len(str(most)))]
    x, y = _LEFT, _TOP + _SIDE + 34
    parts = [text((x, y + 10), "probabilities at a point:", "title")]
    x += 160
    for count in counts:
        opacity = f"{np.log(count) / np.log(most):.3f}"
        parts += [
            rectangle((x, y), (12.0, 12.0), "few"),
            rectangle((x, y), (12.0, 12.0), "many", fill_opacity=opacity),
            text((x + 17, y + 10), f"{count:,}", "title"),
        ]
        x += 75
    return Markup("").join(parts)
