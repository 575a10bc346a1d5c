"""TFLite models, on ai-edge-litert or else tflite-runtime; never on TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.carriers import read_metadata
from fmnist_runtime.environment import package_versions
from fmnist_runtime.errors import ModelError, needs_extra
from fmnist_runtime.quantization import pixel_encoder, score_decoder
from fmnist_runtime.sessions.base import BLOCK, ModelInfo, Session, check_rank, class_labels
from fmnist_runtime.structure.tflite import largest_batch

with needs_extra("tflite", "running a .tflite model"):
    try:
        from ai_edge_litert.interpreter import Interpreter

        _PACKAGE = "ai-edge-litert"
    except ModuleNotFoundError as missing:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ModuleNotFoundError:
            raise missing from None
        _PACKAGE = "tflite-runtime"

_ENGINE = f"{_PACKAGE} {package_versions().get(_PACKAGE, 'of unknown version')}"


class TfliteSession(Session):
    """A TFLite model in an interpreter of its own."""

    def __init__(self, path: Path, threads: int, labels: tuple[str, ...] | None) -> None:
        metadata = read_metadata(path)
        try:
            self._engine = Interpreter(model_path=str(path), num_threads=threads)
            self._engine.allocate_tensors()
            pixels = _only(self._engine.get_input_details(), "input")
            scores = _only(self._engine.get_output_details(), "output")
            self._encode = pixel_encoder(pixels["dtype"], *pixels["quantization"])
            self._decode = score_decoder(scores["dtype"], *scores["quantization"])
        except (ValueError, RuntimeError, TypeError) as error:  # TypeError: a path that is no UTF-8
            raise ModelError(f"{path}: not a TFLite classifier that {_ENGINE} can run ({error})") from error
        self._input_index: int = pixels["index"]
        self._output_index: int = scores["index"]
        self._batch = int(pixels["shape"][0])
        self._resizable = int(pixels["shape_signature"][0]) == -1
        self._block = largest_batch(path, BLOCK) if self._resizable else self._batch
        self.info = ModelInfo(
            path=path,
            format="tflite",
            scheme=metadata.scheme if metadata else "unknown",
            engine=_ENGINE,
            threads=threads,
            input_shape=tuple(int(size) for size in pixels["shape"][1:]),
            labels=class_labels(labels, metadata, int(scores["shape"][-1]), path),
            size_bytes=path.stat().st_size,
            metadata=metadata,
        )

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        count = len(images)
        if count != self._batch:
            if self._resizable:
                self._resize(count)
            else:  # a model with a fixed batch gets its last block filled up
                images = np.resize(images, (self._batch, *images.shape[1:]))
        self._engine.set_tensor(self._input_index, self._encode(images))
        self._engine.invoke()
        return self._decode(self._engine.get_tensor(self._output_index))[:count]

    def _resize(self, batch: int) -> None:
        self._engine.resize_tensor_input(self._input_index, (batch, *self.info.input_shape))
        self._engine.allocate_tensors()
        self._batch = batch


def open_unallocated(path: Path) -> Any:
    """An interpreter with nothing allocated: of its tensors only the constants can be read."""
    return Interpreter(model_path=str(path))


def _only(tensors: list[dict[str, Any]], role: str) -> dict[str, Any]:
    """The single input or output of a classifier."""
    if len(tensors) != 1:
        raise ValueError(f"it has {len(tensors)} {role}s, a classifier has one")
    check_rank(len(tensors[0]["shape"]), role)
    return tensors[0]
