"""A walk through an ONNX file's graphs and tensors, which checks their sizes.

Numbers of fields and types are those of https://github.com/onnx/onnx, ``onnx/onnx.proto``.
"""

from __future__ import annotations

import math
import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np

from fmnist_runtime.safety import AdvisedError
from fmnist_runtime.safety.protobuf import Field, fields, integers, varint

MAX_SIZE = 2**16
"""Largest number that may decide a shape. No image has more pixels in a row."""
_MAX_GROWTH = 2**31
"""Largest factor by which such numbers may multiply a tensor's elements."""
_DECIDING = {
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
"""Indices of the inputs whose values decide the size of an operator's output."""
_REGION = b"Resize of a region"
"""Stands for the second input of Resize, which decides the output's size but is not a size."""
_LOWEST = {b"Range": -MAX_SIZE, b"Reshape": -1, b"Resize": 1 / MAX_SIZE, b"Upsample": 1 / MAX_SIZE}
"""Lowest values other than 0: countdowns, the remainder, and factors that must not give fewer than one
pixel, as the engine aborts then. It also aborts if a Pad crops more than there is, which no converter
does."""
_MULTIPLYING = {b"Tile", b"Upsample"}
"""Operators that multiply the given sizes."""
_DECIDING_ATTRIBUTES = {
    *(b"dilations", b"kernel_shape", b"output_padding", b"output_shape", b"pads", b"shape", b"strides"),
    *(b"block_shape", b"blocksize", b"group", b"scales"),
}
"""Attributes that decide a size, or that an engine divides by or counts to."""


def check_sizes(deciding: list[tuple[bytes, bytes]], constants: Mapping[bytes, list[float]]) -> None:
    """Check that no constant makes a tensor too large. Sizes that images decide are limited at run time.

    Args:
        deciding: Operator and tensor, for each that decides a shape.
        constants: By name: the numbers of the constants that may be among them.

    Raises:
        ValueError: A tensor becomes too large.
    """
    growth = 1.0
    for operator, name in deciding:
        values = constants.get(name, [])
        if operator == _REGION:  # all starts come first, then all ends
            half = len(values) // 2
            ends = zip(values[:half], values[half:], strict=False)
            if not all(0 <= start <= end <= 1 for start, end in ends):
                raise ValueError(f"a Resize of the region {times(values)}")
            continue
        lowest = _LOWEST.get(operator, 0)
        highest = _MAX_GROWTH if operator == b"Reshape" else MAX_SIZE
        if not all(lowest <= value <= highest for value in values):
            raise ValueError(f"a {operator.decode()} by {times(values)}")
        grown = math.prod(max(abs(value), 1) for value in values)
        growth *= grown if operator in _MULTIPLYING else 1
        if operator != b"Pad" and max(grown, growth) > _MAX_GROWTH:
            raise ValueError(f"a {operator.decode()} by {times(values)}")


def times(dims: list[float]) -> str:
    """Return a shape as text, of a long one only the beginning."""
    return "×".join(map(str, dims[:8]))


MAX_BYTES = 2**29
"""Largest size of a tensor that is not stored in full: 512 MB."""
MAX_DEPTH = 8
"""Largest depth of nested graphs. The conditions of a classifier are two or three deep."""
_LOOPS = {b"Loop", b"Scan", b"SequenceMap", b"BeamSearch", b"GreedySearch", b"Sampling", b"WhisperBeamSearch"}
"""Operators that run a graph as often as the file says."""
_CONVOLUTIONS = {b"Conv", b"ConvInteger", b"QLinearConv"}
"""Operators whose strides reduce images."""
_DATA = {4, 5, 6, 7, 9, 10, 11}
"""Fields of TensorProto with its elements: float, int32, string, int64, raw, double, uint64."""
_INTEGERS = {5, 7}
"""Those with lists of integers."""
_SHORT = 16 * 8
"""Largest constant, in bytes, that can be a shape or its padding."""
_CLASS_NUMBERS, _CLASS_NAMES = {b"classlabels_int64s", b"classlabels_ints"}, b"classlabels_strings"
"""Attributes of ZipMap, LinearClassifier and similar operators
(https://onnx.ai/onnx/operators/#ai-onnx-ml) with the class names of scikit-learn's classifiers."""
_STRINGS, _OUTPUT = 9, 12
"""Fields of AttributeProto and GraphProto."""
_RAW, _DATA_TYPE, _EXTERNAL_DATA, _DATA_LOCATION = 9, 2, 13, 14
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64}
_BITS |= {15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}
"""Bits of an element in raw data, by TensorProto.DataType: FLOAT, UINT8, INT8, UINT16, …"""
_DTYPES = {1: "<f4", 6: "<i4", 7: "<i8"}
"""Types of sizes and scales: FLOAT, INT32, INT64."""

Call = tuple[bytes, bytes]
"""Domain and name of an operator or of a local function."""


class External(NamedTuple):
    """Position of a weight in another file."""

    file: str
    """Name of the file beside the model."""
    offset: int
    """First byte."""
    length: int
    """Number of bytes."""


class Producer(NamedTuple):
    """The operator that computes a tensor of the model's own graph."""

    name: str
    """Its name in the specification."""
    source: str
    """Its first input; empty if it has none."""
    labels: tuple[str, ...]
    """Class names, if it has any; see `_CLASS_NAMES`."""


@dataclass
class Walk:
    """The results of a walk. It raises ValueError where the engine would read outside the file."""

    content: mmap.mmap | bytes
    """The whole file."""
    calls: Counter[Call] = field(default_factory=Counter)
    """Calls of each operator in the current graph or function."""
    constants: dict[bytes, list[float]] = field(default_factory=dict)
    """By name: the short constants that may be sizes."""
    deciding: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Operator and tensor, for each that decides a shape."""
    weights: set[tuple[int, ...]] = field(default_factory=set)
    """Shapes of the tensors of two dimensions or more."""
    stride: int = 0
    """Factor by which the first convolution reduces the number of pixels; 0 before it is found."""
    producers: dict[str, Producer] = field(default_factory=dict)
    """By the name of each tensor of the model's own graph: the operator that computes it."""
    outputs: list[str] = field(default_factory=list)
    """Names of the outputs of the model's own graph."""
    external: list[External] = field(default_factory=list)
    """The weights in other files."""

    def fields(self, message: Field) -> list[Field]:
        """Return the fields of a message."""
        return list(fields(self.content, message[2], message[3]))

    def text(self, message: Field) -> bytes:
        """Return a text or bytes."""
        return self.content[message[2] : message[3]]

    def graph(self, graph: Field, depth: int) -> None:
        """Walk through a graph; the model's own has a depth of 1."""
        if depth > MAX_DEPTH:
            raise ValueError(f"graphs inside of graphs, more than {MAX_DEPTH} deep")
        for entry in self.fields(graph):
            match entry[0]:
                case 1:
                    self.node(entry, depth)
                case 5:
                    self.constant(*self.tensor(entry))
                case 15:
                    self.sparse_tensor(entry)
                case 11 | 12:
                    name = self.value(entry)
                    if entry[0] == _OUTPUT and depth == 1:
                        self.outputs.append(name)

    def node(self, node: Field, depth: int) -> None:
        """Walk through a node of a graph."""
        name = domain = b""
        inputs: list[bytes] = []
        outputs: list[bytes] = []
        labels: tuple[str, ...] = ()
        attributes: dict[bytes, list[float]] = {}
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
                    attribute, values = self.attribute(entry, depth)
                    attributes.setdefault(attribute, []).extend(values)
                    if attribute in _CLASS_NUMBERS:
                        labels = labels or tuple(str(int(value)) for value in values)
                    elif attribute == _CLASS_NAMES:
                        texts = (self.text(text) for text in self.fields(entry) if text[0] == _STRINGS)
                        labels = labels or tuple(text.decode(errors="replace") for text in texts)
        if name == b"Constant" and outputs:
            self.constant(outputs[0], list(chain.from_iterable(attributes.values())))
        self.deciding += [(name, inputs[place]) for place in _DECIDING.get(name, ()) if place < len(inputs)]
        self.deciding += [(_REGION, region) for region in inputs[1:2] if name == b"Resize"]
        if name in _LOOPS:
            raise ValueError(f"it has a {name.decode()}, which no image classifier needs")
        if name in _CONVOLUTIONS and not self.stride:
            self.stride = int(max(1, min(math.prod(attributes.get(b"strides", ())), MAX_SIZE)))
        self.calls[domain, name] += 1
        if depth == 1:
            source = inputs[0].decode(errors="replace") if inputs else ""
            producer = Producer(name.decode(errors="replace"), source, labels)
            self.producers |= {output.decode(errors="replace"): producer for output in outputs}

    def attribute(self, attribute: Field, depth: int) -> tuple[bytes, list[float]]:
        """Walk through an attribute, and return its name and numbers."""
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
        if name in _DECIDING_ATTRIBUTES and not all(abs(value) <= MAX_SIZE for value in values):
            raise ValueError(f"an operator whose {name.decode()} are {times(values)}")
        return name, values

    def tensor(self, tensor: Field) -> tuple[bytes, list[float]]:
        """Check a tensor, and return its name and, if they are few, its numbers."""
        name, kind, held = b"", 0, 0
        raw: Field | None = None
        elsewhere = False
        place: dict[str, str] = {}
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
            elif number == _EXTERNAL_DATA:
                pair = {key[0]: self.text(key).decode(errors="replace") for key in self.fields(entry)}
                place[pair.get(1, "")] = pair.get(2, "")
            elif number == _DATA_LOCATION:
                elsewhere = bool(varint(self.content, start, end)[0])
        elements = _elements(dims)
        if elsewhere or place:
            self.external.append(_external(place, elements, kind, held))
            held = int(elements)
        if raw and kind in _BITS and -(-elements * _BITS[kind] // 8) != held:
            raise ValueError(f"a tensor of shape {times(dims)} has {held:,} bytes")
        if elements > 2 * held:  # the shortest element has 4 bits
            raise ValueError(f"a tensor of shape {times(dims)} has only {held:,} bytes")
        if len(dims) > 1:
            self.weights.add(tuple(map(int, dims)))
        if raw and kind in _DTYPES and held <= _SHORT:
            values = np.frombuffer(self.text(raw), _DTYPES[kind]).tolist()
        return name, values

    def constant(self, name: bytes, values: list[float]) -> None:
        """Keep a short constant. If two have the same name, keep both."""
        if values:
            self.constants[name] = self.constants.get(name, []) + values

    def sparse_tensor(self, tensor: Field) -> None:
        """Check a sparse tensor. The engine allocates all of its elements."""
        dims: list[float] = []
        for entry in self.fields(tensor):
            if entry[0] == 3:
                dims += self.numbers(entry)
            else:
                self.tensor(entry)
        if 16 * _elements(dims) > MAX_BYTES:
            raise ValueError(f"a sparse tensor of shape {times(dims)}")

    def value(self, value: Field) -> str:
        """Check an input or output, and return its name.

        Its shape is ``type.tensor_type.shape.dim.dim_value``.
        """
        dims: list[float] = []
        messages = [value]
        for wanted in (2, 1, 2, 1):
            messages = [entry for message in messages for entry in self.fields(message) if entry[0] == wanted]
        for message in messages:
            dims += [size for entry in self.fields(message) if entry[0] == 1 for size in self.numbers(entry)]
        if 8 * _elements(dims) > MAX_BYTES:
            raise ValueError(f"an input or output of shape {times(dims)}")
        names = [self.text(entry) for entry in self.fields(value) if entry[0] == 1]
        return b"".join(names[-1:]).decode(errors="replace")

    def numbers(self, entry: Field) -> Sequence[int]:
        """Return the signed integers of a field."""
        return integers(self.content, entry)


def _external(place: dict[str, str], elements: float, kind: int, held: int) -> External:
    """Return the position of a weight in another file, which must be beside the model."""
    name = place.get("location", "")
    if held or kind not in _BITS:
        raise ValueError(f"a weight that is in the file {name!r} and here, or of type {kind}")
    if not name or name in (".", "..") or set(name) & set("/\\:") or not name.isprintable():
        raise AdvisedError(
            f"its weights are in the file {name!r}, and only a file beside the model is read; "
            "save the model with all of them in one"
        )
    try:
        offset, length = (int(place.get(key, 0)) for key in ("offset", "length"))
    except ValueError as error:
        raise ValueError(f"a weight at no place in the file {name!r} ({error})") from error
    size = int(-(-elements * _BITS[kind] // 8))
    if offset < 0 or length not in (0, size):
        raise ValueError(f"a weight of {size:,} bytes has {length:,} in the file {name!r}, from {offset:,}")
    return External(name, offset, size)


def _elements(dims: list[float]) -> float:
    if min(dims, default=0) < 0:
        raise ValueError(f"a tensor of shape {times(dims)}")
    return math.prod(dims)
