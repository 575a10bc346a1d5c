"""How exactly an original itself computes, which is all that a float32 copy of it can be asked for."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.classifier import Classifier
from fmnist_exporters.copying import Copier, rebuild
from fmnist_exporters.inference import flatten
from fmnist_exporters.input_range import probe


def rounding(classifier: Classifier, images: NDArray[np.uint8]) -> float:
    """Largest difference of a probability between the original and the same network in float64.

    It grows with the logits: around 1 it is some 10⁻⁷, but of a network trained on raw pixels, whose logits
    go into the hundreds, 10⁻⁵ and more.

    Args:
        classifier: The original.
        images: uint8 ``[N, *image_shape]``; about 2,000 of them are taken.

    Returns:
        The difference; 0 when the network has parts that cannot be computed in float64.
    """
    images = images[probe(len(images))]
    try:
        exact = np.asarray(_in_float64(classifier)(images.astype(np.float64), training=False))
    except Exception:  # somebody's layer, which may raise anything
        return 0.0
    return float(np.abs(classifier.scores(images) - exact).max())


def _in_float64(classifier: Classifier) -> keras.Model:
    return rebuild(flatten(classifier).model, Copier("float64"))
