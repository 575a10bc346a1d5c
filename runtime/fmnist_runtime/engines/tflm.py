"""TFLite models on the interpreter for microcontrollers, as PyPI's tflite-micro has it for x86-64 Linux.

Its kernels round otherwise than LiteRT's, and it knows fewer operators: what a model answers here is what it
answers on a board with that interpreter. See https://github.com/tensorflow/tflite-micro.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.engines.base import BaseSession, Output, check_inputs, choose_output, image_writer
from fmnist_runtime.engines.plan import Plan, in_turn
from fmnist_runtime.engines.quantization import score_reader
from fmnist_runtime.engines.session_options import ImageTensor, SessionOptions
from fmnist_runtime.errors import ModelError, needs_extra

with needs_extra("tflm", "running a model on the interpreter for microcontrollers"):
    from tflite_micro.python.tflite_micro import runtime

_BLOCK = 64
_ARENA = re.compile(r"Arena allocation total (\d+) bytes")


class TflmSession(BaseSession):
    """A TFLite model on the interpreter for microcontrollers, which runs one image at a time."""

    def __init__(self, options: SessionOptions) -> None:
        options = options.checked()
        path, engine = options.path, f"tflite-micro {version('tflite-micro')}"
        said: list[str] = []
        try:
            with _listening(said):
                self._engine = runtime.Interpreter.from_bytes(bytes(options.file.content))
                self._engine.print_allocations()
            self._pixels = self._engine.get_input_details(0)
            self._result = self._engine.get_output_details(0)
            shape, units = (tuple(map(int, end["shape"])) for end in (self._pixels, self._result))
            check_inputs([shape])
            choose_output([Output("output", units, np.dtype(self._result["dtype"]), "")], None)
            if shape[0] != 1:
                raise ValueError(f"it takes {shape[0]} images at once")
        except Exception as error:  # its exceptions have no common base, and it prints the reason
            reason = next((line for line in said if line.strip()), "") or str(error)
            raise ModelError(f"{path}: cannot be run by {engine} ({reason.strip()})") from error
        self._stateful = options.file.summary.stateful
        image = ImageTensor(shape[1:], np.dtype(self._pixels["dtype"]), *_quantization(self._pixels))
        self._units = int(np.prod(units[1:]))
        info = options.info("tflite", engine, image, max(self._units, 2), threads=1)
        if found := _ARENA.search("\n".join(said)):
            arena = f"{path}: needs an arena of {int(found[1]):,} bytes, as {engine} counts it"
            info = replace(info, notes=(*info.notes, arena))
        super().__init__(info, _BLOCK, options.head)

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        pixels = np.zeros((shape[0], *self._info.contract.shape), self._pixels["dtype"])
        answers = np.zeros((shape[0], self._units), self._result["dtype"])
        write = image_writer(pixels, shape, self._info.contract, *_quantization(self._pixels))
        read, scores = score_reader(answers, *_quantization(self._result))
        return Plan(write, in_turn(partial(self._invoke, pixels, answers), read), scores)

    def _invoke(self, pixels: NDArray[Any], answers: NDArray[Any]) -> None:
        for place in range(len(pixels)):
            if self._stateful:
                self._engine.reset()
            self._engine.set_input(pixels[place : place + 1], 0)
            self._engine.invoke()
            answers[place] = self._engine.get_output(0).reshape(-1)


def _quantization(end: dict[str, Any]) -> tuple[float, int]:
    """Return the scale and zero point of an input or output; zeros if it has none."""
    parameters = end["quantization_parameters"]
    scales, zero_points = parameters["scales"], parameters["zero_points"]
    return (float(scales[0]), int(zero_points[0])) if len(scales) else (0.0, 0)


@contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    """Collect the lines that the interpreter prints, which is in C++, past Python's streams."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(stream) for stream in (1, 2)]
        try:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            yield
        finally:
            for stream, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, stream)
                os.close(copy)
            file.seek(0)
            said += file.read().decode(errors="replace").splitlines()
