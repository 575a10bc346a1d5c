"""How a picture becomes a model's input. A model declares it, and every use of the model follows it.

A preparation is written as a name, and options after commas where they differ from the defaults, such as
``pad,filter=bilinear``. The names:

- ``stretch`` scales the picture to the model's size, whatever its proportions.
- ``pad`` keeps the proportions and fills the rest with the colour of the border.
- ``crop`` keeps the proportions and cuts off the longer side, evenly at both ends.
- ``mnist`` and ``fashion-mnist`` do what the authors of these data sets did (see `pipelines`).

The options of the first three:

- ``filter``: ``nearest``, ``box``, ``bilinear``, ``bicubic`` or ``lanczos``, the default, which is the only
  option of the other two
- ``polarity``: ``as-is``, the default; ``inverted``; or ``light-on-dark``, which inverts a picture whose
  border is on average nearer to white than to black
- ``background``: ``keep``, the default; or ``remove``, which makes an uneven background white, or black if it
  is dark
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import PIL.Image

PIPELINES = ("mnist", "fashion-mnist")
_NAMES = ("stretch", "pad", "crop", *PIPELINES)
_OPTIONS = {
    "filter": ("nearest", "box", "bilinear", "bicubic", "lanczos"),
    "polarity": ("as-is", "light-on-dark", "inverted"),
    "background": ("keep", "remove"),
}
_OVERSAMPLING = 8
"""Multiple of the model's size that a picture keeps until it is resampled."""
_SEARCHED = 512
"""Pixels of the shorter side of a picture in which an object is searched."""


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes a model's input; see the module."""

    name: str = "stretch"
    filter: str = "lanczos"
    polarity: str = "as-is"
    background: str = "keep"

    def __str__(self) -> str:
        """Return the text that `parse_preparation` takes."""
        default = Preparation()
        options = (field.name for field in fields(self) if field.name != "name")
        changed = (name for name in options if getattr(self, name) != getattr(default, name))
        return ",".join([self.name, *(f"{name}={getattr(self, name)}" for name in changed)])

    @property
    def is_pipeline(self) -> bool:
        """Whether it finds the object in a picture, and makes it light on black."""
        return self.name in PIPELINES

    def kept_side(self, shape: tuple[int, ...]) -> int:
        """Return the pixels that the shorter side of a picture needs for a model of this image shape."""
        return _SEARCHED if self.is_pipeline else _OVERSAMPLING * max(shape[:2])


@cache
def parse_preparation(text: str) -> Preparation:
    """Parse a preparation.

    Raises:
        ValueError: It is none; the text says what is possible.
    """
    name, *options = text.strip().lower().split(",")
    if name not in _NAMES:
        raise ValueError(f"{text!r} is not a preparation; there are {', '.join(_NAMES)}")
    found = Preparation(name)
    for option in options:
        key, _, value = option.partition("=")
        if value not in _OPTIONS.get(key, ()):
            possible = "; ".join(f"{key}={'|'.join(values)}" for key, values in _OPTIONS.items())
            raise ValueError(f"{text!r} has the option {option!r}; options are {possible}")
        if found.is_pipeline and key != "filter":
            raise ValueError(f"{text!r} has the option {option!r}, but {name} decides that itself")
        found = replace(found, **{key: value})
    return found


def prepare(
    image: PIL.Image.Image, shape: tuple[int, ...], how: Preparation
) -> tuple[NDArray[np.uint8], bool]:
    """Return a picture as a model's input.

    Args:
        image: The picture, in mode L or RGB, upright.
        shape: The model's image shape, ``(H, W)`` or ``(H, W, C)`` with C of 1 or 3.
        how: The preparation. A picture of the model's own size has gone through a pipeline already; of that,
            only the polarity is changed.

    Returns:
        uint8 array of that shape, and whether dark on light was inverted.
    """
    from fmnist_runtime.data import pipelines

    channels = shape[2] if len(shape) == 3 else 1
    size = shape[1], shape[0]
    if how.is_pipeline and image.size != size:
        run = pipelines.mnist if how.name == "mnist" else pipelines.fashion_mnist
        grey, inverted = run(image, size, resampling(how.filter))
        return np.repeat(grey[..., np.newaxis], channels, axis=2).reshape(shape), inverted
    mode = "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)  # each would copy it
    if how.background == "remove":
        image = pipelines.without_background(image)
    return with_polarity(np.asarray(_scaled(image, size, how), np.uint8).reshape(shape), how)


def with_polarity(pixels: NDArray[np.uint8], how: Preparation) -> tuple[NDArray[np.uint8], bool]:
    """Return an image of the model's size, inverted if the preparation says so, and whether it was."""
    light_on_dark = how.is_pipeline or how.polarity == "light-on-dark"
    if how.polarity == "inverted" or (light_on_dark and border(pixels).mean() > 127.5):
        return 255 - pixels, True
    return pixels, False


def resampling(filter: str) -> PIL.Image.Resampling:
    """Return Pillow's filter of a name."""
    from PIL import Image

    return Image.Resampling[filter.upper()]


def border(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the outermost pixels, ``[N]`` or ``[N, C]``, of an image ``[H, W]`` or ``[H, W, C]``."""
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def _scaled(image: PIL.Image.Image, size: tuple[int, int], how: Preparation) -> PIL.Image.Image:
    if image.size == size:
        return image
    filter = resampling(how.filter)
    if how.name == "stretch" or image.width * size[1] == image.height * size[0]:
        return image.resize(size, filter)
    ratios = size[0] / image.width, size[1] / image.height
    if how.name == "crop":
        ratio = max(ratios)
        width, height = size[0] / ratio, size[1] / ratio
        # Rounding could put a corner of the box out of the picture, which Pillow refuses.
        left, top = max(0.0, (image.width - width) / 2), max(0.0, (image.height - height) / 2)
        right, bottom = min(image.width, left + width), min(image.height, top + height)
        return image.resize(size, filter, (left, top, right, bottom))
    ratio = min(ratios)
    inner = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
    colour = np.median(border(np.asarray(image)), axis=0).astype(int)
    padded = image.copy().resize(size)
    padded.paste(tuple(colour.tolist()) if colour.ndim else int(colour), (0, 0, *size))
    padded.paste(image.resize(inner, filter), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return padded
