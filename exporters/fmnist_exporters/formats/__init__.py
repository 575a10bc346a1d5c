"""The converter of each format, which is the module of its name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.metadata import Metadata

if TYPE_CHECKING:
    from fmnist_exporters.original.classifier import Classifier


class Converter(Protocol):
    """What the module of a format has."""

    def convert(
        self, classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None
    ) -> bytes:
        """Convert a classifier to the bytes of a model.

        Args:
            classifier: The original.
            scheme: One of the schemes that the recipes have for the format.
            calibration: uint8 ``[N, *image_shape]``, training images, for schemes that take some.
        """
        ...

    def embed(self, model: bytes, metadata: Metadata) -> bytes:
        """Put an artifact's description of itself behind the model."""
        ...


def converter(format: str, module: str = "") -> Converter:
    """Import the converter of a format, which loads TensorFlow.

    Args:
        format: Name of the format.
        module: Name of the converter's module; by default the module of this package named like the format.
    """
    return cast(Converter, import_module(module or f"{__name__}.{format}"))
