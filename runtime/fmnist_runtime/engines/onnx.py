"""ONNX models, on ONNX Runtime."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Any

import numpy as np

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
from fmnist_runtime.safety.onnx.checks import OnnxSummary, exposed

with needs_extra("onnx", "running an .onnx model"):
    require_numpy_fits("onnxruntime")
    import onnxruntime

_ENGINE = f"onnxruntime {onnxruntime.__version__}"
_DTYPES = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
"""Types of tensors that can hold pixels or scores, by the engine's names."""
_FATAL = 4
"""The log level at which the engine prints nothing. Its errors are raised."""


class OnnxSession(BaseSession):
    """An ONNX model whose input and output are bound to our own memory."""

    def __init__(self, options: SessionOptions) -> None:
        options = options.checked()
        path, summary = options.path, options.file.summary
        try:
            maps = summary.maps
            self._engine = onnxruntime.InferenceSession(
                str(path) if not maps else bytes(options.file.content) + exposed(maps),
                self._options(options.threads),
                providers=["CPUExecutionProvider"],
                disabled_optimizers=unbounded_optimizers(),
            )
            inputs = self._engine.get_inputs()
            check_inputs([tensor.shape for tensor in inputs])
            [pixels] = inputs
            outputs = self._engine.get_outputs()
            described = [_described(output, summary) for output in outputs]
            scores = described[choose_output(described, options.wanted_output)]
            shape = tuple(_fixed(size, pixels.name) for size in pixels.shape[1:])
            self._input_name, self._output_name = pixels.name, scores.name
            self._batch = pixels.shape[0] if isinstance(pixels.shape[0], int) else None
            self._image = ImageTensor(shape, _dtype(pixels))
            self._units, self._dtype = scores.units or self._count_units(), scores.dtype
            self._row = tuple(size or self._units for size in scores.shape[1:])
            info = options.info(
                "onnx",
                _ENGINE,
                self._image,
                max(self._units, 2),
                labels=summary.labels(scores.name),
                output=scores.name if len(outputs) > 1 else "",
                weights=tuple(path.parent / name for name in summary.files),
            )
            block = self._batch or block_size(summary.image_bytes(info.input_shape))
            super().__init__(info, block, options.head, scores.producer)
        except ModelError:
            raise
        except Exception as error:  # the engine's exceptions have no other common base
            raise ModelError(f"{path}: {_reason(str(error))}") from error

    def _options(self, threads: int) -> Any:
        """Return the options of the engine's own session."""
        options = onnxruntime.SessionOptions()
        # Both set explicitly: by default the engine pins threads to cores, which fails on some ARM boards.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        _register_arena()  # beyond its limit the engine raises an error
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry(_FOLDING, str(_MAX_FOLDED))
        return options

    @property
    def inference_session(self) -> Any:
        """The engine's own session."""
        return self._engine

    def _count_units(self) -> int:
        """Run the model once, as the file does not say how many numbers it returns for an image."""
        image = np.zeros((self._batch or 1, *self._image.shape), self._image.dtype)
        [scores] = self._engine.run([self._output_name], {self._input_name: image})
        return int(scores[0].size)

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        count = self._batch or shape[0]
        pixels = np.zeros((count, *self._image.shape), self._image.dtype)
        scores = np.empty((count, *self._row), self._dtype)
        binding = self._engine.io_binding()
        for bind, name, array in (
            (binding.bind_input, self._input_name, pixels),
            (binding.bind_output, self._output_name, scores),
        ):
            bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        write = image_writer(pixels, shape, self._info.contract)
        read, floats = score_reader(scores.reshape(count, self._units)[: shape[0]], 0.0, 0)
        invoke = partial(self._engine.run_with_iobinding, binding)
        return Plan(write, in_turn(invoke, read), floats)


def _described(tensor: Any, summary: OnnxSummary) -> Output:
    dtype = np.dtype(_DTYPES[tensor.type]) if tensor.type in _DTYPES else None
    shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
    return Output(tensor.name, shape, dtype, summary.producer(tensor.name))


def _dtype(tensor: Any) -> np.dtype[Any]:
    """Return the type of the input's elements."""
    if tensor.type not in _DTYPES:
        raise ValueError(f"it takes {tensor.type}; floats and integers are supported")
    return np.dtype(_DTYPES[tensor.type])


def _fixed(size: int | str | None, name: str) -> int:
    if not isinstance(size, int):
        raise ValueError(
            f"{name!r} has a dimension of unknown size ({size}); export it with images of a fixed size"
        )
    return size


MAX_BYTES = 2**29
"""512 MB for all sessions of the process together, including weights. A file of a kilobyte can ask for
terabytes."""
_FOLDING = "optimization.constant_folding_max_output_size_in_bytes"
_MAX_FOLDED = 2**24
"""Largest output of an operator on constants when a model is loaded, which is outside of the arena: 16 MB."""
_BOUNDS_FOLDING = (1, 27)
"""The first version that knows this option. Others ignore it."""


def unbounded_optimizers() -> list[str]:
    """Return the engine's optimisers that may take unlimited memory, to be disabled.

    Before version 1.27 that is constant folding: a file of a kilobyte took 4.6 GB when it was loaded.
    """
    version = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    return [] if version >= _BOUNDS_FOLDING else ["ConstantFolding"]


@cache
def _register_arena() -> None:
    """Register the arena once in a process. It grows by the requested size, not by powers of two."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    arena = onnxruntime.OrtArenaCfg({"max_mem": MAX_BYTES, "arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(memory, arena)


_UPGRADE = "run: pip install --upgrade onnxruntime, or save the model with"
_IR_VERSION = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_OPSET = re.compile(
    r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)", re.DOTALL
)
_OPERATORS = (
    re.compile(r"Fatal error: (\S+?)\(-?\d+\) is not a registered function/op"),
    re.compile(r"No Op registered for (\S+) with domain_version of \d+"),
)
_FRAME = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed:)?(/\S+:\d+ .*\) )?")
"""The engine's prefix: numbers, the file, and a function of its own."""


def _reason(text: str) -> str:
    """Return why the engine refused a model, with what to do. The engine says it in a paragraph."""
    if found := _IR_VERSION.search(text):
        version, most = found.groups()
        return f"has IR version {version}, {_ENGINE} reads up to {most}; {_UPGRADE} model.ir_version = {most}"
    if found := _OPSET.search(text):
        version, domain, most = found.groups()
        return f"has opset {version} of {domain}, {_ENGINE} reads up to {most}; {_UPGRADE} opset {most}"
    for operator in _OPERATORS:
        if found := operator.search(text):
            return f"has the operator {found[1]}, which {_ENGINE} does not know; convert the model without it"
    return f"not an ONNX classifier that {_ENGINE} can run ({_FRAME.sub('', text)})"
