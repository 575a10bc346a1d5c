"""Dense networks on NumPy alone: for boards that no engine has wheels for, and as an opinion of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.carriers import format_suffix, read_metadata
from fmnist_runtime.dense.network import ACTIVATIONS, Dense, Floats, Network
from fmnist_runtime.errors import ModelError, UnsupportedError
from fmnist_runtime.mistaken import mistaken
from fmnist_runtime.quantization import pixel_writer
from fmnist_runtime.sessions.base import BaseSession, class_labels
from fmnist_runtime.sessions.blocks import block_size
from fmnist_runtime.sessions.plan import Plan
from fmnist_runtime.sessions.session import ModelInfo

_REFUSAL = "not a dense float32 network, which is all that engine 'numpy' runs ({}); leave out --engine numpy"
_REFUSALS = {".npz": "not an npz model that fmnist export wrote ({})"}
"""By suffix, where another engine would not run it, either."""


class NumpySession(BaseSession):
    """A dense network, multiplied out by NumPy, whose own library decides how many threads that takes."""

    def __init__(
        self, path: Path, _threads: int, labels: tuple[str, ...] | None, _running: object = None
    ) -> None:
        metadata, suffix = read_metadata(path), format_suffix(path)
        reader = import_module(f"fmnist_runtime.dense.{suffix.removeprefix('.')}")
        try:
            network: Network = reader.read_network(path)
        except Exception as error:  # what crafted files make NumPy and zipfile raise has no common base
            kind = ModelError if suffix in _REFUSALS else UnsupportedError
            what = mistaken(path) if suffix in _REFUSALS else ""
            raise kind(f"{path}: {what or _REFUSALS.get(suffix, _REFUSAL).format(error)}") from error
        self._engine = network.layers
        names = class_labels(labels, metadata, network.layers[-1].bias.size, path)
        info = ModelInfo(
            path=path,
            format=suffix.removeprefix("."),
            scheme=metadata.scheme if metadata else "unknown",
            engine=f"numpy {np.__version__}",
            threads=0,
            input_shape=network.input_shape,
            labels=names.names,
            size_bytes=path.stat().st_size,
            metadata=metadata,
            notes=names.notes,
        )
        super().__init__(info, block_size(network.values * np.dtype(np.float32).itemsize))

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
        outputs = [np.empty((shape[0], layer.bias.size), np.float32) for layer in self._engine]
        steps = self._steps(pixels, outputs)

        def multiply() -> None:
            for step in steps:
                step()

        return Plan(pixel_writer(pixels.reshape(shape)), multiply, outputs[-1])

    def _steps(self, pixels: Floats, outputs: list[Floats]) -> list[Callable[[], object]]:
        """A call for each layer, which reads what the one before it has written.

        Args:
            pixels: float32 ``[N, pixels]``, what the first layer reads.
            outputs: float32 ``[N, units]`` of each layer, where they write.
        """
        return [
            partial(_run, values, layer.kernel, layer.bias, output, ACTIVATIONS[layer.activation])
            for layer, values, output in zip(self._engine, [pixels, *outputs], outputs, strict=False)
        ]


def _run(
    values: Floats, kernel: Floats, bias: Floats, output: Floats, activation: Callable[[Floats], object]
) -> None:
    np.matmul(values, kernel, output)
    output += bias
    activation(output)
