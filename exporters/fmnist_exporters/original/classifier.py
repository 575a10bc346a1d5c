"""A Keras model as a classifier: raw pixels in, probabilities out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_exporters.original.head import KerasHead, find_head
from fmnist_exporters.original.keras_private import layers_in
from fmnist_exporters.original.layers import MOST_IMAGES, images_at_once, is_model
from fmnist_exporters.original.rebuild import Copier, rebuild
from fmnist_runtime.artifact.contract import RAW, PixelRange, parse_range
from fmnist_runtime.errors import ModelError, UnfitRangeError

_RAW = parse_range(RAW)
_COLOURS = 3
_PROBE_IMAGES = 8
_FEW = 8
"""Up to this many images, building a graph, which takes seconds, does not pay."""
_WIDE = ("float32", "float64")
"""Types precise enough to tell probabilities from other scores."""


@dataclass(frozen=True)
class Classifier:
    """A Keras model, and what is added before and behind it to map raw pixels to probabilities."""

    model: keras.Model
    """A functional model of the original's own layers, with one input and one output ``[N, classes]``."""
    pixels: PixelRange
    """Range that pixels 0–255 are converted to in front of it."""
    head: KerasHead
    """What follows it."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.head.classes(int(self.model.output_shape[-1]))

    def scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the probabilities, float32 ``[N, classes]``, of raw pixels ``[N, *image_shape]``."""
        blocks = range(0, len(images), self.block)
        return np.concatenate([self._scores(images[first : first + self.block]) for first in blocks])

    def _scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        run = self._graph if self._is_large and len(images) > _FEW else self._run
        outputs: Any = run(self.prepared(images))
        return np.asarray(outputs if self._behind is None else self._behind(outputs), np.float32)

    @cached_property
    def _behind(self) -> Any:
        return self.head.layer()

    def with_range(self, pixels: PixelRange) -> Classifier:
        """Return the same model with another input range, sharing its graph, which starts behind that."""
        other = replace(self, pixels=pixels)
        if self._is_large:
            vars(other)["_graph"] = self._graph
        return other

    @cached_property
    def block(self) -> int:
        """Number of images run at once."""
        return images_at_once(self.model, graph=self._is_large)

    @cached_property
    def _is_large(self) -> bool:
        return images_at_once(self.model) < MOST_IMAGES

    def _run(self, pixels: Any) -> Any:
        return self.model(pixels, training=False)

    @cached_property
    def _graph(self) -> Any:
        """The model as a graph, as in Keras's ``predict``: ten times as fast once it is built."""
        pixels = tf.TensorSpec([None, *self.model.input_shape[1:]], tf.float32)
        return tf.function(self._run, input_signature=[pixels])

    def prepared(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Convert raw pixels ``[N, *image_shape]`` to the model's input range, float32 of the same shape."""
        scale, offset = (np.array(each, np.float32) for each in (self.pixels.scale, self.pixels.offset))
        values = images.astype(np.float32)
        return np.asarray((values[..., ::-1] if self.pixels.bgr else values) * scale + offset)


def as_classifier(loaded: Any, pixels: PixelRange = _RAW) -> Classifier:
    """Check that a loaded model is a classifier, and return it as one.

    Args:
        loaded: A Keras model: sequential, functional or subclassed.
        pixels: Range that pixels 0–255 were converted to for its training.

    Raises:
        ModelError: It is not an image classifier. The message does not name the file.
    """
    model = _functional(loaded)
    _check_shapes(model.input_shape[1:], model.output_shape)
    _check_range(pixels, model.input_shape[1:])
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ModelError(f"its weight {weight.path} holds NaN or infinity; train it again")
    return Classifier(model, pixels, find_head(model, _probe(model, pixels)))


def _functional(model: Any) -> keras.Model:
    """Return the model as a graph from one tensor to one; a subclassed model becomes its only node."""
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
    return _channels_last(keras.Model(model.inputs[0], model.outputs[0], name=model.name))


def _channels_last(model: keras.Model) -> keras.Model:
    """Return the model for images with channels last, as in files and data sets."""
    shape = model.input_shape[1:]
    if len(shape) != 3 or shape[0] != _COLOURS or None in shape or shape[2] in (1, _COLOURS):
        return model
    image = keras.Input((*shape[1:], _COLOURS))
    first = keras.layers.Permute((3, 1, 2), name="channels_first")(image)
    return keras.Model(image, model(first), name=model.name)


def _check_shapes(image: tuple[int | None, ...], output: tuple[int | None, ...]) -> None:
    if None in image:
        raise ModelError(
            f"takes images of no fixed size {image}; build it with a fixed one, as keras.Input((28, 28, 1))"
        )
    if len(image) not in (1, 2, 3):
        raise ModelError(
            f"takes {image}, which is not an image; (height, width) with or without channels is one"
        )
    if len(output) != 2 or output[1] is None:
        raise ModelError(f"returns {output} for a batch; a classifier's scores are (None, classes)")


def _check_range(pixels: PixelRange, image: tuple[int, ...]) -> None:
    colour = len(image) == 3 and image[-1] == _COLOURS
    if (len(pixels.scale) > 1 or pixels.bgr) and not colour:
        shape = "×".join(map(str, image))
        raise UnfitRangeError(f"takes {shape}, which has no 3 channels, as input range {pixels.text} needs")


def _probe(model: keras.Model, pixels: PixelRange) -> NDArray[np.float64]:
    """Return the scores of a black, a white and some noise images, as float64.

    A model in half precision is run as a copy in float32, as its own probabilities sum to 1 only roughly.
    """
    noise = np.random.default_rng(0).integers(0, 256, (_PROBE_IMAGES, *model.input_shape[1:]), np.uint8)
    noise[0], noise[1] = 0, 255
    if any(layer.compute_dtype not in _WIDE for layer in layers_in(model)):
        model = rebuild(model, Copier())
    return Classifier(model, pixels, KerasHead("none")).scores(noise).astype(np.float64)
