"""What must hold of an ONNX file before ONNX Runtime sees it.

Numbers of fields and types are those of https://github.com/onnx/onnx, ``onnx/onnx.proto``.
"""

from __future__ import annotations

import math
import mmap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fmnist_runtime.structure.protobuf import Field, fields, integers, varint

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
_INTEGERS = {5, 7}
"""Those of them that are lists of integers."""
_SHORT = 16 * 8
"""Bytes of a constant that can be a shape, or the padding of one."""
_RAW, _DATA_TYPE, _EXTERNAL_DATA, _DATA_LOCATION = 9, 2, 13, 14
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64}
_BITS |= {15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}
"""Bits of an element in raw data, by TensorProto.DataType: FLOAT, UINT8, INT8, UINT16, …"""

_MAX_SIZE = 2**16
"""Largest number that decides a shape: no image has more pixels in a row."""
_MAX_GROWTH = 2**31
"""How many times as many elements such numbers may make of a tensor."""
_SIZES = {
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
    b"Resize": (1, 2, 3),
    b"Tile": (1,),
    b"Upsample": (1,),
}
"""Places of the inputs whose values decide how large an operator's output is."""
_SIGNED = {b"Pad", b"Range", b"Reshape", b"Resize", b"Upsample"}
"""Those whose sizes may be negative: a crop, a countdown, what is left over, the corners of a region."""
_MULTIPLYING = {b"Tile", b"Upsample"}
"""Those that multiply the sizes they are given."""
_SIZE_ATTRIBUTES = {
    *(b"dilations", b"kernel_shape", b"output_padding", b"output_shape", b"pads", b"shape", b"strides"),
    *(b"block_shape", b"blocksize", b"group", b"scales"),
}
"""Attributes that do, or that an engine divides by or counts to."""
_DTYPES = {1: "<f4", 6: "<i4", 7: "<i8"}
"""Types that sizes and scales have: FLOAT, INT32, INT64."""

Call = tuple[bytes, bytes]
"""Domain and name of an operator or of a local function."""


@dataclass
class _Walk:
    """A walk through everything in a model that may hold graphs or tensors."""

    content: mmap.mmap | bytes
    calls: Counter[Call] = field(default_factory=Counter)
    """How often the graph or function that is being walked calls each operator."""
    constants: dict[bytes, list[float]] = field(default_factory=dict)
    """By their names, the short constants that may be sizes."""
    deciding: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Operator and tensor, for each that decides a shape."""

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
                    self.constant(*self.tensor(entry))
                case 15:
                    self.sparse_tensor(entry)
                case 11 | 12:
                    self.value(entry)

    def node(self, node: Field, depth: int) -> None:
        name = domain = b""
        inputs: list[bytes] = []
        outputs: list[bytes] = []
        values: list[float] = []
        for entry in self.fields(node):
            match entry[0]:
                case 1:
                    inputs.append(self.text(entry))
                case 2:
                    outputs.append(self.text(entry))
                case 4:
                    name = self.text(entry)
                case 7:
                    domain = self.text(entry)
                case 5:
                    values += self.attribute(entry, depth)
        if name == b"Constant" and outputs:
            self.constant(outputs[0], values)
        self.deciding += [(name, inputs[place]) for place in _SIZES.get(name, ()) if place < len(inputs)]
        if name in _LOOPS:
            raise ValueError(f"it has a {name.decode()}, which no image classifier needs")
        self.calls[domain, name] += 1

    def attribute(self, attribute: Field, depth: int) -> list[float]:
        """Walk through an attribute, and tell the numbers in it."""
        name = b""
        values: list[float] = []
        for entry in self.fields(attribute):
            match entry[0]:
                case 1:
                    name = self.text(entry)
                case 3 | 8:
                    values += self.numbers(entry)
                case 5 | 10:
                    values += self.tensor(entry)[1]
                case 6 | 11:
                    self.graph(entry, depth + 1)
                case 22 | 23:
                    self.sparse_tensor(entry)
        if name in _SIZE_ATTRIBUTES and not all(abs(value) <= _MAX_SIZE for value in values):
            raise ValueError(f"an operator whose {name.decode()} are {_times(values)}")
        return values

    def tensor(self, tensor: Field) -> tuple[bytes, list[float]]:
        """Check a tensor, and tell its name and, when they are few, its numbers."""
        name, kind, held = b"", 0, 0
        raw: Field | None = None
        dims: list[float] = []
        values: list[float] = []
        for entry in self.fields(tensor):
            number, _, start, end = entry
            if number == 1:
                dims += self.numbers(entry)
            elif number == _DATA_TYPE:
                kind = varint(self.content, start, end)[0]
            elif number == 8:
                name = self.text(entry)
            elif number in _DATA:
                held += end - start
                raw = entry if number == _RAW else raw
                values += self.numbers(entry) if number in _INTEGERS and end - start <= _SHORT else []
            elif number == _EXTERNAL_DATA or (number == _DATA_LOCATION and self.content[start]):
                raise ValueError("its weights are in another file; save the model with all of them in one")
        elements = _elements(dims)
        if raw and kind in _BITS and -(-elements * _BITS[kind] // 8) != held:
            raise ValueError(f"a tensor of shape {_times(dims)} has {held:,} bytes")
        if elements > 2 * held:  # the shortest element, of 4 bits, has half a byte
            raise ValueError(f"a tensor of shape {_times(dims)} has only {held:,} bytes")
        if raw and kind in _DTYPES and held <= _SHORT:
            values = np.frombuffer(self.text(raw), _DTYPES[kind]).tolist()
        return name, values

    def constant(self, name: bytes, values: list[float]) -> None:
        """Keep a short constant; of two of a name, both."""
        if values:
            self.constants[name] = self.constants.get(name, []) + values

    def sparse_tensor(self, tensor: Field) -> None:
        dims: list[float] = []
        for entry in self.fields(tensor):
            if entry[0] == 3:
                dims += self.numbers(entry)
            else:
                self.tensor(entry)
        if 16 * _elements(dims) > MAX_BYTES:
            raise ValueError(f"a sparse tensor of shape {_times(dims)}")

    def value(self, value: Field) -> None:
        """An input or output: its shape is ``type.tensor_type.shape.dim.dim_value``."""
        dims: list[float] = []
        messages = [value]
        for wanted in (2, 1, 2, 1):
            messages = [entry for message in messages for entry in self.fields(message) if entry[0] == wanted]
        for message in messages:
            dims += [size for entry in self.fields(message) if entry[0] == 1 for size in self.numbers(entry)]
        if 8 * _elements(dims) > MAX_BYTES:
            raise ValueError(f"an input or output of shape {_times(dims)}")

    def numbers(self, entry: Field) -> Sequence[int]:
        return integers(self.content, entry)


def _check_sizes(walk: _Walk) -> None:
    """Nothing grows beyond reason by a constant. What the images decide is bounded when it is run."""
    growth = 1.0
    for operator, name in walk.deciding:
        values = walk.constants.get(name, [])
        lowest = -_MAX_SIZE if operator in _SIGNED else 0
        highest = _MAX_GROWTH if operator == b"Reshape" else _MAX_SIZE
        if not all(lowest <= value <= highest for value in values):
            raise ValueError(f"a {operator.decode()} by {_times(values)}")
        grown = math.prod(max(abs(value), 1) for value in values)
        growth *= grown if operator in _MULTIPLYING else 1
        if operator != b"Pad" and max(grown, growth) > _MAX_GROWTH:
            raise ValueError(f"a {operator.decode()} by {_times(values)}")


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
                _check_sizes(inner)
    _check_sizes(walk)
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


def _elements(dims: list[float]) -> float:
    if min(dims, default=0) < 0:
        raise ValueError(f"a tensor of shape {_times(dims)}")
    return math.prod(dims)


def _times(dims: list[float]) -> str:
    return "×".join(map(str, dims[:8]))
