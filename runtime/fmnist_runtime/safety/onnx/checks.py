"""Checks of an ONNX file before ONNX Runtime sees it, and a summary for its session."""

from __future__ import annotations

import math
import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fmnist_runtime.safety.onnx.graph import MAX_DEPTH, Call, External, Producer, Walk, check_sizes
from fmnist_runtime.safety.protobuf import Field, field, fields, varint_bytes

_MAX_NODES = 100_000
"""Largest number of nodes after every local function is expanded. Large language models have 10,000."""


def check(content: mmap.mmap | bytes) -> OnnxSummary:
    """Check what ONNX Runtime takes for granted, and that it reads no files but those beside the model.

    Raises:
        ValueError: A check fails.
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
    """Walk through a local function, and return its domain and name."""
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
    """Return the number of nodes of these calls, with every function expanded."""
    if len(path) > MAX_DEPTH * 4:
        raise ValueError("its functions call each other too deeply, or themselves")
    total = 0
    for call, times in calls.items():
        if call in functions and call not in known:
            known[call] = _nodes(functions[call], functions, known, (*path, call))
        total += times * known.get(call, 1)
    return total


_FLOAT_BYTES = 4
"""Also for an integer model: between its layers, numbers become float again."""

_MOVES = {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}
_MOVES |= {"DequantizeLinear", "QuantizeLinear"}
"""Operators that only change the shape or type of values."""
_NORMALISES = {"Normalizer", "Softmax"}
"""Operators that turn a classifier's values into probabilities."""
_MAP = "ZipMap"
"""The operator of ai.onnx.ml that returns a map from each class to its probability."""
_NOTHING = Producer("", "", ())


class OnnxSummary(NamedTuple):
    """What a session must know of a graph, and the engine does not say."""

    weights: frozenset[tuple[int, ...]]
    """Shapes of the weights: ``[inputs, units]`` or the reverse for a dense layer, ``[channels, channels
    of its input in a group, height, width]`` for a convolution."""
    stride: int
    """Factor by which the first convolution reduces the number of pixels."""
    producers: Mapping[str, Producer]
    """By the name of each tensor of the model's own graph: the operator that computes it."""
    external: tuple[External, ...] = ()
    """The weights in other files beside the model."""
    outputs: tuple[str, ...] = ()
    """Names of the model's outputs."""

    def producer(self, output: str) -> str:
        """Return the operator that computes an output, before moves and conversions."""
        operator = self.producers.get(output)
        for _ in self.producers:  # at most so many, also in a circle
            if operator is None or operator.name not in _MOVES or operator.source not in self.producers:
                break
            operator = self.producers[operator.source]
        return operator.name if operator else ""

    def image_bytes(self, shape: tuple[int, ...]) -> int:
        """Return about how many bytes the widest layer reads and writes for one image.

        That is a dense layer, or a convolution of the image itself: later convolutions have more channels,
        but far fewer pixels.

        Args:
            shape: Shape of the image. Its two longest sides are height and width.
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
        """The outputs in scikit-learn's style: maps from a class to its probability."""
        made = [self.producers[name] for name in self.outputs if name in self.producers]
        return [found for found in made if found.name == _MAP and found.source not in self.outputs]

    def labels(self, output: str) -> tuple[str, ...] | None:
        """Return an output's class names, from the operator that computes it or from its map."""
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
        """Names of the files beside the model with its weights."""
        return sorted({weight.file for weight in self.external})


_GRAPH, _OUTPUT = 7, 12
"""Fields of ModelProto and GraphProto."""


def exposed(maps: Sequence[Producer]) -> bytes:
    """Return bytes that, appended to a model, turn the tensors behind its maps into outputs.

    A protobuf reader merges consecutive messages and joins their lists
    (https://protobuf.dev/programming-guides/encoding/#last-one-wins), so the model itself is not changed.
    """
    outputs = b""
    for producer in maps:  # a ValueInfoProto of float32 [N, classes] for each
        sizes = field(1, field(2, b"N")) + field(1, b"\x08" + varint_bytes(len(producer.labels)))
        kind = field(2, field(1, b"\x08\x01" + field(2, sizes)))
        outputs += field(_GRAPH, field(_OUTPUT, field(1, producer.source.encode()) + kind))
    return outputs
