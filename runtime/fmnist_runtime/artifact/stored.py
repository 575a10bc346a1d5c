"""Which types a model file stores its weights in, and in which its operators compute.

A scheme's name is what was asked for; this is what came of it.

from fmnist_runtime.artifact.stored import read_stored_types

print(read_stored_types(Path("model-int8.onnx")).summary)
"""

from __future__ import annotations

import mmap
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fmnist_runtime.artifact.container import format_suffix

_BROKEN = (ValueError, LookupError, OSError, OverflowError, RecursionError, zipfile.BadZipFile)


class Constant(NamedTuple):
    """A constant that a layer computes with."""

    type: str
    """Type of its elements, as NumPy names it; ``int4``, ``bfloat16`` and their like as the format does."""
    elements: int
    """How many it has."""
    size_bytes: int
    """Bytes that they take in the file."""


@dataclass(frozen=True)
class WeightType:
    """The weights of one type."""

    type: str
    """As of `Constant`; ``int32`` are the biases of integer layers."""
    weights: int
    """How many there are."""
    size_bytes: int
    """Bytes that they take in the file."""
    share: float
    """Of all weights, by count, from 0 to 1."""


@dataclass(frozen=True)
class StoredTypes:
    """What a model file is made of."""

    weights: tuple[WeightType, ...]
    """By type, those with most weights first."""
    integer_operators: int
    """Operators that compute with integers. Those that only convert or move numbers are not counted."""
    float_operators: int
    """Operators that compute with floats."""
    largest: int
    """Weights of the largest single constant."""

    @property
    def is_float32(self) -> bool:
        """Whether nothing in it is other than float32: no weight, and no operator integer."""
        return not self.integer_operators and all(entry.type == "float32" for entry in self.weights)

    @property
    def summary(self) -> str:
        """In a few words, as ``99% of weights int8, 5 of 6 operators integer``."""
        integer, count = self.integer_operators, self.integer_operators + self.float_operators
        operators = {0: "operators float", count: "operators integer"}.get(
            integer, f"{integer} of {count} operators integer"
        )
        if not self.weights:
            return f"no weights, {operators}"
        first = self.weights[0]
        share = "all" if len(self.weights) == 1 else f"{int(100 * first.share)}% of"
        return f"{share} weights {first.type}, {operators}"


def tally(constants: Iterable[Constant], computed: Iterable[bool]) -> StoredTypes:
    """What these constants and operators are together.

    Args:
        constants: All that layers compute with.
        computed: For each operator whether it computes with integers.
    """
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    largest = 0
    for constant in constants:
        counts[constant.type] += constant.elements
        sizes[constant.type] += constant.size_bytes
        largest = max(largest, constant.elements)
    total = counts.total()
    weights = tuple(
        WeightType(kind, count, sizes[kind], count / total) for kind, count in counts.most_common() if count
    )
    operators = Counter(computed)
    return StoredTypes(weights, operators[True], operators[False], largest)


def read_stored_types(path: Path) -> StoredTypes | None:
    """What a model file is made of; None of a format, or of a file, that this does not read.

    Args:
        path: A ``.tflite``, ``.onnx`` or ``.npz`` file.
    """
    suffix = format_suffix(path)
    try:
        if suffix == ".npz":
            return _read_npz(path)
        if suffix not in (".tflite", ".onnx"):
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if suffix == ".onnx":
                from fmnist_runtime.artifact import stored_onnx as onnx

                return tally(*onnx.read(content))
            from fmnist_runtime.artifact import stored_tflite as tflite

            return tally(*tflite.read(content))
    except _BROKEN:
        return None


def _read_npz(path: Path) -> StoredTypes:
    from fmnist_runtime.engines.dense_npz import read_network

    layers = read_network(path).layers
    arrays = [array for layer in layers for array in (layer.kernel, layer.bias)]
    constants = [Constant(str(array.dtype), array.size, array.nbytes) for array in arrays]
    return tally(constants, [False] * len(layers))
