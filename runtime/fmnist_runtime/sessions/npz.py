"""npz models, dense layers in a row, on NumPy alone: for boards that no engine has wheels for.

A model is an uncompressed ``.npz`` with ``network.json``, which lists the layers, and for the layer of
number n the arrays ``n.kernel`` (float32 ``[inputs, units]``) and ``n.bias`` (float32 ``[units]``).
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.carriers import read_metadata, read_stored
from fmnist_runtime.errors import ModelError
from fmnist_runtime.quantization import pixel_writer
from fmnist_runtime.sessions.base import BaseSession, Plan, class_labels
from fmnist_runtime.sessions.blocks import block_size
from fmnist_runtime.sessions.session import ModelInfo
from fmnist_runtime.structure.archive import open_archive

NETWORK_FILE = "network.json"
NETWORK_SCHEMA = "fmnist.network/1"
_MAX_NETWORK_BYTES = 1_000_000
"""Far above the list of any dense network's layers."""

Floats = NDArray[np.float32]


def _softmax(values: Floats) -> None:
    values -= values.max(axis=1, keepdims=True)
    np.exp(values, out=values)
    values /= values.sum(axis=1, keepdims=True)


def _sigmoid(values: Floats) -> None:
    np.negative(values, out=values)
    with np.errstate(over="ignore"):  # 1 / (1 + infinity) is 0, as it should be
        np.exp(values, out=values)
    values += 1
    np.reciprocal(values, out=values)


ACTIVATIONS: dict[str, Callable[[Floats], object]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0, out=values),
    "sigmoid": _sigmoid,
    "tanh": lambda values: np.tanh(values, out=values),
    "softmax": _softmax,
}
"""What can follow a dense layer, computed in place."""


@dataclass(frozen=True)
class Dense:
    """One layer: ``activation(inputs · kernel + bias)``."""

    name: str
    """Its name in the original."""
    kernel: Floats
    """float32 ``[inputs, units]``."""
    bias: Floats
    """float32 ``[units]``."""
    activation: str
    """A key of `ACTIVATIONS`."""


class NpzSession(BaseSession):
    """A dense network, multiplied out by NumPy, whose own library decides how many threads that takes."""

    def __init__(
        self, path: Path, _threads: int, labels: tuple[str, ...] | None, _running: object = None
    ) -> None:
        metadata = read_metadata(path)
        try:
            shape, self._engine = read_network(path)
        except Exception as error:  # what crafted files make NumPy and zipfile raise has no common base
            raise ModelError(f"{path}: not an npz model that fmnist export wrote ({error})") from error
        info = ModelInfo(
            path=path,
            format="npz",
            scheme=metadata.scheme if metadata else "float32",
            engine=f"numpy {np.__version__}",
            threads=0,
            input_shape=shape,
            labels=class_labels(labels, metadata, len(self._engine[-1].bias), path),
            size_bytes=path.stat().st_size,
            metadata=metadata,
        )
        widest = max(sum(layer.kernel.shape) for layer in self._engine)
        super().__init__(info, block_size(widest * np.dtype(np.float32).itemsize))

    @property
    def layers(self) -> list[Dense]:
        """The network."""
        return list(self._engine)

    def activations(self, images: NDArray[np.uint8]) -> list[Floats]:
        """What every layer gives: float32 ``[N, units]`` of each."""
        values, outputs = self.fit(images).reshape(len(images), -1).astype(np.float32), []
        for layer in self._engine:
            values = values @ layer.kernel + layer.bias
            ACTIVATIONS[layer.activation](values)
            outputs.append(values)
        return outputs

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        pixels = np.empty((shape[0], math.prod(shape[1:])), np.float32)
        steps = [
            (layer.kernel, layer.bias, np.empty((shape[0], layer.bias.size), np.float32), layer.activation)
            for layer in self._engine
        ]

        def multiply() -> None:
            values = pixels
            for kernel, bias, output, activation in steps:
                values = np.matmul(values, kernel, output)
                values += bias
                ACTIVATIONS[activation](values)

        return Plan(pixel_writer(pixels.reshape(shape)), multiply, steps[-1][2])


def read_network(path: Path) -> tuple[tuple[int, ...], list[Dense]]:
    """Read the network from an npz model.

    Returns:
        The shape of one image, and the layers.

    Raises:
        ValueError: The file is something else, or its arrays do not fit together. A crafted one makes NumPy
            and zipfile raise more than that.
    """
    limit = path.stat().st_size
    with open_archive(path) as archive:
        if NETWORK_FILE not in archive.namelist():
            raise ValueError(f"it has no {NETWORK_FILE}")
        network = json.loads(read_stored(archive, NETWORK_FILE, _MAX_NETWORK_BYTES))
        if network["schema"] != NETWORK_SCHEMA:
            raise ValueError(f"its network is {network['schema']!r}, this reads {NETWORK_SCHEMA}")
        shape = tuple(int(size) for size in network["input_shape"])
        layers = [
            Dense(
                name=str(layer["name"]),
                kernel=_array(archive, f"{number}.kernel.npy", limit),
                bias=_array(archive, f"{number}.bias.npy", limit),
                activation=layer["activation"],
            )
            for number, layer in enumerate(network["layers"])
        ]
    _check(shape, layers)
    return shape, layers


def _check(shape: tuple[int, ...], layers: list[Dense]) -> None:
    if not shape or min(shape) < 1 or not layers:
        raise ValueError(f"a network of {len(layers)} layers for images of shape {shape}")
    width = math.prod(shape)
    for layer in layers:
        if layer.kernel.shape != (width, layer.bias.size) or layer.bias.ndim != 1 or layer.bias.size < 1:
            raise ValueError(
                f"layer {layer.name!r} has a kernel of shape {layer.kernel.shape} for {width} inputs"
            )
        if layer.activation not in ACTIVATIONS:
            raise ValueError(f"layer {layer.name!r} ends in {layer.activation!r}, which is not known")
        width = layer.bias.size


def _array(archive: zipfile.ZipFile, name: str, limit: int) -> Floats:
    content = read_stored(archive, name, limit)
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"{name} is of version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    start = file.tell()
    if fortran or dtype != np.dtype("<f4") or math.prod(shape) * 4 != len(content) - start:
        raise ValueError(f"{name} is no whole float32 array")
    return np.frombuffer(content, "<f4", offset=start).reshape(shape).astype(np.float32, copy=False)
