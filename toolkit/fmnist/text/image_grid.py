"""Images as text: grey half blocks on a terminal with colours, characters of increasing density elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from fmnist.text.colours import takes_colours

INK = " .:-=+*#%@"
"""From black to white in ten steps."""
_GREYS = (16, *range(232, 256), 231)
"""Black, 24 greys and white among the 256 colours of terminals."""
_HALF = "▀"
_RESET = "\x1b[0m"
_GAP = "  "


def draw_grid(
    images: NDArray[np.uint8], labels: Sequence[str], columns: int, width: int, coloured: bool
) -> str:
    """Return a grid of images, each above its label, which is cut to the width of the image.

    Images are uint8 ``[N, H, W]`` or ``[N, H, W, C]``; channels are averaged. They are reduced by whole
    factors to fit in lines of ``width`` characters. Colour codes show twice as many pixels.
    """
    grey = images.astype(np.float64)
    if grey.ndim == 4:
        grey = grey.mean(axis=3)
    room = max(1, (width - len(_GAP) * (columns - 1)) // columns)
    factor = -(-grey.shape[2] // room)
    # A character is twice as high as wide: two pixels in one, or their mean.
    pictures = _shrink(grey, factor, factor) if coloured else _shrink(grey, 2 * factor, factor)
    draw = _half_blocks if coloured else _ink
    cells = [draw(picture) for picture in pictures]
    size = pictures.shape[2]
    lines = []
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        names = [label[:size].ljust(size) for label in labels[start : start + columns]]
        lines += [_GAP.join(parts).rstrip() for parts in (*zip(*row, strict=True), names)]
        lines.append("")
    return "\n".join(lines[:-1])


def takes_half_blocks(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal with colours and half blocks."""
    if stream is None or not takes_colours(stream):
        return False
    try:
        _HALF.encode(stream.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _shrink(images: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the means of blocks of rows and columns; the edges are padded with black."""
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, -height % rows), (0, -width % columns)))
    blocks = padded.reshape(count, -(-height // rows), rows, -(-width // columns), columns)
    means: NDArray[np.float64] = blocks.mean(axis=(2, 4))
    return means


def _ink(image: NDArray[np.float64]) -> list[str]:
    steps = np.minimum(image * len(INK) / 256, len(INK) - 1).astype(int)
    return ["".join(INK[step] for step in row) for row in steps]


def _half_blocks(image: NDArray[np.float64]) -> list[str]:
    """Draw two pixels per character: the upper one as foreground, the lower one as background."""
    image = np.pad(image, ((0, len(image) % 2), (0, 0)))
    codes = np.asarray(_GREYS)[np.rint(image * (len(_GREYS) - 1) / 255).astype(int)]
    return [
        "".join(f"\x1b[38;5;{upper};48;5;{lower}m{_HALF}" for upper, lower in zip(*pair, strict=True))
        + _RESET
        for pair in zip(codes[::2], codes[1::2], strict=True)
    ]
