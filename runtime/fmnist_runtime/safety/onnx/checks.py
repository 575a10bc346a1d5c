"""What must hold of an ONNX file before ONNX Runtime sees it."""

from __future__ import annotations

import math
import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fmnist_runtime.safety.onnx.graph import MAX_DEPTH, Call, External, Producer, Walk, check_sizes
from fmnist_runtime.safety.protobuf import Field, field, fields, varint_bytes

_MAX_NODES = 100_000
"""Nodes once every local function is written out where it is called; large language models have 10,000."""


def check(content: mmap.mmap | bytes) -> OnnxSummary:
    """Check all that ONNX Runtime takes for granted, and that it reads no files but those beside this one.

    Returns:
        How the model may be run.

    Raises:
        ValueError: It does not hold.
    """
    walk = Walk(content)
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
                inner = Walk(content)
                functions[_function(inner, entry)] = inner.calls
                check_sizes(inner.deciding, inner.constants)
                walk.external += inner.external
    check_sizes(walk.deciding, walk.constants)
    if _nodes(walk.calls, functions, {}, ()) > _MAX_NODES:
        raise ValueError(f"it has more than {_MAX_NODES:,} nodes, once its functions are written out")
    external, outputs = tuple(walk.external), tuple(walk.outputs)
    return OnnxSummary(frozenset(walk.weights), max(walk.stride, 1), walk.producers, external, outputs)


def _function(walk: Walk, function: Field) -> Call:
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
    if len(path) > MAX_DEPTH * 4:
        raise ValueError("its functions call each other too deeply, or themselves")
    total = 0
    for call, times in calls.items():
        if call in functions and call not in known:
            known[call] = _nodes(functions[call], functions, known, (*path, call))
        total += times * known.get(call, 1)
    return total


_FLOAT_BYTES = 4
"""Also of an integer model: between its layers its numbers become float again, or half-way do."""

_MOVES = {
    "Cast",
    "DequantizeLinear",
    "Flatten",
    "Identity",
    "QuantizeLinear",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
}
"""Operators that give other shapes or types to the same values."""
_NORMALISES = {"Normalizer", "Softmax"}
"""Operators that make probabilities of a classifier's values."""
_MAP = "ZipMap"
"""The operator of ai.onnx.ml that makes a map from each class to its probability."""
_NOTHING = Producer("", "", ())


class OnnxSummary(NamedTuple):
    """What the weights tell of the layers that they belong to."""

    weights: frozenset[tuple[int, ...]]
    """Their shapes: of a dense layer ``[inputs, units]`` or the reverse, of a convolution
    ``[channels, channels of its input in a group, height, width]``."""
    stride: int
    """By how much the first convolution divides the number of pixels."""
    producers: Mapping[str, Producer]
    """By the name of each tensor that the model's own graph computes, the operator that makes it."""
    external: tuple[External, ...] = ()
    """The weights that lie in other files, beside the model."""
    outputs: tuple[str, ...] = ()
    """Names of the model's outputs."""

    def producer(self, output: str) -> str:
        """The operator that gives an output its values; moves and conversions do not."""
        operator = self.producers.get(output)
        for _ in self.producers:  # at most so many, also in a circle
            if operator is None or operator.name not in _MOVES or operator.source not in self.producers:
                break
            operator = self.producers[operator.source]
        return operator.name if operator else ""

    def image_bytes(self, shape: tuple[int, ...]) -> int:
        """About what the widest layer reads and writes for one image.

        That is a dense layer, or a convolution of the image itself: further on there are more channels, but
        fewer pixels still.

        Args:
            shape: The image's, whose two longest sides are those of the picture.
        """
        size, pixels = math.prod(shape), max(math.prod(sorted(shape)[-2:]), 1)
        layers = [size]
        for weights in self.weights:
            if len(weights) == 2:
                layers.append(sum(weights))
            elif len(weights) > 2 and weights[1] == size // pixels:
                layers.append(size + weights[0] * pixels // self.stride)
        return _FLOAT_BYTES * max(layers)

    @property
    def maps(self) -> list[Producer]:
        """The outputs of scikit-learn's kind: maps from a class to its probability."""
        made = [self.producers[name] for name in self.outputs if name in self.producers]
        return [
            producer for producer in made if producer.name == _MAP and producer.source not in self.outputs
        ]

    def labels(self, output: str) -> tuple[str, ...] | None:
        """Class names of an output with scores, as the operator that it goes back to has them, or its map."""
        for producer in self.producers.values():
            if producer.name == _MAP and producer.source == output:
                return producer.labels
        for _ in self.producers:
            producer = self.producers.get(output, _NOTHING)
            if producer.labels or producer.name not in _MOVES | _NORMALISES:
                return producer.labels or None
            output = producer.source
        return None

    @property
    def files(self) -> list[str]:
        """Names of the files beside the model that hold its weights."""
        return sorted({weight.file for weight in self.external})


def exposed(maps: Sequence[Producer]) -> bytes:
    """What, put behind a model, makes outputs of the tensors that its maps are made of.

    Of two messages one after the other a protobuf reader makes one, with the elements of both in their lists
    (https://protobuf.dev/programming-guides/encoding/#last-one-wins), so the model itself stays as it is.
    """
    return b"".join(
        field(_GRAPH, field(_OUTPUT, _value(producer.source, len(producer.labels)))) for producer in maps
    )


_GRAPH, _OUTPUT = 7, 12
"""Fields of ModelProto and GraphProto."""


def _value(name: str, classes: int) -> bytes:
    """A ValueInfoProto: float32 ``[N, classes]``."""
    sizes = field(1, field(2, b"N")) + field(1, b"\x08" + varint_bytes(classes))
    return field(1, name.encode()) + field(2, field(1, b"\x08\x01" + field(2, sizes)))
