"""What layers, arithmetic and reductions make of shapes; see `cost`."""

from __future__ import annotations

import math
from collections.abc import Callable

from fmnist_runtime.safety.tflite.known import Known, Rule, Shape, Step, no_larger, of_shape
from fmnist_runtime.safety.tflite.operators import (
    ARITHMETIC,
    COMPARISONS,
    LOGIC,
    POOLS,
    REDUCTIONS,
    SEARCHES,
)

_WORK: dict[str, Callable[[int, int], int]] = {
    "ADD": int.__add__,
    "SUB": int.__sub__,
    "MUL": int.__mul__,
    "MAXIMUM": max,
    "MINIMUM": min,
}
"""What shapes are computed with."""


def _broadcast(step: Step) -> Known:
    shapes = [known.shape for known in step.inputs]
    if len(step.inputs) == 1:
        return step.inputs[0]
    if any(shape is None for shape in shapes):
        large = [known.most for known in step.inputs if known.most != 1]
        return Known(None, math.prod(large))
    rank = max(len(shape) for shape in shapes if shape is not None)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes if shape is not None]
    sides = tuple(0 if 0 in column else max(column) for column in zip(*padded, strict=True))
    return of_shape(sides, _arithmetic(step))


def _arithmetic(step: Step) -> Shape | None:
    """The values of a shape that is computed from others."""
    work = _WORK.get(step.operator.name)
    first, second = step.inputs[0].values, step.inputs[1].values
    if work is None or first is None or second is None or not first or not second:
        return None
    length = max(len(first), len(second))
    if len(first) not in (1, length) or len(second) not in (1, length):
        return None
    pairs = zip(first * (length // len(first)), second * (length // len(second)), strict=True)
    return tuple(work(a, b) for a, b in pairs)


def _window(size: int, window: int, step: int, valid: bool) -> int:
    """Length of a row that a window has gone along."""
    return max(0, -(-(size - window + 1 if valid else size) // step))


def _convolution(step: Step) -> Known:
    name, shape, weights = step.operator.name, step.inputs[0].shape, step.inputs[1].shape or (1, 1, 1, 1)
    channels = weights[3] if name == "DEPTHWISE_CONV_2D" else weights[0]
    if shape is None or len(shape) != 4:
        return Known(None, step.inputs[0].most * channels)
    first = 5 if name == "DEPTHWISE_CONV_2D" else 4
    wide, high = ((weights[2 - n] - 1) * step.option(first + n, default=1) + 1 for n in (0, 1))
    valid = step.option(0, "b") == 1
    rows = _window(shape[1], high, step.option(2), valid)
    return of_shape((shape[0], rows, _window(shape[2], wide, step.option(1), valid), channels))


def _pool(step: Step) -> Known:
    shape = step.inputs[0].shape
    if shape is None or len(shape) != 4:
        return no_larger(step)
    valid = step.option(0, "b") == 1
    rows = _window(shape[1], step.option(4), step.option(2), valid)
    return of_shape((shape[0], rows, _window(shape[2], step.option(3), step.option(1), valid), shape[3]))


def _fully_connected(step: Step) -> Known:
    units, inputs = step.inputs[1].shape or (1, 1)
    known, rows = step.inputs[0], -(-step.inputs[0].most // max(inputs, 1))
    if known.shape and step.option(2, "?"):
        return of_shape((*known.shape[:-1], units))
    return Known((rows, units), rows * units) if known.shape is not None else Known(None, rows * units)


def _reduce(step: Step) -> Known:
    known, axes = step.inputs[0], step.inputs[1].values
    if known.shape is None or axes is None or not known.shape:
        return Known(None, known.most)
    keep = "ARG" not in step.operator.name and step.option(0, "?")
    gone = {axis % len(known.shape) for axis in axes}
    sides = (1 if axis in gone else size for axis, size in enumerate(known.shape) if keep or axis not in gone)
    return of_shape(tuple(sides))


def _matrices(step: Step) -> Known:
    left, right = step.inputs[0].shape, step.inputs[1].shape
    if left is None or right is None or len(left) < 2 or len(right) < 2:
        return Known(None, step.inputs[0].most * step.inputs[1].most)
    rows = left[-1] if step.option(0, "?") else left[-2]
    columns = right[-2] if step.option(1, "?") else right[-1]
    batch = _broadcast(Step(step.operator, (of_shape(left[:-2]), of_shape(right[:-2])))).shape or ()
    return of_shape((*batch, rows, columns))


def _lstm(step: Step) -> Known:
    shape = step.inputs[0].shape
    units = max((known.shape or (1,))[0] for known in step.inputs[1:])
    return Known(None, step.inputs[0].most * units) if not shape else of_shape((*shape[:-1], units))


RULES: dict[str, Rule] = {
    **dict.fromkeys(ARITHMETIC | COMPARISONS | LOGIC, _broadcast),
    **dict.fromkeys(("PRELU", "SELECT", "SELECT_V2", "ADD_N"), _broadcast),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _convolution),
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(REDUCTIONS | SEARCHES, _reduce),
    "BATCH_MATMUL": _matrices,
    "CONV_3D": lambda step: Known(None, step.inputs[0].most * (step.inputs[1].shape or (1,))[-1]),
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": lambda step: of_shape(step.sizes(0)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
"""By the operator's name."""
