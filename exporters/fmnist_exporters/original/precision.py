"""Measures how exactly an original itself computes, which limits what a float32 copy of it can match."""

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
_SAMPLE_FACTOR = 2
"""Bound of the rounding in all images divided by that in a sample. For four networks the ratio was 1.0 to 1.1
(dense, CNN, separable, MobileNetV2; 1,000 of 10,000 images)."""


class Precision:
    """An original beside the same network in float64, which is built when first needed."""

    def __init__(self, classifier: Classifier) -> None:
        """Measure this original."""
        self._classifier = classifier

    def rounding(self, images: NDArray[np.uint8], scores: NDArray[np.float32]) -> float:
        """Return the largest difference of a probability between the original and the network in float64.

        It grows with the logits: about 10⁻⁷ where they are around 1, and 10⁻⁵ and more for a network trained
        on raw pixels, whose logits reach hundreds.

        Args:
            images: uint8 ``[N, *image_shape]``.
            scores: float32 ``[N, classes]``, the original's probabilities of them.

        Returns:
            The difference; 0 if parts of the network cannot be computed in float64.
        """
        largest = 0.0
        try:
            step = images_at_once(self._exact, _FLOAT64_BYTES, graph=True)
            for start in range(0, len(images), step):
                block = slice(start, start + step)
                exact = self._compute(tf.constant(images[block], tf.float64)).numpy()
                largest = max(largest, float(np.abs(scores[block] - exact).max()))
        except Exception:  # a user's layer may raise anything
            return 0.0
        return largest

    def rounding_that_matters(self, images: NDArray[np.uint8], scores: NDArray[np.float32]) -> float:
        """Return `rounding` of a sample of the images, and of all only if a gate may depend on it."""
        sample = slice(None, None, max(1, len(images) // _SAMPLE))
        found = self.rounding(images[sample], scores[sample])
        if _SAMPLE_FACTOR * ROUNDINGS * found <= FLOAT32_DIFFERENCE:
            return found
        return self.rounding(images, scores)

    @cached_property
    def _compute(self) -> Any:
        """The network as a graph, which frees results early, unlike a call of the Keras model."""
        pixels = tf.TensorSpec([None, *self._exact.input_shape[1:]], tf.float64)
        return tf.function(lambda images: self._exact(images, training=False), input_signature=[pixels])

    @cached_property
    def _exact(self) -> keras.Model:
        """The network from raw pixels to probabilities, in float64."""
        return rebuild(flatten(self._classifier).model, Copier("float64"))
