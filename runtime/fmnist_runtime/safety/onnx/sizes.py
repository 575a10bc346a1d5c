"""The numbers in an ONNX file that decide how large its tensors become."""

from __future__ import annotations

import math
from collections.abc import Mapping

MAX_SIZE = 2**16
"""Largest number that decides a shape: no image has more pixels in a row."""
_MAX_GROWTH = 2**31
"""How many times as many elements such numbers may make of a tensor."""
DECIDING = {
    b"AffineGrid": (1,),
    b"BlackmanWindow": (0,),
    b"CenterCropPad": (1,),
    b"Col2Im": (1, 2),
    b"ConstantOfShape": (0,),
    b"Expand": (1,),
    b"HammingWindow": (0,),
    b"HannWindow": (0,),
    b"MelWeightMatrix": (0, 1, 2),
    b"OneHot": (1,),
    b"Pad": (1,),
    b"Range": (0, 1, 2),
    b"Reshape": (1,),
    b"Resize": (2, 3),
    b"Tile": (1,),
    b"Upsample": (1,),
}
"""Places of the inputs whose values decide how large an operator's output is."""
REGION = b"Resize of a region"
"""Stands for the second input of Resize, which decides how large the output is, but is no size."""
_LOWEST = {b"Range": -MAX_SIZE, b"Reshape": -1, b"Resize": 1 / MAX_SIZE, b"Upsample": 1 / MAX_SIZE}
"""Where it is not 0: a countdown, what is left over, and what may not end in fewer than no pixels, at which
the engine aborts. So it does at a Pad that crops more than there is, and no converter crops by that."""
_MULTIPLYING = {b"Tile", b"Upsample"}
"""Those that multiply the sizes they are given."""
DECIDING_ATTRIBUTES = {
    *(b"dilations", b"kernel_shape", b"output_padding", b"output_shape", b"pads", b"shape", b"strides"),
    *(b"block_shape", b"blocksize", b"group", b"scales"),
}
"""Attributes whose values do, or that an engine divides by or counts to."""


def check_sizes(deciding: list[tuple[bytes, bytes]], constants: Mapping[bytes, list[float]]) -> None:
    """Check that nothing grows beyond reason by a constant. What images decide is bounded when it is run.

    Args:
        deciding: Operator and tensor, for each that decides a shape.
        constants: By their names, the numbers in the constants that may be among them.

    Raises:
        ValueError: Something does.
    """
    growth = 1.0
    for operator, name in deciding:
        values = constants.get(name, [])
        if operator == REGION:
            _check_region(values)
            continue
        lowest = _LOWEST.get(operator, 0)
        highest = _MAX_GROWTH if operator == b"Reshape" else MAX_SIZE
        if not all(lowest <= value <= highest for value in values):
            raise ValueError(f"a {operator.decode()} by {times(values)}")
        grown = math.prod(max(abs(value), 1) for value in values)
        growth *= grown if operator in _MULTIPLYING else 1
        if operator != b"Pad" and max(grown, growth) > _MAX_GROWTH:
            raise ValueError(f"a {operator.decode()} by {times(values)}")


def _check_region(corners: list[float]) -> None:
    """A region ends behind its start: all starts come first, then all ends."""
    half = len(corners) // 2
    if not all(0 <= start <= end <= 1 for start, end in zip(corners[:half], corners[half:], strict=False)):
        raise ValueError(f"a Resize of the region {times(corners)}")


def times(dims: list[float]) -> str:
    """A shape as it is read aloud; of a long one, its beginning."""
    return "×".join(map(str, dims[:8]))
