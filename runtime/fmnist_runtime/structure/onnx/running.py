"""How an ONNX graph may be run: what a session has to know, and the engine does not tell."""

from __future__ import annotations

import math
from typing import NamedTuple

_FLOAT_BYTES = 4
"""Also of an integer model: between its layers its numbers become float again, or half-way do."""


class Running(NamedTuple):
    """What the weights tell of the layers that they belong to."""

    weights: frozenset[tuple[int, ...]]
    """Their shapes: of a dense layer ``[inputs, units]`` or the reverse, of a convolution
    ``[channels, channels of its input in a group, height, width]``."""
    stride: int
    """By how much the first convolution divides the number of pixels."""

    def image_bytes(self, shape: tuple[int, ...]) -> int:
        """About what the widest layer reads and writes for one image.

        That is a dense layer, or a convolution of the image itself: further on there are more channels, but
        fewer pixels still.

        Args:
            shape: The image's, whose two longest sides are those of the picture.
        """
        size, pixels = math.prod(shape), max(math.prod(sorted(shape)[-2:]), 1)
        layers = [size]
        for weights in self.weights:
            if len(weights) == 2:
                layers.append(sum(weights))
            elif len(weights) > 2 and weights[1] == size // pixels:
                layers.append(size + weights[0] * pixels // self.stride)
        return _FLOAT_BYTES * max(layers)
