"""Reading the graph and the tensors of a TFLite file without trusting it.

Numbers of fields, types and operators are those of the TFLite schema
(https://github.com/google-ai-edge/LiteRT, ``tflite/converter/schema/schema.fbs``).
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from fmnist_runtime.safety.flatbuffer import Content, Table, root
from fmnist_runtime.safety.tflite.operators import LSTM, OPERATORS, VARIABLES, OperatorKind

FLOAT32, FLOAT16, INT32, UINT8, INT64, BOOL, INT16, INT8 = 0, 1, 2, 3, 4, 6, 7, 9
FLOAT64, UINT64, UINT32, UINT16, INT4, BFLOAT16, INT2 = 10, 12, 15, 16, 17, 18, 19
"""Values of TensorType. Strings, resources and variants, which have no size, are left out, and complex
numbers."""
_BITS = {
    **dict.fromkeys((INT64, UINT64, FLOAT64), 64),
    **dict.fromkeys((FLOAT32, INT32, UINT32), 32),
    **dict.fromkeys((FLOAT16, BFLOAT16, INT16, UINT16), 16),
    **dict.fromkeys((INT8, UINT8, BOOL), 8),
    INT4: 4,
    INT2: 2,
}
"""Bits of an element. Several of the shortest ones share a byte."""
_ZERO_POINTS = {UINT8: (0, 255), INT16: (-32768, 32767), INT8: (-128, 127), INT4: (-8, 7)}
"""Range of a quantised type."""
QUANTISED = {UINT8, INT16, INT8, INT4, INT2}
"""Types of quantised numbers."""
_WHOLE = {INT32: "i", INT64: "q"}
"""Types of numbers that decide shapes, by their names in ``struct``."""
_LEAST_SCALE = 1e-30
"""Far below the product of any two scales of a trained model. The kernels' arithmetic ends at 1e-38."""
_NAMES = (
    *("FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8"),
    *("FLOAT64", "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4", "BFLOAT16"),
    *("INT2", "UINT4", "FLOAT8_E4M3FN", "FLOAT8_E5M2"),
)
"""Names of TensorType, by number."""
_MAX_RANK = 8
"""More dimensions than any kernel takes."""
MOST_VALUES = 2 * _MAX_RANK
"""Length of the longest list that decides a shape: the padding before and after each dimension."""


class Tensor(NamedTuple):
    """A tensor as the file declares it."""

    shape: tuple[int, ...]
    """Its dimensions; 1 if unknown."""
    kind: int
    """Its TensorType."""
    data: tuple[int, int]
    """Start and number of a constant's bytes in the file; zeros for other tensors."""
    values: tuple[int, ...] | None
    """Its elements, if it is a constant that may decide a shape: a short list of INT32 or INT64."""
    scales: int
    """Number of its scales; 0 if it is not quantised."""
    axis: int
    """The axis of the scales, if there are several."""
    variable: bool
    """Whether it keeps its content between runs."""
    zero_points: int = 0
    """Number of its zero points."""

    @property
    def constant(self) -> bool:
        """Whether the file has its content."""
        return self.data[1] > 0

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bits(self) -> int:
        """Bits of an element."""
        return _BITS[self.kind]

    @property
    def size(self) -> int:
        """Size in bytes."""
        return _size(self.shape, self.kind)


def type_name(kind: int) -> str:
    """Return the schema's name of a TensorType."""
    return _NAMES[kind] if 0 <= kind < len(_NAMES) else f"number {kind}"


def _read_tensor(table: Table, buffers: list[tuple[int, int]]) -> Tensor:
    """Read a tensor, with the start and number of bytes of each of the model's buffers."""
    name = table.text(3).decode(errors="replace")
    shape, signature = table.numbers(0, "i"), table.numbers(7, "i")
    kind, buffer = table.number(1, "b"), table.number(2, "I")
    table.number(5, "?"), table.number(8, "?")
    if kind not in _BITS:
        raise ValueError(f"tensor {name!r} is of type {type_name(kind)}; convert the model without it")
    if len(shape) > _MAX_RANK or min(shape, default=0) < 0:
        raise ValueError(f"tensor {name!r} has the shape {shape}")
    if signature and (len(signature) != len(shape) or min(signature) < -1):
        raise ValueError(f"tensor {name!r} has the shape {shape} and the signature {signature}")
    _require_index(buffer, len(buffers), "buffer")
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


def _require_index(index: int, count: int, role: str, lowest: int = 0) -> None:
    if not lowest <= index < count:
        raise ValueError(f"{role} {index} of {count}")


_IDENTIFIER = b"TFL3"
_VERSION = 3
_RESHAPE_OPTIONS, _SQUEEZE_OPTIONS = 17, 30
"""Of BuiltinOptions."""


class TfliteOperator(NamedTuple):
    """One operator of a graph."""

    kind: OperatorKind
    """What all operators of this kind have in common."""
    inputs: tuple[int, ...]
    """Indices of tensors; -1 for an optional one that is left out."""
    outputs: tuple[int, ...]
    """Indices of tensors."""
    options: Table | None
    """Its options."""
    intermediates: tuple[int, ...] = ()
    """Indices of tensors with the internal rounding of a quantised LSTM."""

    @property
    def name(self) -> str:
        """Its name in the schema."""
        return self.kind.name

    @property
    def deciding(self) -> list[int]:
        """Indices of the tensors whose values decide its output's shape."""
        return [self.inputs[place] for place in self.kind.sizes if place < len(self.inputs)]


class TfliteGraph(NamedTuple):
    """The graph of a checked file."""

    tensors: tuple[Tensor, ...]
    """All tensors."""
    inputs: tuple[int, ...]
    """Indices of the input tensors."""
    outputs: tuple[int, ...]
    """Indices of the output tensors."""
    operators: tuple[TfliteOperator, ...]
    """The operators, in the order they run."""


def read_graph(content: Content) -> TfliteGraph:
    """Read the graph, and check its structure.

    Raises:
        ValueError: The file is damaged.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError("it does not begin as a TFLite file does")
    model = root(content)
    version = model.number(0, "I")
    if version != _VERSION:
        raise ValueError(f"it is of version {version}, this reads {_VERSION}")
    kinds = [_kind(code) for code in model.tables(1)]
    buffers = [_data(buffer) for buffer in model.tables(4)]
    model.text(3)
    graphs = model.tables(2)
    if len(graphs) != 1:
        raise ValueError(f"it has {len(graphs)} graphs, a classifier has one")
    if any(model.offsets[8:10]):
        raise ValueError("it keeps weights in another file; save it in one")
    _check_names(model, len(graphs[0].tables(0)), len(buffers))
    return _graph(graphs[0], kinds, buffers)


def _kind(code: Table) -> OperatorKind:
    """Return an entry's kind. Numbers above 127 do not fit into the older of its two fields."""
    custom = code.text(1)
    code.number(2, "i")
    number = max(code.number(0, "b"), code.number(3, "i"))
    if number in VARIABLES:
        raise ValueError(
            "it keeps its weights in variables; freeze them, or use TFLiteConverter.from_keras_model"
        )
    if custom or number not in OPERATORS:
        from fmnist_runtime.safety.tflite.refused import refusal

        raise refusal(number, custom.decode(errors="replace"))
    return OPERATORS[number]


def _data(buffer: Table) -> tuple[int, int]:
    """Return the start and number of a buffer's bytes. In a large file, they follow the flatbuffer."""
    start, length = buffer.vector(0, 1)
    if length:
        return start, length
    start, length = buffer.number(1, "Q"), buffer.number(2, "Q")
    if start <= 1 or not length:
        return 0, 0
    if start + length > len(buffer.content):
        raise ValueError(f"weights end at byte {start + length:,} of {len(buffer.content):,}")
    return start, length


def _check_names(model: Table, tensors: int, buffers: int) -> None:
    """Check metadata and signatures: names, and existing tensors and buffers."""
    for buffer in model.numbers(5, "i"):
        _require_index(buffer, buffers, "metadata buffer")
    for entry in model.tables(6):
        entry.text(0)
        _require_index(entry.number(1, "I"), buffers, "metadata buffer")
    for signature in model.tables(7):
        signature.text(2)
        _require_index(signature.number(4, "I"), 1, "signature's graph")
        for named in (*signature.tables(0), *signature.tables(1)):
            named.text(0)
            _require_index(named.number(1, "I"), tensors, "signature's tensor")


def _graph(table: Table, kinds: list[OperatorKind], buffers: list[tuple[int, int]]) -> TfliteGraph:
    table.text(4)
    tensors = tuple(_read_tensor(entry, buffers) for entry in table.tables(0))
    graph = TfliteGraph(
        tensors=tensors,
        inputs=table.numbers(1, "i"),
        outputs=table.numbers(2, "i"),
        operators=tuple(_operator(entry, kinds) for entry in table.tables(3)),
    )
    for index in (*graph.inputs, *graph.outputs):
        _require_index(index, len(tensors), "tensor")
    for operator in graph.operators:
        for index in operator.inputs:
            _require_index(index, len(tensors), "tensor", lowest=-1)
        for index in (*operator.outputs, *operator.intermediates):
            _require_index(index, len(tensors), "tensor")
    return graph


def _operator(table: Table, kinds: list[OperatorKind]) -> TfliteOperator:
    index = table.number(0, "I")
    _require_index(index, len(kinds), "operator")
    table.number(3, "B"), table.vector(5, 1), table.vector(7, 1), table.number(6, "b")
    intermediates = table.numbers(8, "i")
    if (intermediates and kinds[index].name != LSTM) or table.number(9, "Q") or table.offsets[12:13] > (0,):
        raise ValueError(f"a {kinds[index].name} with settings of an uncommon kind")
    options = table.table(4)
    if options:
        _check_options(options, table.number(3, "B"))
    return TfliteOperator(kinds[index], table.numbers(1, "i"), table.numbers(2, "i"), options, intermediates)


def _check_options(options: Table, kind: int) -> None:
    """Check the only two options with a list. Numbers are at most eight bytes long."""
    if kind in (_RESHAPE_OPTIONS, _SQUEEZE_OPTIONS):
        options.numbers(0, "i")
    if options.start + options.size + 8 > len(options.content):
        raise ValueError("the settings of an operator lie outside the file")
