"""What must hold of an ONNX file before ONNX Runtime sees it.

Numbers of fields and types are those of https://github.com/onnx/onnx, ``onnx/onnx.proto``.
"""

from __future__ import annotations

import math
import mmap
from collections import Counter
from dataclasses import dataclass, field

from fmnist_runtime.structure.protobuf import Field, fields, varint

MAX_BYTES = 2**29
"""What a tensor may take that is not in the file as it is: 512 MB."""
_MAX_DEPTH = 8
"""Graphs inside of graphs. Those of a classifier's conditions are two or three deep."""
_MAX_NODES = 100_000
"""Nodes once every local function is written out where it is called; large language models have 10,000."""
_LOOPS = {b"Loop", b"Scan", b"SequenceMap", b"BeamSearch", b"GreedySearch", b"Sampling", b"WhisperBeamSearch"}
"""Operators that run a graph as often as the file says."""
_DATA = {4, 5, 6, 7, 9, 10, 11}
"""Fields of TensorProto that hold its elements: float, int32, string, int64, raw, double, uint64."""
_RAW, _DATA_TYPE, _EXTERNAL_DATA, _DATA_LOCATION = 9, 2, 13, 14
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64}
_BITS |= {15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}
"""Bits of an element in raw data, by TensorProto.DataType: FLOAT, UINT8, INT8, UINT16, …"""

Call = tuple[bytes, bytes]
"""Domain and name of an operator or of a local function."""


@dataclass
class _Walk:
    """A walk through everything in a model that may hold graphs or tensors."""

    content: mmap.mmap | bytes
    calls: Counter[Call] = field(default_factory=Counter)
    """How often the graph or function that is being walked calls each operator."""

    def fields(self, message: Field) -> list[Field]:
        return list(fields(self.content, message[2], message[3]))

    def text(self, message: Field) -> bytes:
        return self.content[message[2] : message[3]]

    def graph(self, graph: Field, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ValueError(f"graphs inside of graphs, more than {_MAX_DEPTH} deep")
        for entry in self.fields(graph):
            match entry[0]:
                case 1:
                    self.node(entry, depth)
                case 5:
                    self.tensor(entry)
                case 15:
                    self.sparse_tensor(entry)
                case 11 | 12:
                    self.value(entry)

    def node(self, node: Field, depth: int) -> None:
        name = domain = b""
        for entry in self.fields(node):
            match entry[0]:
                case 4:
                    name = self.text(entry)
                case 7:
                    domain = self.text(entry)
                case 5:
                    self.attribute(entry, depth)
        if name in _LOOPS:
            raise ValueError(f"it has a {name.decode()}, which no image classifier needs")
        self.calls[domain, name] += 1

    def attribute(self, attribute: Field, depth: int) -> None:
        for entry in self.fields(attribute):
            match entry[0]:
                case 5 | 10:
                    self.tensor(entry)
                case 6 | 11:
                    self.graph(entry, depth + 1)
                case 22 | 23:
                    self.sparse_tensor(entry)

    def tensor(self, tensor: Field) -> None:
        dims, kind, held, raw = [], 0, 0, False
        for entry in self.fields(tensor):
            number, _, start, end = entry
            if number == 1:
                dims += self.numbers(entry)
            elif number == _DATA_TYPE:
                kind = varint(self.content, start, end)[0]
            elif number in _DATA:
                held += end - start
                raw = raw or number == _RAW
            elif number == _EXTERNAL_DATA or (number == _DATA_LOCATION and self.content[start]):
                raise ValueError("its weights are in another file; save the model with all of them in one")
        elements = _elements(dims)
        if raw and kind in _BITS and -(-elements * _BITS[kind] // 8) != held:
            raise ValueError(f"a tensor of shape {_times(dims)} has {held:,} bytes")
        if elements > 2 * held:  # the shortest element, of 4 bits, has half a byte
            raise ValueError(f"a tensor of shape {_times(dims)} has only {held:,} bytes")

    def sparse_tensor(self, tensor: Field) -> None:
        dims: list[int] = []
        for entry in self.fields(tensor):
            if entry[0] == 3:
                dims += self.numbers(entry)
            else:
                self.tensor(entry)
        if 16 * _elements(dims) > MAX_BYTES:
            raise ValueError(f"a sparse tensor of shape {_times(dims)}")

    def value(self, value: Field) -> None:
        """An input or output: its shape is ``type.tensor_type.shape.dim.dim_value``."""
        dims: list[int] = []
        messages = [value]
        for wanted in (2, 1, 2, 1):
            messages = [entry for message in messages for entry in self.fields(message) if entry[0] == wanted]
        for message in messages:
            dims += [size for entry in self.fields(message) if entry[0] == 1 for size in self.numbers(entry)]
        if 8 * _elements(dims) > MAX_BYTES:
            raise ValueError(f"an input or output of shape {_times(dims)}")

    def numbers(self, entry: Field) -> list[int]:
        """Signed integers: one of them, or a packed list."""
        _, start, position, end = entry
        if not self.content[start] & 7:
            return [_signed(varint(self.content, position, end)[0])]
        found = []
        while position < end:
            number, position = varint(self.content, position, end)
            found.append(_signed(number))
        return found


def check(content: mmap.mmap | bytes) -> None:
    """Check all that ONNX Runtime takes for granted, and that it stays in this file.

    Raises:
        ValueError: It does not hold.
    """
    walk = _Walk(content)
    functions: dict[Call, Counter[Call]] = {}
    for entry in fields(content, 0, len(content)):
        match entry[0]:
            case 7:
                walk.graph(entry, 1)
            case 20:
                for graph in walk.fields(entry):
                    if graph[0] in (1, 2):
                        walk.graph(graph, 1)
            case 25:
                inner = _Walk(content)
                functions[_function(inner, entry)] = inner.calls
    if _nodes(walk.calls, functions, {}, ()) > _MAX_NODES:
        raise ValueError(f"it has more than {_MAX_NODES:,} nodes, once its functions are written out")


def _function(walk: _Walk, function: Field) -> Call:
    """Walk through a local function, and tell its domain and name."""
    name = domain = b""
    for entry in walk.fields(function):
        match entry[0]:
            case 1:
                name = walk.text(entry)
            case 10:
                domain = walk.text(entry)
            case 7:
                walk.node(entry, 1)
            case 11:
                walk.attribute(entry, 1)
    return domain, name


def _nodes(
    calls: Counter[Call], functions: dict[Call, Counter[Call]], known: dict[Call, int], path: tuple[Call, ...]
) -> int:
    """How many nodes these calls are, with every function written out."""
    if len(path) > _MAX_DEPTH * 4:
        raise ValueError("its functions call each other too deeply, or themselves")
    total = 0
    for call, times in calls.items():
        if call in functions and call not in known:
            known[call] = _nodes(functions[call], functions, known, (*path, call))
        total += times * known.get(call, 1)
    return total


def _elements(dims: list[int]) -> int:
    if min(dims, default=0) < 0:
        raise ValueError(f"a tensor of shape {_times(dims)}")
    return math.prod(dims)


def _signed(number: int) -> int:
    """An int64 from its 64 bits."""
    return number - (1 << 64) if number >> 63 else number


def _times(dims: list[int]) -> str:
    return "×".join(map(str, dims[:8]))
