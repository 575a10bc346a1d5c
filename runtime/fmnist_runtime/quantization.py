"""Between raw pixels, a tensor's own integers, and probabilities.

An integer q stands for the real number ``scale · (q − zero_point)``
(https://ai.google.dev/edge/litert/models/quantization_spec). As pixels and 8-bit tensors have only
256 values each, both directions are tables, worked out once: rounded and clipped, never a bare cast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Encoder = Callable[[NDArray[np.uint8]], NDArray[Any]]
Decoder = Callable[[NDArray[Any]], NDArray[np.float32]]


def pixel_encoder(dtype: DTypeLike, scale: float, zero_point: int) -> Encoder:
    """What turns raw pixels into the input tensor's elements.

    Args:
        dtype: float32, int8 or uint8.
        scale: Scale of the input tensor; not used for float32.
        zero_point: Zero point of the input tensor; not used for float32.

    Raises:
        ValueError: There is no such encoding.
    """
    dtype = np.dtype(dtype)
    if dtype == np.float32:
        return lambda pixels: pixels.astype(np.float32)
    _check(dtype, scale)
    if dtype == np.int8 and (scale, zero_point) == (1.0, -128):
        return lambda pixels: (pixels ^ np.uint8(0x80)).view(np.int8)  # x − 128 without leaving a byte
    limits = np.iinfo(dtype)
    quantised = np.rint(np.arange(256) / scale) + zero_point
    table = np.clip(quantised, limits.min, limits.max).astype(dtype)
    return lambda pixels: table[pixels]


def score_decoder(dtype: DTypeLike, scale: float, zero_point: int) -> Decoder:
    """What turns the output tensor's elements into float32 scores. Arguments as of `pixel_encoder`."""
    dtype = np.dtype(dtype)
    if dtype == np.float32:
        return lambda scores: scores
    _check(dtype, scale)
    integers = np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)
    table = (scale * (integers - zero_point)).astype(np.float32)
    return lambda scores: table[scores.view(np.uint8)]


def _check(dtype: np.dtype[Any], scale: float) -> None:
    if dtype not in (np.dtype(np.int8), np.dtype(np.uint8)):
        raise ValueError(f"tensors of {dtype} are not supported; float32, int8 and uint8 are")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"an {dtype} tensor needs a positive scale, not {scale}")
