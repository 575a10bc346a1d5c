"""How much a TFLite graph takes when it is run, worked out from the file alone.

The shapes a file declares need not be those its operators make, and what a delegate makes of them the
interpreter does not tell. So they are inferred here, by each operator's rule in the interpreter
(https://github.com/google-ai-edge/LiteRT, ``tflite/kernels``). Where a shape is not certain, an upper
bound of its elements goes on.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

from fmnist_runtime.structure.flatbuffer import Content
from fmnist_runtime.structure.tflite_graph import Graph, Operator, Tensor
from fmnist_runtime.structure.tflite_operators import OPERATORS

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a tensor before the graph is run."""

    shape: Shape | None
    """Its shape; None where that is not certain."""
    most: int
    """Most elements that it can have."""
    values: Shape | None = None
    """Its elements, of a short list of whole numbers that no pixel decides."""


@dataclass(frozen=True)
class Cost:
    """What a graph takes at once, all of its tensors and constants aside."""

    bytes: int
    """Memory."""
    products: int
    """Multiplications of its convolutions and matrices."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operator, with what is known of its inputs."""

    operator: Operator
    inputs: tuple[Known, ...]

    def option(self, field: int, kind: str = "i", default: int = 0) -> int:
        """An option of the operator."""
        return self.operator.options.number(field, kind, default) if self.operator.options else default

    def sizes(self, place: int) -> Shape:
        """Values of an input that decides a shape."""
        values = self.inputs[place].values if place < len(self.inputs) else None
        if values is None:
            raise ValueError(
                f"a {self.operator.name} whose size is computed; convert the model with a fixed batch"
            )
        return values


def cost(graph: Graph, content: Content, batch: int) -> Cost:
    """What running a graph takes.

    Args:
        graph: A graph whose operators and tensors fit together.
        content: The file it is in.
        batch: How many images at once.

    Raises:
        ValueError: How much cannot be told.
    """
    known = [_constant(tensor, content) for tensor in graph.tensors]
    for index in graph.inputs:
        shape = graph.tensors[index].shape
        known[index] = _of((batch, *shape[1:]) if shape else ())
    size = sum(graph.tensors[index].bits * known[index].most for index in graph.inputs)
    size += sum(8 * tensor.size for tensor in graph.tensors if tensor.variable)
    products = 0
    for operator in graph.operators:
        step = Step(operator, tuple(known[index] for index in operator.inputs if index >= 0))
        made = _infer(step)
        for index in operator.outputs:
            known[index] = made
            size += graph.tensors[index].bits * made.most
        products += _products(step, made)
    return Cost(size // 8, products)


def _infer(step: Step) -> Known:
    try:
        return _RULES.get(step.operator.code, _same)(step)
    except (ArithmeticError, LookupError) as error:
        raise ValueError(f"a {step.operator.name} of shapes that do not go together") from error


def _constant(tensor: Tensor, content: Content) -> Known:
    kinds = {2: "i", 4: "q"}
    values = None
    if tensor.constant and tensor.kind in kinds and tensor.elements <= 16:
        values = struct.unpack_from(f"<{tensor.elements}{kinds[tensor.kind]}", content, tensor.data[0])
    return Known(tensor.shape, tensor.elements, values)


def _products(step: Step, made: Known) -> int:
    name = step.operator.name
    if name in ("CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        weights = step.inputs[1]
        channels = (weights.shape or (1,))[
            3 if name == "DEPTHWISE_CONV_2D" else 4 if name == "CONV_3D" else 0
        ]
        return made.most * -(-weights.most // max(channels, 1))
    if name == "TRANSPOSE_CONV":
        return step.inputs[2].most * step.inputs[1].most
    if name == "BATCH_MATMUL":
        return made.most * ((step.inputs[0].shape or (step.inputs[0].most,))[-1])
    if name.endswith(("POOL_2D", "_POOL_2D")):
        return made.most * step.option(3) * step.option(4)
    return made.most


def _of(shape: Shape, values: Shape | None = None) -> Known:
    return Known(shape, math.prod(max(size, 0) for size in shape), values)


def _same(step: Step) -> Known:
    """As its first input, which all operators are that have no rule of their own."""
    return step.inputs[0]


def _smaller(step: Step) -> Known:
    """No larger than its largest input."""
    return Known(None, max(known.most for known in step.inputs))


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
    return _of(sides, _arithmetic(step))


_WORK: dict[str, Callable[[int, int], int]] = {
    "ADD": int.__add__,
    "SUB": int.__sub__,
    "MUL": int.__mul__,
    "MAXIMUM": max,
    "MINIMUM": min,
}
"""What shapes are computed with."""


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
    return _of((shape[0], rows, _window(shape[2], wide, step.option(1), valid), channels))


def _pool(step: Step) -> Known:
    shape = step.inputs[0].shape
    if shape is None or len(shape) != 4:
        return _smaller(step)
    valid = step.option(0, "b") == 1
    rows = _window(shape[1], step.option(4), step.option(2), valid)
    return _of((shape[0], rows, _window(shape[2], step.option(3), step.option(1), valid), shape[3]))


def _fully_connected(step: Step) -> Known:
    units, inputs = step.inputs[1].shape or (1, 1)
    known, rows = step.inputs[0], -(-step.inputs[0].most // max(inputs, 1))
    if known.shape and step.option(2, "?"):
        return _of((*known.shape[:-1], units))
    return Known((rows, units), rows * units) if known.shape is not None else Known(None, rows * units)


def _reshape(step: Step) -> Known:
    known = step.inputs[0]
    if len(step.inputs) > 1:
        wanted = step.inputs[1].values
    else:
        wanted = step.operator.options.numbers(0, "i") if step.operator.options else None
    if wanted is None:
        return Known(None, known.most, known.values)
    rest = math.prod(size for size in wanted if size != -1)
    return Known(
        tuple(known.most // max(rest, 1) if size == -1 else size for size in wanted), known.most, known.values
    )


def _concatenation(step: Step) -> Known:
    shapes = [known.shape for known in step.inputs]
    most = sum(known.most for known in step.inputs)
    values = [known.values for known in step.inputs]
    joined = None if None in values else tuple(value for part in values if part is not None for value in part)
    first, axis = shapes[0], step.option(0)
    if not first or any(shape is None or len(shape) != len(first) for shape in shapes):
        return Known(None, most, joined)
    axis %= len(first)
    along = sum(shape[axis] for shape in shapes if shape is not None)
    return Known((*first[:axis], along, *first[axis + 1 :]), most, joined)


def _pack(step: Step) -> Known:
    shape, values = step.inputs[0].shape, [known.values for known in step.inputs]
    joined = None if None in values else tuple(value for part in values if part is not None for value in part)
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
    return _of(tuple(kept), values)


def _slice(step: Step) -> Known:
    known, begin, size = step.inputs[0], step.inputs[1].values, step.inputs[2].values
    if (
        known.shape is None
        or begin is None
        or size is None
        or not len(begin) == len(size) == len(known.shape)
    ):
        return Known(None, known.most)
    sides = zip(known.shape, begin, size, strict=True)
    return _of(
        tuple(max(0, whole - start) if length < 0 else min(length, whole) for whole, start, length in sides)
    )


def _transpose(step: Step) -> Known:
    shape, order = step.inputs[0].shape, step.inputs[1].values
    if shape is None or order is None or sorted(order) != list(range(len(shape))):
        return _smaller(step)
    return _of(tuple(shape[axis] for axis in order))


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
    rank = len(known.shape)
    axes = (
        {axis % rank for axis in step.operator.options.numbers(0, "i")}
        if step.operator.options and rank
        else set()
    )
    shape = tuple(size for axis, size in enumerate(known.shape) if size != 1 or (axes and axis not in axes))
    return Known(shape, known.most, known.values)


def _reduce(step: Step) -> Known:
    known, axes = step.inputs[0], step.inputs[1].values
    if known.shape is None or axes is None or not known.shape:
        return Known(None, known.most)
    keep = "ARG" not in step.operator.name and step.option(0, "?")
    gone = {axis % len(known.shape) for axis in axes}
    return _of(tuple(1 if n in gone else size for n, size in enumerate(known.shape) if keep or n not in gone))


def _pad(step: Step) -> Known:
    known, pads = step.inputs[0], step.sizes(1)
    if known.shape is None or len(pads) != 2 * len(known.shape):
        raise ValueError("a PAD of a shape that is not certain")
    return _of(tuple(size + pads[2 * axis] + pads[2 * axis + 1] for axis, size in enumerate(known.shape)))


def _tile(step: Step) -> Known:
    known, times = step.inputs[0], step.sizes(1)
    if known.shape is None or len(times) != len(known.shape):
        return Known(None, known.most * math.prod(times))
    return _of(tuple(size * time for size, time in zip(known.shape, times, strict=True)))


def _resize(step: Step) -> Known:
    shape, sides = step.inputs[0].shape, step.sizes(1)
    if shape is None or len(shape) != 4:
        return Known(None, step.inputs[0].most * math.prod(sides))
    return _of((shape[0], *sides, shape[3]))


def _space_and_batch(step: Step) -> Known:
    """SPACE_TO_BATCH_ND makes blocks of a padded image into images, BATCH_TO_SPACE_ND the reverse."""
    known, block, edges = step.inputs[0], step.sizes(1), step.sizes(2)
    if known.shape is None or len(known.shape) <= len(block) or min(block) < 1:
        raise ValueError(f"a {step.operator.name} of a shape that is not certain")
    images, sides = known.shape[0], list(known.shape[1:])
    for axis, size in enumerate(block):
        edge = edges[2 * axis] + edges[2 * axis + 1]
        if step.operator.name == "SPACE_TO_BATCH_ND":
            sides[axis] = (sides[axis] + edge) // size
        else:
            sides[axis] = sides[axis] * size - edge
    blocks = math.prod(block)
    images = images * blocks if step.operator.name == "SPACE_TO_BATCH_ND" else images // blocks
    return _of((images, *sides))


def _depth(step: Step) -> Known:
    known, block = step.inputs[0], step.option(0)
    if known.shape is None or len(known.shape) != 4:
        return Known(None, known.most)
    count, rows, columns, channels = known.shape
    if step.operator.name == "SPACE_TO_DEPTH":
        return _of((count, rows // block, columns // block, channels * block * block))
    return _of((count, rows * block, columns * block, channels // (block * block)))


def _gather(step: Step) -> Known:
    known, places = step.inputs[:2]
    most = known.most * places.most
    values = None
    if known.values and places.values and all(0 <= place < len(known.values) for place in places.values):
        values = tuple(known.values[place] for place in places.values)
    if step.operator.name != "GATHER" or not known.shape or places.shape is None or step.option(1):
        return Known(None, most, values)
    axis = step.option(0) % len(known.shape)
    return _of((*known.shape[:axis], *places.shape, *known.shape[axis + 1 :]), values)


def _matrices(step: Step) -> Known:
    left, right = step.inputs[0].shape, step.inputs[1].shape
    if left is None or right is None or len(left) < 2 or len(right) < 2:
        return Known(None, step.inputs[0].most * step.inputs[1].most)
    rows = left[-1] if step.option(0, "?") else left[-2]
    columns = right[-2] if step.option(1, "?") else right[-1]
    batch = _broadcast(Step(step.operator, (_of(left[:-2]), _of(right[:-2])))).shape or ()
    return _of((*batch, rows, columns))


def _split(step: Step) -> Known:
    known, axis = step.inputs[1], step.inputs[0].values
    if not known.shape or not axis:
        return Known(None, known.most)
    place = axis[0] % len(known.shape)
    parts = max(1, len(step.operator.outputs))
    return _of((*known.shape[:place], known.shape[place] // parts, *known.shape[place + 1 :]))


def _unpack(step: Step) -> Known:
    shape = step.inputs[0].shape
    if not shape:
        return _smaller(step)
    axis = step.option(1) % len(shape)
    return _of(shape[:axis] + shape[axis + 1 :])


def _lstm(step: Step) -> Known:
    shape = step.inputs[0].shape
    units = max((known.shape or (1,))[0] for known in step.inputs[1:])
    return Known(None, step.inputs[0].most * units) if not shape else _of((*shape[:-1], units))


_BY_NAME: dict[str, Callable[[Step], Known]] = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "PRELU"), _broadcast),
    **dict.fromkeys(
        ("FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE", "SELECT", "SELECT_V2", "ADD_N"), _broadcast
    ),
    **dict.fromkeys(("LESS", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "EQUAL", "NOT_EQUAL"), _broadcast),
    **dict.fromkeys(("LOGICAL_OR", "LOGICAL_AND"), _broadcast),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _convolution),
    "CONV_3D": lambda step: Known(None, step.inputs[0].most * (step.inputs[1].shape or (1,))[-1]),
    "TRANSPOSE_CONV": lambda step: _of(step.sizes(0)),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _pool),
    **dict.fromkeys(
        ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), _reduce
    ),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), _reduce),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _resize),
    **dict.fromkeys(("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), _depth),
    **dict.fromkeys(("GATHER", "GATHER_ND"), _gather),
    "TOPK_V2": _smaller,
    "FULLY_CONNECTED": _fully_connected,
    "RESHAPE": _reshape,
    "CONCATENATION": _concatenation,
    "PACK": _pack,
    "UNPACK": _unpack,
    "SHAPE": _shape,
    "RANK": lambda _step: Known((), 1),
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "TRANSPOSE": _transpose,
    "EXPAND_DIMS": _expand_dims,
    "SQUEEZE": _squeeze,
    "TILE": _tile,
    "BROADCAST_TO": lambda step: _of(step.sizes(1)),
    "FILL": lambda step: _of(step.sizes(0)),
    "ONE_HOT": lambda step: Known(None, step.inputs[0].most * max(0, *step.sizes(1), 0)),
    **dict.fromkeys(("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"), _space_and_batch),
    "BATCH_MATMUL": _matrices,
    "SPLIT": _split,
    "SPLIT_V": lambda step: Known(None, step.inputs[0].most),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
"""Rules by the operator's name; `_same` for all others."""
_RULES = {code: _BY_NAME[kind.name] for code, kind in OPERATORS.items() if kind.name in _BY_NAME}
