"""Reading image files for models: raw pixels of the model's size, prepared as its training images were.

A file that is not trusted costs limited memory: files and pixels have limits, few parsers are used, and large
images are reduced first.
"""

from __future__ import annotations

import io
import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.preparation import parse_preparation, prepare, with_polarity
from fmnist_runtime.errors import ImageError, needs_extra
from fmnist_runtime.files import read_file

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["read_image"]

MAX_BYTES = 2**27
"""Largest image file that is read."""
MAX_PIXELS = 2**25
"""Largest image that is decoded: 33 megapixels. WebP needs most memory, 16 bytes per pixel: 0.5 GB."""
MAX_JPEG_PIXELS = 2**26
"""The same for JPEG, as telephones write 64 megapixels. It is decoded smaller, from coefficients of 8
bytes per pixel."""

_MAX_HELD = 2**21
"""Largest picture in which an object is searched."""

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP")
"""Formats that Pillow may try, first those that it has loaded anyway. It has more, one of which starts
Ghostscript."""
_READ = "PNG, JPEG, GIF, BMP, TIFF, WebP or PPM"
_ISO_IMAGES = {
    **dict.fromkeys((b"avif", b"avis"), "an AVIF image"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "a HEIC image"),
    **dict.fromkeys((b"mif1", b"msf1"), "a HEIF image"),
}
"""By the bytes after ``ftyp`` at the start of such files (ISO/IEC 14496-12). Pillow cannot read HEIC. It
can read AVIF, but not within limits: for a file of 3 kB with a header of 100 x 100 pixels it took 1 GB."""
_OTHER_STARTS = {
    b"%PDF": "a PDF document",
    b"%!PS": "PostScript",
    b"<svg": "an SVG drawing",
    b"<?xml": "XML, such as an SVG drawing",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\xff\x0a": "a JPEG XL image",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image",
    b"8BPS": "a Photoshop file",
    b"\x93NUMPY": "an array of NumPy",
}
_CHANNELS = (1, 3)
_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
_TO_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""Reverses each orientation of the EXIF specification (CIPA DC-008, 4.6.4); 1 is upright."""


@dataclass(frozen=True)
class Picture:
    """An image for a model, and how it was changed."""

    pixels: NDArray[np.uint8]
    """uint8 of the model's image shape."""
    inverted: bool
    """Whether dark on light was inverted to light on dark."""
    width: int
    """Width in pixels, upright, before scaling."""
    height: int
    """Height in pixels, upright, before scaling."""
    mode: str
    """Colour mode before conversion, by Pillow's name, such as ``L``, ``RGB`` or ``RGBA``."""


def read_image(path: Path, shape: tuple[int, ...], preparation: str = "stretch") -> NDArray[np.uint8]:
    """Read an image file of any size and colour mode for a model.

    It is turned upright by its EXIF data. Transparent pixels become black, or white behind a dark object.

    Args:
        path: A PNG, JPEG, GIF, BMP, TIFF, WebP or PPM file; the first frame if there are several.
        shape: The model's image shape, ``(H, W)`` or ``(H, W, C)`` with C of 1 or 3.
        preparation: How it becomes the model's input (see `fmnist_runtime.data.preparation`). A sealed model
            declares it: ``session.info.preparation``.

    Returns:
        uint8 array of that shape.

    Raises:
        ValueError: There is no such preparation.
        ImageError: The file is missing, too large or not an image, or the model takes no images of that
            shape.
        MissingExtraError: Pillow is not installed.
    """
    return read_picture(path, shape, preparation).pixels


def read_picture(path: Path, shape: tuple[int, ...], preparation: str = "stretch") -> Picture:
    """As `read_image`, with the changes to the image."""
    return decode_picture(_read(path), str(path), shape, preparation)


def decode_picture(
    content: bytes, name: str, shape: tuple[int, ...], preparation: str = "stretch"
) -> Picture:
    """As `read_picture`, for the bytes of an image file and its name in messages."""
    how = parse_preparation(preparation)
    with needs_extra("images", "reading image files"):
        from PIL import Image, UnidentifiedImageError
    require_image_shape(shape, name)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as file:
            _require_moderate(file, name)
            (width, height), mode = _upright(file), file.mode
            image = _reduced(file, how.kept_side(shape), how.name != "stretch")
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_unread(content)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: is too large an image; scale it down first") from error
    except Exception as error:  # Pillow's plugins raise any exception for a damaged file
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name}: image file is cut off or cannot be read ({reason})") from error
    pixels, inverted = prepare(_opaque(image), shape, how)
    return Picture(pixels, inverted, width, height, mode)


def read_header(content: bytes | str) -> tuple[int, int, str] | None:
    """Return the upright width and height of an image and its colour mode, without decoding it.

    ``content`` is the bytes of an image file, or its path. None if it is not an image that is read.
    """
    with needs_extra("images", "reading image files"):
        from PIL import Image
    try:
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        with Image.open(file, formats=_FORMATS) as image:
            return *_upright(image), image.mode
    except Exception:  # Pillow's plugins raise any exception for a damaged file
        return None


def _upright(image: PIL.Image.Image) -> tuple[int, int]:
    """Return the width and height of an opened image as its EXIF data turns it."""
    turned = image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE
    return (image.height, image.width) if turned else (image.width, image.height)


def fit_picture(
    pixels: NDArray[np.uint8], name: str, shape: tuple[int, ...], preparation: str = "stretch"
) -> Picture:
    """As `read_picture`, for pixels uint8 ``[H, W]`` or ``[H, W, C]`` with C of 1 or 3."""
    require_image_shape(shape, name)
    if not is_image_shape(pixels.shape):
        raise ImageError(f"{name}: pixels of shape {pixels.shape} are not an image")
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    height, width = pixels.shape[:2]
    how = parse_preparation(preparation)
    if pixels.shape[:2] == shape[:2] and pixels.size == math.prod(shape) and how.background == "keep":
        fitted, inverted = with_polarity(pixels.reshape(shape), how)
    else:
        with needs_extra("images", "preparing images"):
            from PIL import Image
        image = Image.fromarray(pixels.reshape(height, width) if grey else pixels)
        image = _smaller(image, how.kept_side(shape), how.name != "stretch")
        fitted, inverted = prepare(image, shape, how)
    return Picture(fitted, inverted, width, height, "L" if grey else "RGB")


def image_shape(input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an image to read for a model.

    It is the model's own; for flattened input the square of that many pixels, and for one channel before
    height and width these two.
    """
    if len(input_shape) == 3 and input_shape[0] == 1 and input_shape[2] not in _CHANNELS:
        return input_shape[1:]
    side = math.isqrt(input_shape[0])
    if len(input_shape) == 1 and side * side == input_shape[0]:
        return side, side
    return input_shape


def require_image_shape(shape: tuple[int, ...], name: str) -> None:
    """Check that images can be read for a model.

    Raises:
        ImageError: The shape is not ``(H, W)`` or ``(H, W, C)`` with C of 1 or 3.
    """
    if not is_image_shape(shape):
        raise ImageError(f"{name}: the model takes input of shape {shape}, which is not that of an image")


def is_image_shape(shape: tuple[int, ...]) -> bool:
    """Return whether a shape is ``(H, W)`` or ``(H, W, C)`` with C of 1 or 3."""
    channels = shape[2] if len(shape) == 3 else 1
    return len(shape) in (2, 3) and channels in _CHANNELS and 0 not in shape


def _read(path: Path) -> bytes:
    """Return the content of a regular file. Opening a pipe could block for ever."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        status = None  # for read_file to say why
    if status and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise ImageError(f"{path}: is a pipe or device, not a file; to read from a pipe give -")
    if status and status.st_size > MAX_BYTES:
        raise ImageError(f"{path}: is larger than {MAX_BYTES / 1e6:.0f} MB; scale the image down first")
    return read_file(path, "an image file", ImageError)


def _unread(content: bytes) -> str:
    """Return what an unsupported file is, and what to do with it."""
    kind = _ISO_IMAGES.get(content[8:12], "") if content[4:8] == b"ftyp" else ""
    kind = kind or next((kind for start, kind in _OTHER_STARTS.items() if content.startswith(start)), "")
    if kind:
        return f"is {kind}, which is not read; convert it to PNG or JPEG"
    return f"not an image of a format that is read; give a file in {_READ}"


def _require_moderate(file: PIL.Image.Image, name: str) -> None:
    limit = MAX_JPEG_PIXELS if file.format in ("JPEG", "MPO") else MAX_PIXELS
    if file.width * file.height > limit:
        raise ImageError(
            f"{name}: is too large an image, {file.width}×{file.height}; scale it down first, "
            f"to {limit // 10**6} megapixels or fewer"
        )


def _reduced(file: PIL.Image.Image, side: int, evenly: bool) -> PIL.Image.Image:
    """Return the first frame upright, in L, RGB or RGBA, and not much larger than a side; see `_smaller`."""
    from PIL import Image

    file.draft(None, (side, side))  # in its own mode; only for JPEG
    file.load()
    orientation = file.getexif().get(_ORIENTATION)  # after loading, which turns a TIFF upright
    image = _eight_bits(_smaller(_reducible(file), side, evenly))
    if orientation in _TO_UPRIGHT:
        return image.transpose(Image.Transpose[_TO_UPRIGHT[orientation]])
    return image


def _reducible(image: PIL.Image.Image) -> PIL.Image.Image:
    """Return the image in a mode that Pillow can average: L, RGB, RGBA, or I for 16-bit grey."""
    if image.mode == "F":
        raise ValueError("floating-point pixels have no range that all agree on")
    if image.mode.startswith("I"):
        return image.convert("I")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "RGBA":
        return image
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _smaller(image: PIL.Image.Image, side: int, evenly: bool) -> PIL.Image.Image:
    """Average whole blocks of pixels, so that no side becomes shorter than this one; squares, if evenly."""
    factors = max(1, image.width // side), max(1, image.height // side)
    if evenly:  # a very long picture becomes narrower than that, as all of it is held as numbers
        factor = max(min(factors), math.ceil(math.sqrt(image.width * image.height / _MAX_HELD)))
        factors = factor, factor
    return image if factors == (1, 1) else image.reduce(factors)


def _eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """Return the upper 8 bits of a 16-bit grey image, which Pillow would clip; other images as they are."""
    if image.mode != "I":
        return image
    from PIL import Image

    return Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))


def _opaque(image: PIL.Image.Image) -> PIL.Image.Image:
    """Return an image in L, RGB or RGBA on black, or on white if it is dark, in L or RGB."""
    if image.mode != "RGBA":
        return image
    from PIL import Image

    shade = 255 if _is_dark(image) else 0
    background = Image.new("RGBA", image.size, (shade, shade, shade, 255))
    background.alpha_composite(image)
    return background.convert("RGB")


def _is_dark(image: PIL.Image.Image) -> bool:
    """Return whether the visible part of an image with transparency is nearer black than white."""
    alpha = np.asarray(image.getchannel("A"), np.int64)
    if alpha.min() == 255:
        return False
    grey = np.asarray(image.convert("L"), np.int64)
    return bool((grey * alpha).sum() < 127.5 * alpha.sum())
