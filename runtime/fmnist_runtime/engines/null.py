"""The null engine: all of a session except the inference, to measure the overhead."""

from __future__ import annotations

import numpy as np

from fmnist_runtime.artifact.container import format_suffix
from fmnist_runtime.engines.base import BaseSession
from fmnist_runtime.engines.plan import Plan, block_size
from fmnist_runtime.engines.session_options import ImageTensor, SessionOptions
from fmnist_runtime.errors import ModelError


class NullSession(BaseSession):
    """Gives all classes of every image the same probability."""

    _engine = "null"

    def __init__(self, options: SessionOptions) -> None:
        options = options.checked()
        metadata, path = options.file.metadata, options.path
        if metadata is None or metadata.golden is None:
            raise ModelError(f"{path}: has no metadata, which the null engine needs; fmnist export writes it")
        shape = metadata.golden.images.shape[1:]
        image = ImageTensor(shape, np.dtype(np.uint8))
        format = format_suffix(path).removeprefix(".")
        info = options.info(format, "null", image, len(metadata.labels), threads=1, input_shape=shape)
        super().__init__(info, block_size(metadata.golden.images[0].size), "none")

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        classes = len(self._info.labels)
        scores = np.full((shape[0], classes), 1 / classes, np.float32)
        return Plan(lambda images: None, lambda: None, scores)
