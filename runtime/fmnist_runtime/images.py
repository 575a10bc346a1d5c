"""Image files as the models want them: raw grey pixels, light on dark, of the model's size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ImageError, needs_extra
from fmnist_runtime.files import require_file

if TYPE_CHECKING:
    import PIL.Image

INVERT = ("auto", "always", "never")

_MODES = {1: "L", 3: "RGB"}


def read_image(path: Path, shape: tuple[int, ...], invert: str = "auto") -> NDArray[np.uint8]:
    """Read an image file of any size and colour mode for a model.

    Transparent pixels become black, or white behind a dark object; then the image is scaled to the
    model's size.

    Args:
        path: A file in any format that Pillow reads.
        shape: The model's image shape, ``(H, W)`` or ``(H, W, C)`` with C of 1 or 3.
        invert: The data sets are light on dark. ``auto`` inverts an image whose border is, in the
            mean, nearer white than black, as in a photograph of a garment on white.

    Returns:
        uint8 array of that shape.

    Raises:
        ImageError: The file is missing or not an image, or the model takes no images of that shape.
        MissingExtraError: Pillow is not installed.
    """
    with needs_extra("images", "reading image files"):
        from PIL import Image, ImageOps, UnidentifiedImageError
    require_file(path, "an image file", ImageError)
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels not in _MODES:
        raise ImageError(f"{path}: the model takes input of shape {shape}, which is not that of an image")
    try:
        with Image.open(path) as file:
            upright = ImageOps.exif_transpose(file)
            flattened = _eight_bits(upright).convert("RGBA")
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: is too large an image; scale it down first") from error
    except (UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise ImageError(f"{path}: not an image that Pillow can read; give a PNG or JPEG file") from error
    except OSError as error:
        raise ImageError(f"{path}: image file is cut off or cannot be read ({error})") from error
    shade = 255 if _is_dark(flattened) else 0
    background = Image.new("RGBA", flattened.size, (shade, shade, shade, 255))
    background.alpha_composite(flattened)
    height, width = shape[:2]
    resized = background.convert(_MODES[channels]).resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.asarray(resized, np.uint8).reshape(shape)
    if invert == "always" or (invert == "auto" and _border_mean(pixels) > 127.5):
        pixels = 255 - pixels
    return pixels


def _eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """An image of 16-bit grey with its upper 8 bits, which Pillow would clip to white; others as they are."""
    if image.mode == "F":
        raise ValueError("floating-point pixels have no range that all agree on")
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    return Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))


def _is_dark(image: PIL.Image.Image) -> bool:
    """Whether what can be seen of an image with transparency is nearer black than white."""
    alpha = np.asarray(image.getchannel("A"), np.int64)
    if alpha.min() == 255:
        return False
    grey = np.asarray(image.convert("L"), np.int64)
    return bool((grey * alpha).sum() < 127.5 * alpha.sum())


def image_shape(input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of image to read for a model: its own; for flattened input the square of that many pixels."""
    side = math.isqrt(input_shape[0])
    if len(input_shape) == 1 and side * side == input_shape[0]:
        return side, side
    return input_shape


def _border_mean(pixels: NDArray[np.uint8]) -> float:
    """Mean of the outermost rows and columns."""
    edges = (pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1])
    total = math.fsum(float(edge.sum(dtype=np.int64)) for edge in edges)
    return total / sum(edge.size for edge in edges)
