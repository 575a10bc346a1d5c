"""The graph in a TFLite file, read without trusting anything in it.

Numbers of fields, types and operators are those of the TFLite schema
(https://github.com/google-ai-edge/LiteRT, ``tflite/converter/schema/schema.fbs``).
"""

from __future__ import annotations

from typing import NamedTuple

from fmnist_runtime.safety.flatbuffer import Content, Table, root
from fmnist_runtime.safety.tflite.operators import LSTM, OPERATORS, VARIABLES, Kind
from fmnist_runtime.safety.tflite.tensors import Tensor, read_tensor, require_index

_IDENTIFIER = b"TFL3"
_VERSION = 3
_RESHAPE_OPTIONS, _SQUEEZE_OPTIONS = 17, 30
"""Of BuiltinOptions."""


class Operator(NamedTuple):
    """One step of a graph."""

    kind: Kind
    """What is known of all operators like it."""
    inputs: tuple[int, ...]
    """Indices of tensors; -1 for an optional one that is left out."""
    outputs: tuple[int, ...]
    """Indices of tensors."""
    options: Table | None
    """Its settings."""
    intermediates: tuple[int, ...] = ()
    """Indices of tensors that hold how a quantised LSTM rounds inside."""

    @property
    def name(self) -> str:
        """What the schema calls it."""
        return self.kind.name

    @property
    def deciding(self) -> list[int]:
        """Indices of the tensors whose values decide its output's shape."""
        return [self.inputs[place] for place in self.kind.sizes if place < len(self.inputs)]


class Graph(NamedTuple):
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


def _kind(code: Table) -> Kind:
    """What an entry stands for. Numbers above 127 did not fit the older of its two fields."""
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
        require_index(buffer, buffers, "metadata buffer")
    for entry in model.tables(6):
        entry.text(0)
        require_index(entry.number(1, "I"), buffers, "metadata buffer")
    for signature in model.tables(7):
        signature.text(2)
        require_index(signature.number(4, "I"), 1, "signature's graph")
        for named in (*signature.tables(0), *signature.tables(1)):
            named.text(0)
            require_index(named.number(1, "I"), tensors, "signature's tensor")


def _graph(table: Table, kinds: list[Kind], buffers: list[tuple[int, int]]) -> Graph:
    table.text(4)
    tensors = tuple(read_tensor(entry, buffers) for entry in table.tables(0))
    graph = Graph(
        tensors=tensors,
        inputs=table.numbers(1, "i"),
        outputs=table.numbers(2, "i"),
        operators=tuple(_operator(entry, kinds) for entry in table.tables(3)),
    )
    for index in (*graph.inputs, *graph.outputs):
        require_index(index, len(tensors), "tensor")
    for operator in graph.operators:
        for index in operator.inputs:
            require_index(index, len(tensors), "tensor", lowest=-1)
        for index in (*operator.outputs, *operator.intermediates):
            require_index(index, len(tensors), "tensor")
    return graph


def _operator(table: Table, kinds: list[Kind]) -> Operator:
    index = table.number(0, "I")
    require_index(index, len(kinds), "operator")
    table.number(3, "B"), table.vector(5, 1), table.vector(7, 1), table.number(6, "b")
    intermediates = table.numbers(8, "i")
    if (intermediates and kinds[index].name != LSTM) or table.number(9, "Q") or table.offsets[12:13] > (0,):
        raise ValueError(f"a {kinds[index].name} with settings of an uncommon kind")
    options = table.table(4)
    if options:
        _check_options(options, table.number(3, "B"))
    return Operator(kinds[index], table.numbers(1, "i"), table.numbers(2, "i"), options, intermediates)


def _check_options(options: Table, kind: int) -> None:
    """Of all settings only these two have a list in them; a number is at most eight bytes long."""
    if kind in (_RESHAPE_OPTIONS, _SQUEEZE_OPTIONS):
        options.numbers(0, "i")
    if options.start + options.size + 8 > len(options.content):
        raise ValueError("the settings of an operator lie outside the file")
