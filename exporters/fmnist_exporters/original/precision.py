"""How exactly an original itself computes, which is all that a float32 copy of it can be asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.layers import images_at_once
from fmnist_exporters.original.rebuild import Copier, rebuild
from fmnist_exporters.original.reduce import flatten
from fmnist_runtime.parity.gates import FLOAT32_DIFFERENCE, ROUNDINGS

_FLOAT64_BYTES = 8
_SAMPLE = 1000
_SAMPLED_SHORT = 2
"""How many times as large as in a sample the rounding may be in all images. Of four networks it was 1.0 to
1.1 times (dense, CNN, separable, MobileNetV2; 1,000 of 10,000)."""


class Precision:
    """An original beside the same network in float64, which is made when it is first asked for."""

    def __init__(self, classifier: Classifier) -> None:
        """Of this original."""
        self._classifier = classifier

    def rounding(self, images: NDArray[np.uint8], scores: NDArray[np.float32]) -> float:
        """Largest difference of a probability between the original and the same network in float64.

        It grows with the logits: around 1 it is some 10⁻⁷, but of a network trained on raw pixels, whose
        logits go into the hundreds, 10⁻⁵ and more.

        Args:
            images: uint8 ``[N, *image_shape]``.
            scores: float32 ``[N, classes]``, the original's probabilities of them.

        Returns:
            The difference; 0 when the network has parts that cannot be computed in float64.
        """
        largest = 0.0
        try:
            step = images_at_once(self._exact, _FLOAT64_BYTES, graph=True)
            for start in range(0, len(images), step):
                block = slice(start, start + step)
                exact = self._compute(tf.constant(images[block], tf.float64)).numpy()
                largest = max(largest, float(np.abs(scores[block] - exact).max()))
        except Exception:  # somebody's layer, which may raise anything
            return 0.0
        return largest

    def rounding_that_matters(self, images: NDArray[np.uint8], scores: NDArray[np.float32]) -> float:
        """The same of a sample of the images, and of all only where a gate may depend on it.

        Args:
            images: uint8 ``[N, *image_shape]``.
            scores: float32 ``[N, classes]``, the original's probabilities of them.
        """
        sample = slice(None, None, max(1, len(images) // _SAMPLE))
        found = self.rounding(images[sample], scores[sample])
        if _SAMPLED_SHORT * ROUNDINGS * found <= FLOAT32_DIFFERENCE:
            return found
        return self.rounding(images, scores)

    @cached_property
    def _compute(self) -> Any:
        """The same as a graph, which unlike a call of Keras's frees what no layer needs any more."""
        pixels = tf.TensorSpec([None, *self._exact.input_shape[1:]], tf.float64)
        return tf.function(lambda images: self._exact(images, training=False), input_signature=[pixels])

    @cached_property
    def _exact(self) -> keras.Model:
        """From raw pixels to probabilities, in float64."""
        return rebuild(flatten(self._classifier).model, Copier("float64"))
