"""The output shape of each TFLite operator, inferred from its inputs before the graph is run; see `cost`."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain
from typing import NamedTuple

from fmnist_runtime.safety.tflite.graph import TfliteOperator
from fmnist_runtime.safety.tflite.operators import (
    ARITHMETIC,
    BATCHES,
    COMPARISONS,
    DEPTHS,
    LOGIC,
    PADS,
    POOLS,
    REDUCTIONS,
    RESIZES,
    SEARCHES,
)

Shape = tuple[int, ...]


class Known(NamedTuple):
    """What is known of a tensor before a run."""

    shape: Shape | None
    """Its shape; None if uncertain."""
    most: int
    """Largest number of elements."""
    values: Shape | None = None
    """Its elements, if they are few integers that do not depend on pixels."""


class Step(NamedTuple):
    """An operator with what is known of its inputs."""

    operator: TfliteOperator
    """The operator."""
    inputs: tuple[Known, ...]
    """What is known of the inputs that are not left out."""

    def option(self, field: int, kind: str = "i", default: int = 0) -> int:
        """Return an option of the operator."""
        return self.operator.options.number(field, kind, default) if self.operator.options else default

    def sizes(self, place: int) -> Shape:
        """Return the values of an input that decides a shape.

        Raises:
            ValueError: They are not known.
        """
        values = self.inputs[place].values if place < len(self.inputs) else None
        if values is None:
            raise ValueError(
                f"a {self.operator.name} whose size is computed; convert the model with a fixed batch"
            )
        return values


_Rule = Callable[[Step], Known]
"""Infers an operator's output. It may raise ArithmeticError and LookupError in addition to ValueError."""


def of_shape(shape: Shape, values: Shape | None = None) -> Known:
    """Return a tensor of a certain shape."""
    return Known(shape, math.prod(max(size, 0) for size in shape), values)


def same(step: Step) -> Known:
    """Return the first input. This is the rule of all operators without their own."""
    return step.inputs[0]


def _no_larger(step: Step) -> Known:
    """Return a tensor of uncertain shape, no larger than the largest input."""
    return Known(None, max(known.most for known in step.inputs))


_WORK: dict[str, Callable[[int, int], int]] = {
    "ADD": int.__add__,
    "SUB": int.__sub__,
    "MUL": int.__mul__,
    "MAXIMUM": max,
    "MINIMUM": min,
}
"""Arithmetic that shapes are computed with."""


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
    """Return the values of a shape that is computed from others."""
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
    """Return the length of a row after a window has moved along it."""
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
        return _no_larger(step)
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


def _reshape(step: Step) -> Known:
    known = step.inputs[0]
    if len(step.inputs) > 1:
        wanted = step.inputs[1].values
    else:
        wanted = step.operator.options.numbers(0, "i") if step.operator.options else None
    if wanted is None:
        return Known(None, known.most, known.values)
    rest = math.prod(size for size in wanted if size != -1)
    shape = tuple(known.most // max(rest, 1) if size == -1 else size for size in wanted)
    return Known(shape, known.most, known.values)


def _joined(step: Step) -> Shape | None:
    """Return the values of all inputs, if they are known."""
    values = [known.values for known in step.inputs if known.values is not None]
    return tuple(chain.from_iterable(values)) if len(values) == len(step.inputs) else None


def _concatenation(step: Step) -> Known:
    shapes = [known.shape for known in step.inputs]
    most = sum(known.most for known in step.inputs)
    joined = _joined(step)
    first, axis = shapes[0], step.option(0)
    if not first or any(shape is None or len(shape) != len(first) for shape in shapes):
        return Known(None, most, joined)
    axis %= len(first)
    along = sum(shape[axis] for shape in shapes if shape is not None)
    return Known((*first[:axis], along, *first[axis + 1 :]), most, joined)


def _pack(step: Step) -> Known:
    shape, joined = step.inputs[0].shape, _joined(step)
    most = sum(known.most for known in step.inputs)
    if shape is None:
        return Known(None, most, joined)
    axis = step.option(1) % (len(shape) + 1)
    return Known((*shape[:axis], len(step.inputs), *shape[axis:]), most, joined)


def _shape(step: Step) -> Known:
    shape = step.inputs[0].shape
    return Known((8,), 8) if shape is None else Known((len(shape),), len(shape), shape)


def _strided_slice(step: Step) -> Known:
    known, (begin, end, stride) = step.inputs[0], (one.values for one in step.inputs[1:4])
    if known.shape is None or begin is None or end is None or stride is None:
        return Known(None, known.most)
    if step.option(2) or step.option(3):  # masks of ellipses and of new axes
        return Known(None, known.most)
    if not len(begin) == len(end) == len(stride) <= len(known.shape) or 0 in stride:
        return Known(None, known.most)
    sides, values = list(known.shape), known.values if len(known.shape) == 1 else None
    kept = []
    for axis, size in enumerate(sides):
        if axis >= len(begin):
            kept.append(size)
        elif step.option(4) >> axis & 1:
            values = values[begin[axis] : begin[axis] + 1 or None] if values else None
        else:
            start = None if step.option(0) >> axis & 1 else begin[axis]
            stop = None if step.option(1) >> axis & 1 else end[axis]
            cut = slice(start, stop, stride[axis])
            kept.append(len(range(*cut.indices(size))))
            values = values[cut] if values else None
    return of_shape(tuple(kept), values)


def _slice(step: Step) -> Known:
    known, begin, size = step.inputs[0], step.inputs[1].values, step.inputs[2].values
    if known.shape is None or begin is None or len(begin) != len(known.shape):
        return Known(None, known.most)
    if not all(0 <= start <= whole for whole, start in zip(known.shape, begin, strict=True)):
        raise ValueError("a SLICE that begins outside of its tensor")  # ai-edge-litert 1.2 goes there
    if size is None or len(size) != len(begin):
        return Known(None, known.most)
    sides = zip(known.shape, begin, size, strict=True)
    cut = (max(0, whole - start) if length < 0 else min(length, whole) for whole, start, length in sides)
    return of_shape(tuple(cut))


def _transpose(step: Step) -> Known:
    shape, order = step.inputs[0].shape, step.inputs[1].values
    if shape is None or order is None or sorted(order) != list(range(len(shape))):
        return _no_larger(step)
    return of_shape(tuple(shape[axis] for axis in order))


def _expand_dims(step: Step) -> Known:
    known, axis = step.inputs[0], step.inputs[1].values
    if known.shape is None or axis is None or not axis:
        return Known(None, known.most, known.values)
    place = axis[0] % (len(known.shape) + 1)
    return Known((*known.shape[:place], 1, *known.shape[place:]), known.most, known.values)


def _squeeze(step: Step) -> Known:
    known = step.inputs[0]
    if known.shape is None:
        return known
    rank, options = len(known.shape), step.operator.options
    axes = {axis % rank for axis in options.numbers(0, "i")} if options and rank else set()
    shape = tuple(size for axis, size in enumerate(known.shape) if size != 1 or (axes and axis not in axes))
    return Known(shape, known.most, known.values)


def _pad(step: Step) -> Known:
    known, pads = step.inputs[0], step.sizes(1)
    if known.shape is None or len(pads) != 2 * len(known.shape):
        raise ValueError("a PAD of a shape that is not certain")
    sides = zip(known.shape, pads[::2], pads[1::2], strict=True)
    return of_shape(tuple(size + before + behind for size, before, behind in sides))


def _tile(step: Step) -> Known:
    known, times = step.inputs[0], step.sizes(1)
    if known.shape is None or len(times) != len(known.shape):
        return Known(None, known.most * math.prod(times))
    return of_shape(tuple(size * time for size, time in zip(known.shape, times, strict=True)))


def _resize(step: Step) -> Known:
    shape, sides = step.inputs[0].shape, step.sizes(1)
    if shape is None or len(shape) != 4:
        return Known(None, step.inputs[0].most * math.prod(sides))
    return of_shape((shape[0], *sides, shape[3]))


def _space_and_batch(step: Step) -> Known:
    """SPACE_TO_BATCH_ND turns blocks of a padded image into images; BATCH_TO_SPACE_ND is the reverse."""
    known, block, edges = step.inputs[0], step.sizes(1), step.sizes(2)
    if known.shape is None or len(known.shape) <= len(block) or min(block) < 1:
        raise ValueError(f"a {step.operator.name} of a shape that is not certain")
    images, sides = known.shape[0], list(known.shape[1:])
    to_batch, blocks = step.operator.name == "SPACE_TO_BATCH_ND", math.prod(block)
    for axis, size in enumerate(block):
        edge = edges[2 * axis] + edges[2 * axis + 1]
        sides[axis] = (sides[axis] + edge) // size if to_batch else sides[axis] * size - edge
    images = images * blocks if to_batch else images // blocks
    return of_shape((images, *sides))


def _depth(step: Step) -> Known:
    known, block = step.inputs[0], step.option(0)
    if known.shape is None or len(known.shape) != 4:
        return Known(None, known.most)
    count, rows, columns, channels = known.shape
    if step.operator.name == "SPACE_TO_DEPTH":
        return of_shape((count, rows // block, columns // block, channels * block * block))
    return of_shape((count, rows * block, columns * block, channels // (block * block)))


def _gather(step: Step) -> Known:
    known, places = step.inputs[:2]
    most = known.most * places.most
    values = None
    if known.values and places.values and all(0 <= place < len(known.values) for place in places.values):
        values = tuple(known.values[place] for place in places.values)
    if step.operator.name != "GATHER" or not known.shape or places.shape is None or step.option(1):
        return Known(None, most, values)
    axis = step.option(0) % len(known.shape)
    return of_shape((*known.shape[:axis], *places.shape, *known.shape[axis + 1 :]), values)


def _split(step: Step) -> Known:
    known, axis = step.inputs[1], step.inputs[0].values
    if not known.shape or not axis:
        return Known(None, known.most)
    place = axis[0] % len(known.shape)
    parts = max(1, len(step.operator.outputs))
    return of_shape((*known.shape[:place], known.shape[place] // parts, *known.shape[place + 1 :]))


def _unpack(step: Step) -> Known:
    shape = step.inputs[0].shape
    if not shape:
        return _no_larger(step)
    axis = step.option(1) % len(shape)
    return of_shape(shape[:axis] + shape[axis + 1 :])


RULES: dict[str, _Rule] = {
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
    **dict.fromkeys(PADS, _pad),
    **dict.fromkeys(RESIZES, _resize),
    **dict.fromkeys(DEPTHS, _depth),
    **dict.fromkeys(BATCHES, _space_and_batch),
    **dict.fromkeys(("GATHER", "GATHER_ND"), _gather),
    "BROADCAST_TO": lambda step: of_shape(step.sizes(1)),
    "CONCATENATION": _concatenation,
    "EXPAND_DIMS": _expand_dims,
    "FILL": lambda step: of_shape(step.sizes(0)),
    "ONE_HOT": lambda step: Known(None, step.inputs[0].most * max(0, *step.sizes(1), 0)),
    "PACK": _pack,
    "RANK": lambda _step: Known((), 1),
    "RESHAPE": _reshape,
    "SHAPE": _shape,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": lambda step: Known(None, step.inputs[0].most),
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TILE": _tile,
    "TOPK_V2": _no_larger,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}
"""By the operator's name."""
