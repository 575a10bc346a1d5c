"""ONNX models, on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.carriers import read_metadata
from fmnist_runtime.errors import ModelError, needs_extra
from fmnist_runtime.sessions.base import BLOCK, ModelInfo, Session, check_rank, class_labels
from fmnist_runtime.sessions.onnx_memory import bound_memory

with needs_extra("onnx", "running an .onnx model"):
    import onnxruntime

_ENGINE = f"onnxruntime {onnxruntime.__version__}"
_FATAL = 4
"""The engine's log level at which it prints nothing: what goes wrong is raised, and said once."""


class OnnxSession(Session):
    """An ONNX model in an inference session of its own."""

    def __init__(self, path: Path, threads: int, labels: tuple[str, ...] | None) -> None:
        metadata = read_metadata(path)
        options = onnxruntime.SessionOptions()
        # Both said aloud: left to itself the engine pins threads to cores, which fails on some ARM boards.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        bound_memory(options)
        try:
            self._engine = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            pixels = _only(self._engine.get_inputs(), "input")
            scores = _only(self._engine.get_outputs(), "output")
            if pixels.type != "tensor(float)" or scores.type != "tensor(float)":
                raise ValueError(f"it maps {pixels.type} to {scores.type}, not float to float")
            shape = tuple(_fixed(size, pixels.name) for size in pixels.shape[1:])
            classes = _fixed(scores.shape[-1], scores.name)
        except Exception as error:  # the engine's exceptions have no common base but this
            raise ModelError(f"{path}: not an ONNX classifier that {_ENGINE} can run ({error})") from error
        self._input_name, self._output_names = pixels.name, [scores.name]
        self._batch = pixels.shape[0] if isinstance(pixels.shape[0], int) else None
        self._block = self._batch or BLOCK
        self.info = ModelInfo(
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

    @property
    def inference_session(self) -> Any:
        """The engine's own session."""
        return self._engine

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        count = len(images)
        if self._batch and count != self._batch:  # a model with a fixed batch gets its last block filled up
            images = np.resize(images, (self._batch, *images.shape[1:]))
        feed = {self._input_name: images.astype(np.float32)}
        try:
            scores: NDArray[np.float32] = self._engine.run(self._output_names, feed)[0]
        except Exception as error:  # as above
            raise RuntimeError(error) from error
        return scores[:count]


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
