"""Networks for the C format: their layers in the order they run, and the bytes that a C file carries of them.

Numbers between layers are float32, or uint8 that stand for ``scale · (q − zero_point)``. A signed 8-bit
tensor of TFLite is held 128 higher, so that each layer reads pixels and activations alike; its weights stay
signed. Each image is an array of its own: the batch is no dimension.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["uint8", "float32"]
_SIZES = {"uint8": 1, "float32": 4}
_ARRAYS = {"uint8": "u1", "int8": "i1", "int32": "<i4", "float32": "<f4"}
"""Types of constants, and how they are stored."""
MAX_BYTES = 2**24
"""Largest network that a C file holds: 16 MB, more than any microcontroller's flash."""
MOST_VALUES = 2**22
"""Largest tensor or constant: the pixels of 100 images for a small classifier."""
_MAX_HEADER = 2**20
"""Longest description of the layers."""
_MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class NetworkTensor:
    """Numbers between two layers, for one image."""

    shape: tuple[int, ...]
    """Its shape, without the batch."""
    kind: Kind
    """Type of its elements."""
    scale: float = 0.0
    """Scale of uint8; 0 for float32."""
    zero_point: int = 0
    """Zero point of uint8."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.elements * _SIZES[self.kind]


@dataclass(frozen=True)
class Layer:
    """One step: a kernel, what it reads, and what it writes."""

    kernel: str
    """Name of the function in C that computes it."""
    inputs: tuple[int, ...]
    """Indices of the tensors it reads; 0 is the image."""
    output: int
    """Index of the tensor it writes."""
    numbers: dict[str, int] = field(default_factory=dict)
    """Integer arguments of the kernel."""
    reals: dict[str, float] = field(default_factory=dict)
    """float32 arguments of the kernel."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Constants: weights, biases, scales and tables."""
    note: str = ""
    """What the layer is, for people."""


@dataclass(frozen=True)
class Network:
    """A network: raw pixels in, a probability for each class out."""

    name: str
    """Prefix of its names in C."""
    tensors: tuple[NetworkTensor, ...]
    """The first is the image, uint8; the last layer writes the probabilities, float32."""
    layers: tuple[Layer, ...]
    """In the order they run."""

    @property
    def image(self) -> NetworkTensor:
        """The image, raw pixels."""
        return self.tensors[0]

    @property
    def output(self) -> int:
        """Index of the tensor with the probabilities."""
        return self.layers[-1].output

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.tensors[self.output].elements


def write_network(network: Network) -> str:
    """Return a network as text in base64.

    The text is of a zlib stream: the length of a JSON object in 4 bytes, that object, and the constants.
    """
    constants = [array for layer in network.layers for array in layer.arrays.values()]
    layers = []
    for layer in network.layers:
        arrays = {name: [array.dtype.name, *array.shape] for name, array in layer.arrays.items()}
        layers.append(
            {**{key: value for key, value in vars(layer).items() if key != "arrays"}, "arrays": arrays}
        )
    header = {
        "name": network.name,
        "tensors": [asdict(tensor) for tensor in network.tensors],
        "layers": layers,
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    data = b"".join(array.astype(_ARRAYS[array.dtype.name]).tobytes() for array in constants)
    return base64.b64encode(zlib.compress(len(text).to_bytes(4, "little") + text + data, 9)).decode()


def read_network(text: str | bytes) -> Network:
    """Read a network from text that is not trusted. `check_network` says whether its layers fit together.

    Raises:
        ValueError: It is no such text. So are other exceptions of damaged JSON; see `source.read_c`.
    """
    try:
        stream = zlib.decompressobj()
        content = stream.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
        if not stream.eof or stream.unused_data:
            raise ValueError("its network is cut off, or too large")
    except zlib.error as error:
        raise ValueError(f"its network cannot be decompressed ({error})") from error
    length = int.from_bytes(content[:4], "little")
    if length > _MAX_HEADER:
        raise ValueError(f"its layers are described by {length:,} bytes")
    header = json.loads(content[4 : 4 + length])
    at = 4 + length
    layers = []
    for entry in header["layers"]:
        arrays = {}
        for name, (kind, *shape) in entry["arrays"].items():
            dtype = np.dtype(_ARRAYS[kind])
            size = _elements(shape) * dtype.itemsize
            if at + size > len(content):
                raise ValueError("its weights are cut off")
            arrays[name] = np.frombuffer(content, dtype, _elements(shape), at).reshape(shape).astype(kind)
            at += size
        layers.append(
            Layer(
                str(entry["kernel"]),
                tuple(int(index) for index in entry["inputs"]),
                int(entry["output"]),
                {str(name): int(value) for name, value in entry["numbers"].items()},
                {str(name): float(value) for name, value in entry["reals"].items()},
                arrays,
                str(entry["note"]),
            )
        )
    if at != len(content):
        raise ValueError("it has more weights than layers")
    tensors = tuple(
        NetworkTensor(_sizes(each["shape"]), each["kind"], float(each["scale"]), int(each["zero_point"]))
        for each in header["tensors"]
    )
    return Network(str(header["name"]), tensors, tuple(layers))


def _elements(shape: Sequence[int]) -> int:
    sizes = _sizes(shape)
    if not all(0 < size <= MOST_VALUES for size in sizes) or math.prod(sizes) > MAX_BYTES:
        raise ValueError(f"an array of {len(sizes)} dimensions that is empty or too large")
    return math.prod(sizes)


def _sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape as integers that are not absurd."""
    if len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"an array of {len(shape):,} dimensions")
    sizes = tuple(map(int, shape))
    if any(abs(size) > MAX_BYTES for size in sizes):
        raise ValueError("an array with an absurd size")
    return sizes
