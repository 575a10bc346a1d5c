"""What makes a Keras model a classifier: raw pixels in, probabilities out, whatever it does itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.layers import TRAINING_ONLY, is_model, producer
from fmnist_exporters.memory import images_at_once
from fmnist_runtime.contract import RAW, PixelRange, UnfitRangeError, parse_range
from fmnist_runtime.errors import ModelError

_SUM_TOLERANCE = 1e-3
"""How far from 1 probabilities may sum: float16 ones, each rounded by up to 2⁻¹² of itself, stay within."""
_RAW = parse_range(RAW)
_PROBE_IMAGES = 8
_COLOURS = 3
_TRANSPARENT = (
    *TRAINING_ONLY,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.GlobalAveragePooling2D,
)
"""What has no say in whether values are logits."""
_NORMALISING = (keras.layers.BatchNormalization, keras.layers.Normalization, keras.layers.Rescaling)
"""What leaves logits, whatever it is given."""


@dataclass(frozen=True)
class Classifier:
    """A Keras model, and what goes around it so that it maps raw pixels to probabilities."""

    model: keras.Model
    """A functional model of one input and one output ``[N, classes]``; the original's own layers."""
    pixels: PixelRange
    """What pixels 0–255 become in front of it."""
    logits: bool
    """Whether a softmax goes behind it."""

    def scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities, float32 ``[N, classes]``, of pixels ``[N, *image_shape]``."""
        blocks = range(0, len(images), self._block)
        return np.concatenate([self._scores(images[first : first + self._block]) for first in blocks])

    def _scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        outputs: Any = self.model(self.taken(images), training=False)
        return np.asarray(keras.ops.softmax(outputs) if self.logits else outputs, np.float32)

    @cached_property
    def _block(self) -> int:
        return images_at_once(self.model)

    def taken(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """What the model takes for pixels ``[N, *image_shape]``, float32 of the same shape."""
        scale, offset = (np.array(each, np.float32) for each in (self.pixels.scale, self.pixels.offset))
        values = images.astype(np.float32)
        return np.asarray((values[..., ::-1] if self.pixels.bgr else values) * scale + offset)


def as_classifier(loaded: Any, pixels: PixelRange = _RAW) -> Classifier:
    """The classifier that a loaded model is.

    Args:
        loaded: A Keras model: sequential, functional or subclassed.
        pixels: What pixels 0–255 became before it was trained on them.

    Raises:
        ModelError: It is no classifier of images; says what is wrong, without the file.
    """
    model = _functional(loaded)
    _check_shapes(model.input_shape[1:], model.output_shape)
    _check_range(pixels, model.input_shape[1:])
    _check_weights(model)
    classifier = Classifier(model, pixels, logits=_ends_in_logits(model))
    _check_answers(classifier)
    return classifier


def _functional(model: Any) -> keras.Model:
    """The model as a graph from one tensor to one; a subclassed model becomes its only node."""
    if not is_model(model):
        shape = model.get_build_config().get("input_shape") if model.built else None
        if not isinstance(shape, (tuple, list)) or not all(isinstance(n, int) for n in shape[1:]):
            raise ModelError("does not say what input it takes; build it on one image shape before saving it")
        image = keras.Input(shape[1:])
        model = keras.Model(image, model(image), name=model.name)
    for what, tensors in (("input", model.inputs), ("output", model.outputs)):
        if len(tensors) != 1:
            raise ModelError(
                f"has {len(tensors)} {what}s; a classifier has one input, the image, and one output, scores"
            )
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _check_shapes(image: tuple[int | None, ...], output: tuple[int | None, ...]) -> None:
    if None in image:
        raise ModelError(
            f"takes images of no fixed size {image}; build it with fixed ones, as keras.Input((28, 28, 1))"
        )
    if len(image) not in (1, 2, 3):
        raise ModelError(f"takes {image}, which is no image; (height, width) with or without channels is one")
    if len(output) != 2 or output[1] is None:
        raise ModelError(f"answers with {output} for a batch; a classifier's scores are (None, classes)")
    if output[1] == 1:
        raise ModelError("has one output unit; a classifier of two classes needs two units with softmax")


def _check_range(pixels: PixelRange, image: tuple[int, ...]) -> None:
    colour = len(image) == 3 and image[-1] == _COLOURS
    if (len(pixels.scale) > 1 or pixels.bgr) and not colour:
        shape = "×".join(map(str, image))
        raise UnfitRangeError(f"takes {shape}, which has no 3 channels, as input range {pixels.text} needs")


def _check_weights(model: keras.Model) -> None:
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ModelError(f"its weight {weight.path} holds NaN or infinity; train it again")


def _ends_in_logits(model: keras.Model) -> bool:
    """Whether the last layer with a say in it has no activation."""
    operation, before = producer(model.outputs[0])
    while True:
        linear = getattr(operation, "activation", None) is keras.activations.linear
        if is_model(operation):
            operation, before = producer(operation.outputs[0])
        elif type(operation) in _NORMALISING:
            return True
        elif type(operation) in _TRANSPARENT or (linear and isinstance(operation, keras.layers.Activation)):
            operation, before = producer(before)
        else:
            return linear


def _check_answers(classifier: Classifier) -> None:
    """What does not end in logits must answer with probabilities, by whatever operations."""
    shape = (_PROBE_IMAGES, *classifier.model.input_shape[1:])
    scores = classifier.scores(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    sums = scores.sum(axis=1)
    if not (scores.min() >= 0 and all(math.isclose(x, 1, abs_tol=_SUM_TOLERANCE) for x in sums)):
        raise ModelError(
            f"answers scores from {scores.min():.3g} to {scores.max():.3g} that are no probabilities; "
            "a classifier ends in softmax, or in a layer without activation (logits)"
        )
