"""The null engine: every part of a session but the inference, to measure what those parts cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fmnist_runtime.carriers import format_suffix, read_metadata
from fmnist_runtime.errors import ModelError
from fmnist_runtime.sessions.base import BaseSession, class_labels
from fmnist_runtime.sessions.blocks import block_size
from fmnist_runtime.sessions.plan import Plan
from fmnist_runtime.sessions.session import ModelInfo


class NullSession(BaseSession):
    """Answers every image at once and alike: all classes are as probable."""

    _engine = "null"

    def __init__(
        self, path: Path, _threads: int, labels: tuple[str, ...] | None, _running: object = None
    ) -> None:
        metadata = read_metadata(path)
        if metadata is None or metadata.golden is None:
            raise ModelError(
                f"{path}: says nothing of its images, which the null engine needs; fmnist export writes it"
            )
        shape = metadata.golden.images.shape[1:]
        names = class_labels(labels, metadata, len(metadata.labels), path)
        info = ModelInfo(
            path=path,
            format=format_suffix(path).removeprefix("."),
            scheme=metadata.scheme,
            engine="null",
            threads=1,
            input_shape=shape,
            labels=names.names,
            size_bytes=path.stat().st_size,
            metadata=metadata,
            notes=names.notes,
        )
        super().__init__(info, block_size(metadata.golden.images[0].size))

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        classes = len(self._info.labels)
        scores = np.full((shape[0], classes), 1 / classes, np.float32)
        return Plan(lambda images: None, lambda: None, scores)
