"""Dense networks on NumPy: for boards without wheels of an engine, and as an independent check."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.container import format_suffix
from fmnist_runtime.artifact.contract import RAW
from fmnist_runtime.artifact.wrong_file import explain_wrong_file
from fmnist_runtime.engines.base import BaseSession, image_writer
from fmnist_runtime.engines.dense import ACTIVATIONS, Dense, DenseNetwork, Floats
from fmnist_runtime.engines.plan import Plan, block_size
from fmnist_runtime.engines.session_options import ImageTensor, SessionOptions
from fmnist_runtime.errors import ModelError, UnsupportedError

_REFUSAL = "not a dense float32 network, which is all that engine 'numpy' runs ({}); leave out --engine numpy"
_REFUSALS = {".npz": "not an npz model that fmnist export wrote ({})"}
"""By suffix, for files that no other engine runs."""


class NumpySession(BaseSession):
    """A dense network on NumPy, whose BLAS library decides on the number of threads."""

    def __init__(self, options: SessionOptions) -> None:
        options = options.checked()
        path, suffix = options.path, format_suffix(options.path)
        reader = import_module(f"fmnist_runtime.engines.dense_{suffix.removeprefix('.')}")
        try:
            network: DenseNetwork = reader.read_network(options.file.content)
        except Exception as error:  # NumPy and zipfile raise any exception for a crafted file
            kind = ModelError if suffix in _REFUSALS else UnsupportedError
            what = explain_wrong_file(path) if suffix in _REFUSALS else ""
            raise kind(f"{path}: {what or _REFUSALS.get(suffix, _REFUSAL).format(error)}") from error
        self._engine = network.layers
        format = suffix.removeprefix(".")
        if format == "npz" and options.input_range is None:
            options = replace(options, input_range=RAW)  # nobody else writes this format
        last = network.layers[-1]
        image = ImageTensor(network.input_shape, np.dtype(np.float32))
        engine = f"numpy {np.__version__}"
        info = options.info(format, engine, image, max(last.bias.size, 2), threads=0)
        block = block_size(network.values * np.dtype(np.float32).itemsize)
        super().__init__(info, block, options.head, last.activation)

    @property
    def layers(self) -> list[Dense]:
        """The network's layers."""
        return list(self._engine)

    def activations(self, images: NDArray[np.uint8]) -> list[Floats]:
        """Return the output of every layer, each float32 ``[N, units]``."""
        values, outputs = np.empty((len(images), *self._info.contract.shape), np.float32), []
        image_writer(values, images.shape, self._info.contract)(images)
        values = values.reshape(len(images), -1)
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

        image = pixels.reshape(shape[0], *self._info.contract.shape)
        return Plan(image_writer(image, shape, self._info.contract), multiply, outputs[-1])

    def _steps(self, pixels: Floats, outputs: list[Floats]) -> list[Callable[[], object]]:
        """Return a function for each layer, which reads the output of the layer before.

        Args:
            pixels: float32 ``[N, pixels]``, the first layer's input.
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
