"""Image files as the models want them: raw grey pixels, light on dark, of the model's size.

A stranger's file costs bounded memory: files and pixels have limits, few parsers are reached, and large
images are made smaller before anything else is done with them.
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

from fmnist_runtime.errors import ImageError, needs_extra
from fmnist_runtime.files import require_file

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["read_image"]

MAX_BYTES = 2**27
"""Largest image file that is read."""
MAX_PIXELS = 2**25
"""Largest image that is decoded: 33 megapixels. WebP is the costliest, with 16 bytes a pixel: 0.5 GB."""
MAX_JPEG_PIXELS = 2**26
"""JPEG, which telephones write in 64 megapixels, is decoded smaller, from coefficients of 8 bytes a pixel."""

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP")
"""All that Pillow may try, first what it has loaded anyway. It has more, one of which starts Ghostscript."""
_READ = "PNG, JPEG, GIF, BMP, TIFF, WebP or PPM"
_ISO_IMAGES = {
    **dict.fromkeys((b"avif", b"avis"), "an AVIF image"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "a HEIC image"),
    **dict.fromkeys((b"mif1", b"msf1"), "a HEIF image"),
}
"""What is behind ``ftyp`` at the start of such files (ISO/IEC 14496-12). Pillow cannot read HEIC. It can read
AVIF, but not within limits: a file of 3 kB whose header says 100 x 100 pixels had it take 1 GB."""
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
_MODES = {1: "L", 3: "RGB"}
_OVERSAMPLING = 8
"""How many times the model's size an image keeps until it is resampled properly."""
_ORIENTATION = 0x0112
_TO_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What undoes each orientation of the EXIF specification (CIPA DC-008, 4.6.4); 1 is upright."""


@dataclass(frozen=True)
class Picture:
    """An image as a model sees it, and what was done to it."""

    pixels: NDArray[np.uint8]
    """uint8 of the model's image shape."""
    inverted: bool
    """Whether dark on light was turned into light on dark."""
    width: int
    """Pixels across, before scaling."""
    height: int
    """Pixels down, before scaling."""
    mode: str
    """Colour mode before conversion, as Pillow calls it, such as ``L``, ``RGB`` or ``RGBA``."""


def read_image(path: Path, shape: tuple[int, ...], invert: str = "auto") -> NDArray[np.uint8]:
    """Read an image file of any size and colour mode for a model.

    Transparent pixels become black, or white behind a dark object; then the image is scaled to the
    model's size, whatever its own proportions.

    Args:
        path: A PNG, JPEG, GIF, BMP, TIFF, WebP or PPM file; of several frames the first is read.
        shape: The model's image shape, ``(H, W)`` or ``(H, W, C)`` with C of 1 or 3.
        invert: ``auto``, ``always`` or ``never``. The grey data sets are light on dark. For a grey model
            ``auto`` inverts an image whose border is, in the mean, nearer white than black, as in a
            photograph of a garment on white; `read_picture` says whether it did. For a model of three
            channels it never does: the complement of a colour is another colour.

    Returns:
        uint8 array of that shape.

    Raises:
        ImageError: The file is missing, too large or not an image, or the model takes no images of
            that shape.
        MissingExtraError: Pillow is not installed.
    """
    return read_picture(path, shape, invert).pixels


def read_picture(path: Path, shape: tuple[int, ...], invert: str = "auto") -> Picture:
    """As `read_image`, with what was done to the image."""
    return decode_picture(_read(path), str(path), shape, invert)


def decode_picture(content: bytes, name: str, shape: tuple[int, ...], invert: str = "auto") -> Picture:
    """As `read_picture`, for the bytes of an image file.

    Args:
        content: The whole file.
        name: What to call it in messages.
        shape: As of `read_image`.
        invert: As of `read_image`.
    """
    with needs_extra("images", "reading image files"):
        from PIL import Image, UnidentifiedImageError
    require_image_shape(shape, name)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as file:
            width, height, mode = file.width, file.height, file.mode
            _require_moderate(file, name)
            image = _reduced(file, _OVERSAMPLING * max(shape[:2]))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_unread(content)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: is too large an image; scale it down first") from error
    except Exception as error:  # of a damaged file Pillow's plugins raise anything
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name}: image file is cut off or cannot be read ({reason})") from error
    pixels, inverted = _fit(image, shape, invert)
    return Picture(pixels, inverted, width, height, mode)


def fit_picture(
    pixels: NDArray[np.uint8], name: str, shape: tuple[int, ...], invert: str = "auto"
) -> Picture:
    """As `read_picture`, for pixels that are known already.

    Args:
        pixels: uint8 ``[H, W]`` or ``[H, W, C]`` with C of 1 or 3.
        name: What to call it in messages.
        shape: As of `read_image`.
        invert: As of `read_image`.
    """
    require_image_shape(shape, name)
    if not _is_image(pixels.shape):
        raise ImageError(f"{name}: pixels of shape {pixels.shape} are no image")
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    height, width = pixels.shape[:2]
    if pixels.shape[:2] == shape[:2] and pixels.size == math.prod(shape):
        fitted, inverted = _inverted(pixels.reshape(shape), invert)
    else:
        with needs_extra("images", "scaling images"):
            from PIL import Image
        image = Image.fromarray(pixels.reshape(height, width) if grey else pixels)
        fitted, inverted = _fit(_smaller(image, _OVERSAMPLING * max(shape[:2])), shape, invert)
    return Picture(fitted, inverted, width, height, "L" if grey else "RGB")


def image_shape(input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of image to read for a model.

    It is the model's own; for flattened input the square of that many pixels, and for one channel in front of
    height and width these two.
    """
    if len(input_shape) == 3 and input_shape[0] == 1 and input_shape[2] not in _MODES:
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
    if not _is_image(shape):
        raise ImageError(f"{name}: the model takes input of shape {shape}, which is not that of an image")


def _is_image(shape: tuple[int, ...]) -> bool:
    channels = shape[2] if len(shape) == 3 else 1
    return len(shape) in (2, 3) and channels in _MODES and 0 not in shape


def _read(path: Path) -> bytes:
    """The content of a regular file. Opening a pipe could wait for ever."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        status = None  # for require_file to say why
    if status and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise ImageError(f"{path}: is a pipe or device, not a file; for what comes through a pipe give -")
    require_file(path, "an image file", ImageError)
    if status and status.st_size > MAX_BYTES:
        raise ImageError(f"{path}: is larger than {MAX_BYTES / 1e6:.0f} MB; scale the image down first")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error


def _unread(content: bytes) -> str:
    """What a file is that is none of the formats that are read, and what to do with it."""
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


def _reduced(file: PIL.Image.Image, side: int) -> PIL.Image.Image:
    """The first frame upright, in L, RGB or RGBA, and not much larger than a side."""
    from PIL import Image

    file.draft(None, (side, side))  # in its own mode; only JPEG can do this
    file.load()
    orientation = file.getexif().get(_ORIENTATION)  # after loading, which itself turns a TIFF upright
    image = _eight_bits(_smaller(_reducible(file), side))
    if orientation in _TO_UPRIGHT:
        return image.transpose(Image.Transpose[_TO_UPRIGHT[orientation]])
    return image


def _reducible(image: PIL.Image.Image) -> PIL.Image.Image:
    """The image in a mode that Pillow can average: L, RGB, RGBA, or I where it is 16-bit grey."""
    if image.mode == "F":
        raise ValueError("floating-point pixels have no range that all agree on")
    if image.mode.startswith("I"):
        return image.convert("I")
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "RGBA":
        return image
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _smaller(image: PIL.Image.Image, side: int) -> PIL.Image.Image:
    """Means of whole blocks, as many as leave no length under the side."""
    factors = max(1, image.width // side), max(1, image.height // side)
    return image if factors == (1, 1) else image.reduce(factors)


def _eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """An image of 16-bit grey with its upper 8 bits, which Pillow would clip to white; others as they are."""
    if image.mode != "I":
        return image
    from PIL import Image

    return Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))


def _fit(image: PIL.Image.Image, shape: tuple[int, ...], invert: str) -> tuple[NDArray[np.uint8], bool]:
    """The pixels of an image in L, RGB or RGBA for a model, and whether they were inverted."""
    from PIL import Image

    if image.mode == "RGBA":
        shade = 255 if _is_dark(image) else 0
        background = Image.new("RGBA", image.size, (shade, shade, shade, 255))
        background.alpha_composite(image)
        image = background
    mode = _MODES[shape[2] if len(shape) == 3 else 1]
    resized = image.convert(mode).resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    return _inverted(np.asarray(resized, np.uint8).reshape(shape), invert)


def _inverted(pixels: NDArray[np.uint8], invert: str) -> tuple[NDArray[np.uint8], bool]:
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    if invert == "always" or (invert == "auto" and grey and _border_mean(pixels) > 127.5):
        return 255 - pixels, True
    return pixels, False


def _is_dark(image: PIL.Image.Image) -> bool:
    """Whether what can be seen of an image with transparency is nearer black than white."""
    alpha = np.asarray(image.getchannel("A"), np.int64)
    if alpha.min() == 255:
        return False
    grey = np.asarray(image.convert("L"), np.int64)
    return bool((grey * alpha).sum() < 127.5 * alpha.sum())


def _border_mean(pixels: NDArray[np.uint8]) -> float:
    """Mean of the outermost rows and columns."""
    edges = (pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1])
    total = math.fsum(float(edge.sum(dtype=np.int64)) for edge in edges)
    return total / sum(edge.size for edge in edges)
