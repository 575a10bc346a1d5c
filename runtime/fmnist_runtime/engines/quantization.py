"""Conversion between raw pixels, a tensor's stored numbers, and probabilities.

A stored integer q stands for the real number ``scale · (q − zero_point)``
(https://ai.google.dev/edge/litert/models/quantization_spec). Pixels and 8-bit tensors have only 256 values
each, so both directions are tables, computed once with rounding and clipping.

The functions are bound to the memory that they write to, so that a call allocates nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.contract import RAW, PixelRange, parse_range

Writer = Callable[[NDArray[np.uint8]], object]

_RAW = parse_range(RAW)
_BITS: dict[int, type[np.unsignedinteger[Any]]] = {1: np.uint8, 2: np.uint16}
"""By the bytes of an integer: the type of its bits as an index of a table."""
_FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))


def pixel_writer(
    tensor: NDArray[Any], scale: float = 0.0, zero_point: int = 0, pixels: PixelRange = _RAW
) -> Writer:
    """Return a function that writes raw pixels into an input tensor.

    Args:
        tensor: Floats or integers, in the shape of the images; channels, if any, are the last axis.
        scale: Scale of the tensor; 0 if it is not quantised.
        zero_point: Zero point of the tensor.
        pixels: Range of the pixels.

    Raises:
        ValueError: There is no such encoding, or the range has other channels than the images.
    """
    tables = _tables(tensor.dtype, scale, zero_point, pixels)
    if len(tables) == 1 and not pixels.bgr:
        return _writer(tensor, tables[0])
    if len(tables) not in (1, tensor.shape[-1]) or tensor.shape[-1] != 3:
        raise ValueError(
            f"input range {pixels.text} is of images of 3 channels, these have shape {tensor.shape[1:]}"
        )
    return _by_channel(tensor, np.broadcast_to(tables, (3, 256)), pixels.bgr)


def _tables(dtype: np.dtype[Any], scale: float, zero_point: int, pixels: PixelRange) -> NDArray[Any]:
    """``[1 or channels, 256]``: the stored number of each pixel."""
    values = pixels.values
    if dtype in _FLOATS:
        return values.astype(dtype)
    if dtype.kind not in "iu":
        raise ValueError(f"an input of {dtype} is not supported; floats and integers are")
    if scale:
        _check_scale(dtype, scale)
        values = values / scale + zero_point
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def _writer(tensor: NDArray[Any], table: NDArray[Any]) -> Writer:
    """Return a function that looks up each pixel in a table, with shortcuts for common tables."""
    if np.array_equal(table, np.arange(256)):

        def convert(pixels: NDArray[np.uint8]) -> None:
            tensor[...] = pixels

        return convert
    if tensor.dtype == np.int8 and np.array_equal(table, np.arange(-128, 128)):
        target = tensor.view(np.uint8)
        bit = np.array(0x80, np.uint8)  # an array, as NumPy would convert a number at every call
        return lambda pixels: np.bitwise_xor(pixels, bit, target)  # x − 128 without leaving a byte
    return _looked_up(table, tensor)


def _by_channel(tensor: NDArray[Any], tables: NDArray[Any], bgr: bool) -> Writer:
    """Return a function that looks up the pixels of each channel in its own table."""
    planes = [(tensor[..., place], 2 - place if bgr else place) for place in range(3)]
    writers = [
        (_looked_up(table, np.empty(plane.shape, tensor.dtype)), plane, source)
        for (plane, source), table in zip(planes, tables, strict=True)
    ]

    def write(pixels: NDArray[np.uint8]) -> None:
        for look_up, plane, source in writers:
            plane[...] = look_up(pixels[..., source])

    return write


def score_reader(
    tensor: NDArray[Any], scale: float, zero_point: int
) -> tuple[Callable[[], object] | None, NDArray[np.float32]]:
    """Return a function that reads scores from an output tensor.

    Args:
        tensor: Floats, or integers of 8 or 16 bits, ``[N, classes]``.
        scale: Scale of the tensor; not used for floats.
        zero_point: Zero point of the tensor; not used for floats.

    Returns:
        The function to call after the model has run, and the float32 ``[N, classes]`` that it writes to. For
        a float32 tensor, None and the tensor itself.

    Raises:
        ValueError: There is no such encoding.
    """
    if tensor.dtype == np.float32:
        return None, tensor
    scores = np.empty(tensor.shape, np.float32)
    if tensor.dtype in _FLOATS:
        return partial(np.copyto, scores, tensor, casting="same_kind"), scores
    bits = _BITS.get(tensor.dtype.itemsize)
    if bits is None or tensor.dtype.kind not in "iu":
        raise ValueError(
            f"scores of {tensor.dtype} are not supported; floats and integers of 8 or 16 bits are"
        )
    _check_scale(tensor.dtype, scale)
    integers = np.arange(np.iinfo(bits).max + 1, dtype=bits).view(tensor.dtype).astype(np.int64)
    table = (scale * (integers - zero_point)).astype(np.float32)
    return partial(_looked_up(table, scores), tensor.view(bits)), scores


def _looked_up(table: NDArray[Any], target: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    index = np.empty(target.shape, np.intp)  # take would otherwise convert the integers at every call

    def look_up(source: NDArray[Any]) -> NDArray[Any]:
        index[...] = source
        return table.take(index, None, target, "clip")  # clip, as the default copies the target first

    return look_up


def _check_scale(dtype: np.dtype[Any], scale: float) -> None:
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"an {dtype} tensor needs a positive scale, not {scale}")
