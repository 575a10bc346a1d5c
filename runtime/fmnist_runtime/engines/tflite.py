"""TFLite models, on ai-edge-litert or its predecessor tflite-runtime, never on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.engines.base import (
    BaseSession,
    Output,
    check_inputs,
    choose_output,
    image_writer,
    require_numpy_fits,
)
from fmnist_runtime.engines.plan import Plan, block_size, in_turn
from fmnist_runtime.engines.quantization import score_reader
from fmnist_runtime.engines.session_options import ImageTensor, SessionOptions
from fmnist_runtime.errors import ModelError, needs_extra
from fmnist_runtime.safety.tflite.cost import TfliteSummary

with needs_extra("tflite", "running a .tflite model"):
    try:
        require_numpy_fits("ai_edge_litert")
        import ai_edge_litert as package
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as missing:
        try:
            require_numpy_fits("tflite_runtime")
            import tflite_runtime as package
            from tflite_runtime.interpreter import Interpreter
        except ModuleNotFoundError:
            raise missing from None

# Read from the package itself: importlib.metadata would take a tenth of the time of a whole prediction.
_ENGINE = f"{package.__name__.replace('_', '-')} {getattr(package, '__version__', 'of unknown version')}"


class TfliteSession(BaseSession):
    """A TFLite model with an interpreter for each number of images, so that none is ever resized."""

    def __init__(self, options: SessionOptions) -> None:
        options = options.checked()
        path, summary = options.path, options.file.summary
        self._threads, self._stays, self._stateful = options.threads, summary.fixed_shapes, summary.stateful
        # Kept for later interpreters: by then the file may have changed.
        self._content = options.file.content
        try:
            self._engine = self._open()
            inputs = self._engine.get_input_details()
            check_inputs([tensor["shape"] for tensor in inputs])
            [self._pixels] = inputs
            outputs = self._engine.get_output_details()
            described = [_described(output, summary) for output in outputs]
            place = choose_output(described, options.wanted_output)
            self._scores, producer = outputs[place], summary.producers[outputs[place]["index"]]
            # The state of a recurrent network has room for the file's own batch size only.
            self._fixed = int(self._pixels["shape_signature"][0]) != -1 or self._stateful
            batch, *shape = (int(size) for size in self._pixels["shape"])
            self._units = described[place].units or 0
            image = ImageTensor(tuple(shape), np.dtype(self._pixels["dtype"]), *self._pixels["quantization"])
            name = self._scores["name"] if len(outputs) > 1 else ""
            info = options.info("tflite", _ENGINE, image, max(self._units, 2), output=name)
            block = min(block_size(_image_bytes(self._engine)), summary.largest_batch)
            super().__init__(info, batch if self._fixed else block, options.head, producer)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path}: not a TFLite classifier that {_ENGINE} can run ({error})") from error

    def _open(self, batch: int | None = None) -> Any:
        interpreter = Interpreter(model_content=self._content, num_threads=self._threads)
        if batch is not None:
            interpreter.resize_tensor_input(self._pixels["index"], (batch, *self._info.contract.shape))
        interpreter.allocate_tensors()
        return interpreter

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        interpreter = self._engine if self._fixed else self._open(shape[0])
        ends = (self._pixels["index"], self._scores["index"])
        if self._stays:
            pixels, output = (_memory(interpreter, index) for index in ends)
            invoke = interpreter.invoke
        else:
            rows = self._block if self._fixed else shape[0]
            pixels = np.zeros((rows, *self._info.contract.shape), self._pixels["dtype"])
            output = np.empty((rows, *self._scores["shape"][1:]), self._scores["dtype"])
            invoke = partial(_invoke_on_copies, interpreter, ends, pixels, output)
        if self._stateful:
            invoke = partial(_invoke_afresh, interpreter, invoke)
        if output.size != len(pixels) * self._units:
            raise ValueError(f"it has scores of shape {output.shape} for {len(pixels)} images")
        write = image_writer(pixels, shape, self._info.contract, *self._pixels["quantization"])
        output = output.reshape(-1, self._units)
        read, scores = score_reader(output[: shape[0]], *self._scores["quantization"])
        return Plan(write, in_turn(invoke, read), scores)


def _invoke_on_copies(
    interpreter: Any, ends: tuple[int, int], pixels: NDArray[Any], output: NDArray[Any]
) -> None:
    """Run a model whose tensors may move in memory while it runs."""
    interpreter.set_tensor(ends[0], pixels)
    interpreter.invoke()
    output[...] = interpreter.get_tensor(ends[1])


def _invoke_afresh(interpreter: Any, invoke: Callable[[], object]) -> None:
    """Run a recurrent model on independent images: reset its state first."""
    interpreter.reset_all_variables()
    invoke()


def _memory(interpreter: Any, index: int) -> NDArray[Any]:
    """Return a tensor's own memory, which stays in place until the interpreter is resized.

    The interpreter does not run while a view of its own exists, as it counts references to itself. So this
    array holds no reference, and its owner must keep the interpreter alive.
    """
    view = _Borrowed()
    view.__array_interface__ = interpreter.tensor(index)().__array_interface__
    return np.asarray(view)


class _Borrowed:
    """Defines an array's memory (https://numpy.org/doc/stable/reference/arrays.interface.html)."""

    __array_interface__: dict[str, Any]


def _image_bytes(interpreter: Any) -> int:
    """Return the bytes of the largest two tensors of one image, which an operator may read and write."""
    sizes = sorted(
        int(np.prod(tensor["shape"][1:], dtype=np.int64)) * np.dtype(tensor["dtype"]).itemsize
        for tensor in interpreter.get_tensor_details()
        if len(tensor["shape_signature"]) > 1 and tensor["shape_signature"][0] == -1
    )
    return sum(sizes[-2:])


def open_unallocated(path: Path) -> Any:
    """Return an interpreter without allocated tensors. Only constants can be read."""
    return Interpreter(model_path=str(path))


def _described(tensor: dict[str, Any], summary: TfliteSummary) -> Output:
    shape = tuple(int(size) for size in tensor["shape"])
    return Output(tensor["name"], shape, np.dtype(tensor["dtype"]), summary.producers[tensor["index"]])
