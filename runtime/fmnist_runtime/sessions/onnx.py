"""ONNX models, on ONNX Runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_runtime.carriers import read_metadata
from fmnist_runtime.errors import ModelError, needs_extra
from fmnist_runtime.numpy_fit import require_fit
from fmnist_runtime.quantization import pixel_writer
from fmnist_runtime.sessions.base import BaseSession, check_rank, class_labels
from fmnist_runtime.sessions.blocks import block_size
from fmnist_runtime.sessions.onnx_memory import bound_memory, unbounded_optimizers
from fmnist_runtime.sessions.plan import Plan
from fmnist_runtime.sessions.session import ModelInfo
from fmnist_runtime.structure.onnx.running import Running

with needs_extra("onnx", "running an .onnx model"):
    require_fit("onnxruntime")
    import onnxruntime

_ENGINE = f"onnxruntime {onnxruntime.__version__}"
_FATAL = 4
"""The engine's log level at which it prints nothing: what goes wrong is raised, and said once."""


class OnnxSession(BaseSession):
    """An ONNX model, whose input and output are bound to memory of our own."""

    def __init__(self, path: Path, threads: int, labels: tuple[str, ...] | None, running: Running) -> None:
        metadata = read_metadata(path)
        try:
            self._engine = onnxruntime.InferenceSession(
                str(path),
                self._options(threads),
                providers=["CPUExecutionProvider"],
                disabled_optimizers=unbounded_optimizers(),
            )
            pixels = _only(self._engine.get_inputs(), "input")
            scores = _only(self._engine.get_outputs(), "output")
            if pixels.type != "tensor(float)" or scores.type != "tensor(float)":
                raise ValueError(f"it maps {pixels.type} to {scores.type}, not float to float")
            shape = tuple(_fixed(size, pixels.name) for size in pixels.shape[1:])
            classes = _fixed(scores.shape[-1], scores.name)
            self._input_name, self._output_name = pixels.name, scores.name
            self._batch = pixels.shape[0] if isinstance(pixels.shape[0], int) else None
            info = ModelInfo(
                path=path,
                format="onnx",
                scheme=metadata.scheme if metadata else "unknown",
                engine=_ENGINE,
                threads=threads,
                input_shape=shape,
                labels=class_labels(labels, metadata, classes, path),
                size_bytes=path.stat().st_size,
                metadata=metadata,
            )
            super().__init__(info, self._batch or block_size(running.image_bytes(shape)))
        except ModelError:
            raise
        except Exception as error:  # the engine's exceptions have no common base but this
            raise ModelError(f"{path}: not an ONNX classifier that {_ENGINE} can run ({error})") from error

    def _options(self, threads: int) -> Any:
        """How the engine's own session is to run."""
        options = onnxruntime.SessionOptions()
        # Both said aloud: left to itself the engine pins threads to cores, which fails on some ARM boards.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        bound_memory(options)
        return options

    @property
    def inference_session(self) -> Any:
        """The engine's own session."""
        return self._engine

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        count = self._batch or shape[0]
        pixels = np.zeros((count, *self._info.input_shape), np.float32)
        scores = np.empty((count, len(self._info.labels)), np.float32)
        binding = self._engine.io_binding()
        binding.bind_input(self._input_name, "cpu", 0, np.float32, pixels.shape, pixels.ctypes.data)
        binding.bind_output(self._output_name, "cpu", 0, np.float32, scores.shape, scores.ctypes.data)
        write = pixel_writer(pixels[: shape[0]].reshape(shape))
        return Plan(write, partial(self._engine.run_with_iobinding, binding), scores[: shape[0]])


def _only(tensors: list[Any], role: str) -> Any:
    """The single input or output of a classifier."""
    if len(tensors) != 1:
        raise ValueError(f"it has {len(tensors)} {role}s, a classifier has one")
    check_rank(len(tensors[0].shape), role)
    return tensors[0]


def _fixed(size: int | str | None, name: str) -> int:
    if not isinstance(size, int):
        raise ValueError(f"{name!r} has a dimension of unknown size ({size})")
    return size
