"""The tensors in a TFLite file. Numbers of fields and types are those of its schema; see `graph`."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from fmnist_runtime.safety.flatbuffer import Table

FLOAT32, FLOAT16, INT32, UINT8, INT64, BOOL, INT16, INT8 = 0, 1, 2, 3, 4, 6, 7, 9
FLOAT64, UINT64, UINT32, UINT16, INT4, BFLOAT16, INT2 = 10, 12, 15, 16, 17, 18, 19
"""Of TensorType. Strings, resources and variants, which have no size, are left out, and complex numbers."""
_BITS = {
    **dict.fromkeys((INT64, UINT64, FLOAT64), 64),
    **dict.fromkeys((FLOAT32, INT32, UINT32), 32),
    **dict.fromkeys((FLOAT16, BFLOAT16, INT16, UINT16), 16),
    **dict.fromkeys((INT8, UINT8, BOOL), 8),
    INT4: 4,
    INT2: 2,
}
"""Bits of an element; of the shortest, several share a byte."""
_ZERO_POINTS = {UINT8: (0, 255), INT16: (-32768, 32767), INT8: (-128, 127), INT4: (-8, 7)}
"""Range of a quantised type."""
QUANTISED = {UINT8, INT16, INT8, INT4, INT2}
"""What quantised numbers are stored as."""
_WHOLE = {INT32: "i", INT64: "q"}
"""Types of numbers that decide shapes, as ``struct`` calls them."""
_LEAST_SCALE = 1e-30
"""Far below the product of any two scales of a trained model; the kernels' own arithmetic ends at 1e-38."""
_NAMES: tuple[str, ...] = (
    "FLOAT32",
    "FLOAT16",
    "INT32",
    "UINT8",
    "INT64",
    "STRING",
    "BOOL",
    "INT16",
    "COMPLEX64",
)
_NAMES += ("INT8", "FLOAT64", "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4")
_NAMES += ("BFLOAT16", "INT2", "UINT4", "FLOAT8_E4M3FN", "FLOAT8_E5M2")
"""Of TensorType, by its numbers."""
MAX_RANK = 8
"""More dimensions than any kernel takes."""
MOST_VALUES = 2 * MAX_RANK
"""Length of the longest list that decides a shape: what is put before and behind each dimension."""


class Tensor(NamedTuple):
    """A tensor as the file declares it."""

    shape: tuple[int, ...]
    """Its dimensions; those that are not known yet are 1."""
    kind: int
    """Its TensorType."""
    data: tuple[int, int]
    """Where a constant's bytes start in the file, and how many there are; none of any other tensor."""
    values: tuple[int, ...] | None
    """Its elements, if it is a constant that may decide a shape: a short list of INT32 or INT64."""
    scales: int
    """How many scales it is quantised by; 0 where it is not."""
    axis: int
    """Along which they lie, when there are several."""
    variable: bool
    """Whether it keeps its content from one run to the next."""
    zero_points: int = 0
    """How many zero points it has."""

    @property
    def constant(self) -> bool:
        """Whether the file has its content."""
        return self.data[1] > 0

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def bits(self) -> int:
        """Bits of an element."""
        return _BITS[self.kind]

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return _size(self.shape, self.kind)


def type_name(kind: int) -> str:
    """What the schema calls a TensorType."""
    return _NAMES[kind] if 0 <= kind < len(_NAMES) else f"number {kind}"


def read_tensor(table: Table, buffers: list[tuple[int, int]]) -> Tensor:
    """Read a tensor.

    Args:
        table: Its entry in the graph.
        buffers: Where the content of each of the model's buffers starts, and how many bytes it has.

    Raises:
        ValueError: It is not sound.
    """
    name = table.text(3).decode(errors="replace")
    shape, signature = table.numbers(0, "i"), table.numbers(7, "i")
    kind, buffer = table.number(1, "b"), table.number(2, "I")
    table.number(5, "?"), table.number(8, "?")
    if kind not in _BITS:
        raise ValueError(f"tensor {name!r} is of type {type_name(kind)}; convert the model without it")
    if len(shape) > MAX_RANK or min(shape, default=0) < 0:
        raise ValueError(f"tensor {name!r} has the shape {shape}")
    if signature and (len(signature) != len(shape) or min(signature) < -1):
        raise ValueError(f"tensor {name!r} has the shape {shape} and the signature {signature}")
    require_index(buffer, len(buffers), "buffer")
    if table.offsets[6:7] > (0,) or any(table.offsets[9:]):
        raise ValueError(f"tensor {name!r} is sparse or a variant; convert the model without")
    quantization = table.table(4)
    scales = quantization.vector(2, 4)[1] if quantization else 0
    axis = quantization.number(6, "i") if quantization else 0
    start, held = buffers[buffer] if buffer else (0, 0)
    if held and held != _size(shape, kind):
        raise ValueError(f"tensor {name!r} has {held:,} bytes, its shape takes {_size(shape, kind):,}")
    values = None
    if held and kind in _WHOLE and math.prod(shape) <= MOST_VALUES:
        values = struct.unpack_from(f"<{math.prod(shape)}{_WHOLE[kind]}", table.content, start)
    zero_points = quantization.vector(3, 8)[1] if quantization else 0
    variable = table.number(5, "?") != 0
    tensor = Tensor(shape, kind, (start, held), values, scales, axis, variable, zero_points)
    if quantization:
        _check_quantization(quantization, tensor, name)
    return tensor


def _size(shape: tuple[int, ...], kind: int) -> int:
    return -(-math.prod(shape) * _BITS[kind] // 8)


def _check_quantization(table: Table, tensor: Tensor, name: str) -> None:
    table.vector(0, 4), table.vector(1, 4)
    scales, zero_points = table.numbers(2, "f"), table.numbers(3, "q")
    if table.number(4, "B"):
        raise ValueError(f"tensor {name!r} is quantised in an uncommon way")
    if not scales:
        return
    along = tensor.shape[tensor.axis] if 0 <= tensor.axis < len(tensor.shape) else 1
    if len(scales) not in (1, along) or len(zero_points) not in (0, 1, len(scales)):
        raise ValueError(f"tensor {name!r} has {len(scales)} scales and {len(zero_points)} zero points")
    if not all(_LEAST_SCALE < scale < 1 / _LEAST_SCALE for scale in scales):
        raise ValueError(f"tensor {name!r} has a scale that is no positive number, or an absurd one")
    low, high = _ZERO_POINTS.get(tensor.kind, (0, 0))
    if zero_points and not (low <= min(zero_points) and max(zero_points) <= high):
        raise ValueError(f"tensor {name!r} has a zero point outside its type")


def require_index(index: int, count: int, role: str, lowest: int = 0) -> None:
    """Check that what an index refers to is there.

    Raises:
        ValueError: It is not.
    """
    if not lowest <= index < count:
        raise ValueError(f"{role} {index} of {count}")
