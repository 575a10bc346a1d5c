"""Between raw pixels, a tensor's own integers, and probabilities.

An integer q stands for the real number ``scale · (q − zero_point)``
(https://ai.google.dev/edge/litert/models/quantization_spec). As pixels and 8-bit tensors have only
256 values each, both directions are tables, worked out once: rounded and clipped, never a bare cast.

Both are bound to the memory that they write to, so that nothing is allocated when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pixel_writer(
    tensor: NDArray[Any], scale: float = 0.0, zero_point: int = 0
) -> Callable[[NDArray[np.uint8]], object]:
    """What writes raw pixels into an input tensor.

    Args:
        tensor: float32, int8 or uint8, of the shape that the pixels will have.
        scale: Scale of the tensor; not used for float32. 0 where uint8 stands for itself.
        zero_point: Zero point of the tensor; not used for float32.

    Raises:
        ValueError: There is no such encoding.
    """
    if tensor.dtype == np.float32 or (tensor.dtype == np.uint8 and scale == 0):  # which the model converts

        def convert(pixels: NDArray[np.uint8]) -> None:
            tensor[...] = pixels

        return convert
    _check(tensor.dtype, scale)
    if tensor.dtype == np.int8 and (scale, zero_point) == (1.0, -128):
        target = tensor.view(np.uint8)
        bit = np.array(0x80, np.uint8)  # an array: of a number NumPy makes one at every call
        return lambda pixels: np.bitwise_xor(pixels, bit, target)  # x − 128 without leaving a byte
    limits = np.iinfo(tensor.dtype)
    quantised = np.rint(np.arange(256) / scale) + zero_point
    table = np.clip(quantised, limits.min, limits.max).astype(tensor.dtype)
    return _looked_up(table, tensor)


def score_reader(
    tensor: NDArray[Any], scale: float, zero_point: int
) -> tuple[Callable[[], object] | None, NDArray[np.float32]]:
    """What reads scores from an output tensor.

    Args:
        tensor: float32, int8 or uint8 ``[N, classes]``.
        scale: Scale of the tensor; not used for float32.
        zero_point: Zero point of the tensor; not used for float32.

    Returns:
        What to call after the model has run, and the float32 ``[N, classes]`` it writes to. A float32 tensor
        is its own scores, and there is nothing to call.

    Raises:
        ValueError: There is no such encoding.
    """
    if tensor.dtype == np.float32:
        return None, tensor
    _check(tensor.dtype, scale)
    integers = np.arange(256, dtype=np.uint8).view(tensor.dtype).astype(np.int64)
    table = (scale * (integers - zero_point)).astype(np.float32)
    scores = np.empty(tensor.shape, np.float32)
    return partial(_looked_up(table, scores), tensor.view(np.uint8)), scores


def _looked_up(table: NDArray[Any], target: NDArray[Any]) -> Callable[[NDArray[np.uint8]], object]:
    index = np.empty(target.shape, np.intp)  # what take would else make of the bytes at every call

    def look_up(source: NDArray[np.uint8]) -> None:
        index[...] = source
        table.take(index, None, target, "clip")  # clip, as the default copies the target first

    return look_up


def _check(dtype: np.dtype[Any], scale: float) -> None:
    if dtype not in (np.dtype(np.int8), np.dtype(np.uint8)):
        raise ValueError(f"tensors of {dtype} are not supported; float32, int8 and uint8 are")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"an {dtype} tensor needs a positive scale, not {scale}")
