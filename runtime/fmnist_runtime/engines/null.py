"""The null engine: every part of a session but the inference, to measure what those parts cost."""

from __future__ import annotations

import numpy as np

from fmnist_runtime.artifact.container import format_suffix
from fmnist_runtime.engines.base import BaseSession
from fmnist_runtime.engines.opening import ImageTensor, Opening
from fmnist_runtime.engines.plan import Plan, block_size
from fmnist_runtime.errors import ModelError


class NullSession(BaseSession):
    """Answers every image at once and alike: all classes are as probable."""

    _engine = "null"

    def __init__(self, opening: Opening) -> None:
        metadata, path = opening.metadata, opening.path
        if metadata is None or metadata.golden is None:
            raise ModelError(
                f"{path}: says nothing of its images, which the null engine needs; fmnist export writes it"
            )
        shape = metadata.golden.images.shape[1:]
        image = ImageTensor(shape, np.dtype(np.uint8))
        format = format_suffix(path).removeprefix(".")
        info = opening.info(format, "null", image, len(metadata.labels), threads=1, input_shape=shape)
        super().__init__(info, block_size(metadata.golden.images[0].size), "none")

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        classes = len(self._info.labels)
        scores = np.full((shape[0], classes), 1 / classes, np.float32)
        return Plan(lambda images: None, lambda: None, scores)
