"""The graph in a TFLite file, read without trusting anything in it.

Numbers of fields, types and operators are those of the TFLite schema
(https://github.com/google-ai-edge/LiteRT, ``tflite/converter/schema/schema.fbs``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fmnist_runtime.structure.flatbuffer import Content, Table, root
from fmnist_runtime.structure.tflite_operators import OPERATORS

_IDENTIFIER = b"TFL3"
_VERSION = 3
_BITS = {
    0: 32,  # FLOAT32
    1: 16,  # FLOAT16
    2: 32,  # INT32
    3: 8,  # UINT8
    4: 64,  # INT64
    6: 8,  # BOOL
    7: 16,  # INT16
    9: 8,  # INT8
    10: 64,  # FLOAT64
    12: 64,  # UINT64
    15: 32,  # UINT32
    16: 16,  # UINT16
    17: 4,  # INT4, packed
    18: 16,  # BFLOAT16
    19: 2,  # INT2, packed
}
"""Bits of an element, by TensorType. Strings, resources and variants, which have no size, are left out."""
_ZERO_POINTS = {3: (0, 255), 7: (-32768, 32767), 9: (-128, 127), 17: (-8, 7)}
"""Range of a quantised type."""
_RESHAPE_OPTIONS, _SQUEEZE_OPTIONS = 17, 30
"""Of BuiltinOptions."""
_LEAST_SCALE = 1e-30
"""Far below the product of any two scales of a trained model; the kernels' own arithmetic ends at 1e-38."""
MAX_RANK = 8
"""More dimensions than any kernel takes."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the file declares it."""

    shape: tuple[int, ...]
    """Its dimensions; those that are not known yet are 1."""
    kind: int
    """Its TensorType."""
    data: tuple[int, int]
    """Where a constant's bytes start in the file, and how many there are; zeros for any other tensor."""
    scales: int
    """How many scales it is quantised by; 0 where it is not."""
    axis: int
    """Along which they lie, when there are several."""
    variable: bool
    """Whether it keeps its content from one run to the next."""

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
        return -(-self.elements * _BITS[self.kind] // 8)

    @property
    def constant(self) -> bool:
        """Whether the file has its content."""
        return self.data[1] > 0


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of a graph."""

    code: int
    """Its BuiltinOperator."""
    inputs: tuple[int, ...]
    """Indices of tensors; -1 for an optional one that is left out."""
    outputs: tuple[int, ...]
    """Indices of tensors."""
    options: Table | None
    """Its settings."""

    @property
    def name(self) -> str:
        """What the schema calls it."""
        return OPERATORS[self.code].name


@dataclass(frozen=True)
class Graph:
    """The graph of a sound file."""

    tensors: tuple[Tensor, ...]
    """All of its tensors."""
    inputs: tuple[int, ...]
    """Indices of those that are given."""
    outputs: tuple[int, ...]
    """Indices of those that are asked for."""
    operators: tuple[Operator, ...]
    """The steps, in the order they are run."""


def read_graph(content: Content) -> Graph:
    """Read the graph, and check all that the interpreter takes for granted.

    Raises:
        ValueError: The file is not sound, in the reader's words.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError("it does not begin as a TFLite file does")
    model = root(content)
    version = model.number(0, "I")
    if version != _VERSION:
        raise ValueError(f"it is of version {version}, this reads {_VERSION}")
    codes = [_operator_code(code) for code in model.tables(1)]
    buffers = [_data(buffer) for buffer in model.tables(4)]
    model.text(3)
    graphs = model.tables(2)
    if len(graphs) != 1:
        raise ValueError(f"it has {len(graphs)} graphs, a classifier has one")
    if any(model.offsets[8:10]):
        raise ValueError("it keeps weights in another file; save it in one")
    _check_names(model, len(graphs[0].tables(0)), len(buffers))
    return _graph(graphs[0], codes, buffers)


def _operator_code(code: Table) -> int:
    """The BuiltinOperator of an entry. Numbers above 127 did not fit the older of its two fields."""
    custom = code.text(1)
    code.number(2, "i")
    number = max(code.number(0, "b"), code.number(3, "i"))
    if custom or number not in OPERATORS:
        name = custom.decode(errors="replace") if custom else f"number {number}"
        raise ValueError(f"it has the operator {name}, which no image classifier needs")
    return number


def _data(buffer: Table) -> tuple[int, int]:
    """Where a buffer's bytes start, and how many there are. Those of a large file follow the flatbuffer."""
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
    """Metadata and signatures: names of tensors and buffers that exist."""
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


def _graph(table: Table, codes: list[int], buffers: list[tuple[int, int]]) -> Graph:
    table.text(4)
    tensors = tuple(_tensor(entry, buffers) for entry in table.tables(0))
    graph = Graph(
        tensors=tensors,
        inputs=table.numbers(1, "i"),
        outputs=table.numbers(2, "i"),
        operators=tuple(_operator(entry, codes) for entry in table.tables(3)),
    )
    for index in (*graph.inputs, *graph.outputs):
        _require_index(index, len(tensors), "tensor")
    for operator in graph.operators:
        for index in operator.inputs:
            _require_index(index, len(tensors), "tensor", lowest=-1)
        for index in operator.outputs:
            _require_index(index, len(tensors), "tensor")
    return graph


def _tensor(table: Table, buffers: list[tuple[int, int]]) -> Tensor:
    name = table.text(3).decode(errors="replace")
    shape, signature = table.numbers(0, "i"), table.numbers(7, "i")
    kind, buffer = table.number(1, "b"), table.number(2, "I")
    table.number(5, "?"), table.number(8, "?")
    if kind not in _BITS:
        raise ValueError(f"tensor {name!r} is of type {kind}, which no image classifier needs")
    if len(shape) > MAX_RANK or min(shape, default=0) < 0:
        raise ValueError(f"tensor {name!r} has the shape {shape}")
    if signature and (len(signature) != len(shape) or min(signature) < -1):
        raise ValueError(f"tensor {name!r} has the shape {shape} and the signature {signature}")
    _require_index(buffer, len(buffers), "buffer")
    if table.offsets[6:7] > (0,) or any(table.offsets[9:]):
        raise ValueError(f"tensor {name!r} is sparse or a variant; convert the model without")
    quantization = table.table(4)
    tensor = Tensor(
        shape=shape,
        kind=kind,
        data=buffers[buffer] if buffer else (0, 0),
        scales=quantization.vector(2, 4)[1] if quantization else 0,
        axis=quantization.number(6, "i") if quantization else 0,
        variable=table.number(5, "?") != 0,
    )
    if tensor.constant and tensor.data[1] != tensor.size:
        raise ValueError(f"tensor {name!r} has {tensor.data[1]:,} bytes, its shape takes {tensor.size:,}")
    if quantization:
        _check_quantization(quantization, tensor, name)
    return tensor


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


def _operator(table: Table, codes: list[int]) -> Operator:
    index = table.number(0, "I")
    _require_index(index, len(codes), "operator")
    table.number(3, "B"), table.vector(5, 1), table.vector(7, 1), table.number(6, "b")
    if table.vector(8, 4)[1] or table.number(9, "Q") or table.offsets[12:13] > (0,):
        raise ValueError(f"a {OPERATORS[codes[index]].name} with settings of an uncommon kind")
    options = table.table(4)
    if options:
        _check_options(options, table.number(3, "B"))
    return Operator(codes[index], table.numbers(1, "i"), table.numbers(2, "i"), options)


def _check_options(options: Table, kind: int) -> None:
    """Of all settings only these two have a list in them; a number is at most eight bytes long."""
    if kind in (_RESHAPE_OPTIONS, _SQUEEZE_OPTIONS):
        options.numbers(0, "i")
    if options.start + options.size + 8 > len(options.content):
        raise ValueError("the settings of an operator lie outside the file")


def _require_index(index: int, count: int, role: str, lowest: int = 0) -> None:
    if not lowest <= index < count:
        raise ValueError(f"{role} {index} of {count}")
