"""A few images that an artifact carries with the answers to them, to prove itself where no data set is."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_BYTES = 50_000_000
"""Far above the pixels of any golden images, and far below what a device has no memory for."""


@dataclass(frozen=True)
class Golden:
    """Golden samples: images, what the original said of them, and what the artifact said when it was made."""

    images: NDArray[np.uint8]
    """uint8 ``[N, *input_shape]``, raw pixels 0–255."""
    original: NDArray[np.float32]
    """float32 ``[N, classes]``, the original's probabilities."""
    artifact: NDArray[np.float32]
    """float32 ``[N, classes]``, the artifact's own."""
    tolerance: float
    """How far a probability may be from the artifact's own on another machine: rounding, and no more."""

    def to_record(self) -> dict[str, Any]:
        """The samples in JSON's own types; the same for the same samples."""
        return {
            "shape": list(self.images.shape),
            "images": base64.b64encode(zlib.compress(self.images.tobytes(), 9)).decode(),
            "original": _decimals(self.original),
            "artifact": _decimals(self.artifact),
            "tolerance": self.tolerance,
        }


def parse_golden(record: Any) -> Golden:
    """Read samples that somebody's file carried.

    Raises:
        ValueError: They are not what `Golden.to_record` gives. So are KeyError and TypeError.
    """
    shape = tuple(int(size) for size in record["shape"])
    size = math.prod(shape)
    if not (len(shape) >= 2 and min(shape) > 0 and size <= _MAX_BYTES):
        raise ValueError(f"golden images of shape {shape}")
    stream = zlib.decompressobj()
    try:
        # Never more than the shape asks for, whatever a bomb would unfold to.
        pixels = stream.decompress(base64.b64decode(record["images"], validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(f"golden images that do not unpack ({error})") from error
    images = np.frombuffer(pixels, np.uint8).reshape(shape)
    original, artifact = (np.asarray(record[key], np.float32) for key in ("original", "artifact"))
    tolerance = float(record["tolerance"])
    if original.ndim != 2 or original.shape != artifact.shape or len(original) != len(images):
        raise ValueError(f"golden scores of shape {original.shape} and {artifact.shape}")
    if not (np.isfinite(original).all() and np.isfinite(artifact).all() and 0 < tolerance < 1):
        raise ValueError("golden scores that are no probabilities")
    return Golden(images, original, artifact, tolerance)


def _decimals(scores: NDArray[np.float32]) -> list[list[float]]:
    """Scores in the nine digits that tell any two float32 apart (IEEE 754)."""
    return [[float(f"{score:.9g}") for score in row] for row in scores]
