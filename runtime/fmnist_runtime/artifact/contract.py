"""The input contract: how raw pixels become the model's input.

A range is written ``BLACK-WHITE``: the numbers for a black and a white pixel, such as ``0-255``, ``0-1``,
``-1-1``, or ``1-0`` if white is 0. Or it is ``mean=M,std=S``, in the units of torchvision's Normalize: a
pixel x becomes (x / 255 - M) / S, with one number for all channels or one for each. The suffix ``:bgr`` means
that blue is the first channel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import UnknownInputError

Layout = Literal["flat", "HW", "HWC", "CHW"]

RAW = "0-255"
"""The range of every artifact of ours, as the normalisation is inside the model."""
_EXAMPLES = "0-255, 0-1, -1-1, or mean=0.1307,std=0.3081"
_NUMBER = r"-?\d+(?:\.\d+)?"
_ENDS = re.compile(rf"({_NUMBER})-({_NUMBER})")
_STATISTICS = re.compile(rf"mean=({_NUMBER}(?:,{_NUMBER})*),std=({_NUMBER}(?:,{_NUMBER})*)")
_LARGEST = 1e6
"""Beyond the range of any trained model."""
_LARGEST_STD = 2.0
"""For pixels 0-1, a deviation is at most 0.5 and a mean at most 1. Larger ones are for pixels 0-255."""


@dataclass(frozen=True)
class PixelRange:
    """The numbers that pixels 0–255 become: ``scale · pixel + offset``."""

    text: str
    """The range as text; see the module."""
    scale: tuple[float, ...]
    """One number for all channels, or one for each."""
    offset: tuple[float, ...]
    """As many numbers as ``scale``."""
    bgr: bool = False
    """Whether blue is the first channel of the model."""

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """float64 ``[1 or channels, 256]``: the number for each pixel, by the model's own channels."""
        scale, offset = (np.array(numbers)[:, np.newaxis] for numbers in (self.scale, self.offset))
        values: NDArray[np.float64] = scale * np.arange(256) + offset
        return values


@dataclass(frozen=True)
class InputContract:
    """What a model takes as input, and how that is known."""

    range: str | None
    """Range of the pixels, such as ``0-255``, ``0-1`` or ``mean=0.1307,std=0.3081``; None if unknown."""
    known_from: str
    """Source of the range, such as ``its seal`` or ``--input-range``; empty if unknown."""
    layout: Layout
    """Order of an image's dimensions in the model's input."""
    dtype: str
    """Type of the model's input."""
    shape: tuple[int, ...]
    """Shape of the model's input for one image."""

    def require_range(self, path: object) -> str:
        """Return the range.

        Raises:
            UnknownInputError: It is not known.
        """
        if self.range is None:
            raise UnknownInputError(
                f"{path}: does not say its input range, and another range gives wrong answers; "
                f"give the range with --input-range, such as {_EXAMPLES}, or in Python with "
                f"load(path, input_range=…), or find it with: fmnist eval {path} --dataset DATASET"
            )
        return self.range


def parse_range(text: str) -> PixelRange:
    """Parse a range.

    Raises:
        ValueError: It is not a range; the text shows examples.
    """
    written = text.strip().lower()
    body, bgr = written.removesuffix(":bgr"), written.endswith(":bgr")
    if statistics := _STATISTICS.fullmatch(body):
        mean, std = (tuple(map(float, numbers.split(","))) for numbers in statistics.groups())
        return _normalised(written, mean, std, bgr)
    if not (ends := _ENDS.fullmatch(body)):
        raise ValueError(
            f"{text!r} is not an input range; examples are {_EXAMPLES}, followed by :bgr if blue is first"
        )
    black, white = map(float, ends.groups())
    if black == white or max(abs(black), abs(white)) > _LARGEST:
        raise ValueError(
            f"{text!r} is not an input range; black and white must be different numbers of at most 1e6"
        )
    return PixelRange(written, ((white - black) / 255,), (black,), bgr)


def _normalised(text: str, mean: tuple[float, ...], std: tuple[float, ...], bgr: bool) -> PixelRange:
    if len(mean) != len(std) or len(mean) not in (1, 3):
        raise ValueError(f"{text!r} has {len(mean)} means and {len(std)} deviations; give 1 or 3 of each")
    if min(std) <= 0:
        raise ValueError(f"{text!r} has a deviation of {min(std):g}; deviations must be greater than 0")
    if max(std) > _LARGEST_STD or max(map(abs, mean)) > _LARGEST_STD:
        values = [",".join(f"{number / 255:.6g}" for number in numbers) for numbers in (mean, std)]
        raise ValueError(
            f"{text!r} is of pixels 0-255; mean and std are of pixels 0-1: mean={values[0]},std={values[1]}"
        )
    scale = tuple(1 / (255 * deviation) for deviation in std)
    offset = tuple(-average / deviation for average, deviation in zip(mean, std, strict=True))
    return PixelRange(text, scale, offset, bgr)


def range_of_statistics(mean: tuple[float, ...], std: tuple[float, ...], bgr: bool = False) -> str:
    """Return the range in which a pixel x of 0–255 becomes (x - mean) / std, in its usual notation.

    Args:
        mean: One number, or one for each channel, for pixels 0–255.
        std: As many.
        bgr: Whether blue is the first channel.

    Raises:
        ValueError: There is no such range.
    """
    if not mean or len(mean) != len(std) or min(std) <= 0 or not np.isfinite([*mean, *std]).all():
        raise ValueError(f"means {mean} and deviations {std}")
    if len(set(zip(mean, std, strict=True))) == 1:
        text = _ends(-mean[0] / std[0], (255 - mean[0]) / std[0])
    else:
        numbers = [",".join(f"{number / 255:.6g}" for number in values) for values in (mean, std)]
        text = f"mean={numbers[0]},std={numbers[1]}"
    return parse_range(text + (":bgr" if bgr else "")).text


def range_of_integers(dtype: np.dtype[np.generic], scale: float, zero_point: int) -> str | None:
    """Return the range of an integer input that takes the pixels as integers (for int8, minus 128).

    All public uint8 and int8 classifiers with labels that were tried were trained on it, whatever their
    scale.

    Args:
        dtype: Type of the input.
        scale: Its scale; 0 if it is not quantised.
        zero_point: Its zero point.

    Returns:
        The real numbers for black and white; None for other types, of which nothing is known.
    """
    if dtype not in (np.uint8, np.int8):
        return RAW if dtype in (np.int32, np.int64, np.uint16, np.uint32) and not scale else None
    black, white = (0, 255) if dtype == np.uint8 else (-128, 127)
    if scale:
        return _ends(scale * (black - zero_point), scale * (white - zero_point))
    return _ends(black, white)


def _ends(black: float, white: float) -> str:
    """Return a range by its ends, in six digits, which restore any 8-bit integer when quantised again."""
    ends = (np.format_float_positional(end + 0.0, 6, fractional=False, trim="-") for end in (black, white))
    return "-".join(ends)
