"""A classifier reduced to what inference needs, for the converters.

Dropout and augmentation go, flattening becomes one reshape, scaling and normalisation move into the
weights of the layers beside them. The converters would keep them as operators of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.folding import fold
from fmnist_exporters.original.layers import TRAINING_ONLY, ReversedChannels, StaticReshape, is_reshape
from fmnist_exporters.original.rebuild import Copier, rebuild, walk
from fmnist_runtime.artifact.contract import PixelRange


@dataclass(frozen=True)
class Flat:
    """A classifier without nested models, and without what only training needs."""

    model: keras.Model
    """A copy, from raw pixels to probabilities."""
    names: dict[Any, str]
    """What its layers are called, by the original's operations that they are copies of."""


def reduce(classifier: Classifier, unroll: bool = True) -> keras.Model:
    """The classifier as one flat functional model, from raw pixels to probabilities.

    Its layers are named as the original's, where they remain, and its weights are its own.

    Args:
        classifier: The original; it is left as it is.
        unroll: Give each step of a recurrent layer operators of its own: most engines have no loops.

    Returns:
        A model from float32 ``[N, *image_shape]`` to float32 ``[N, classes]``.
    """
    return fold(flatten(classifier, unroll).model)


def flatten(classifier: Classifier, unroll: bool = True) -> Flat:
    """The classifier as one flat functional model, with nothing folded yet; see `reduce`."""
    copy = Copier(unroll=unroll)

    def call(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        if type(operation) in TRAINING_ONLY:
            return arguments[0]
        if is_reshape(operation) and not isinstance(operation, StaticReshape):
            operation = StaticReshape(
                operation.compute_output_shape(arguments[0].shape)[1:], name=operation.name
            )
        return copy(operation, *arguments, **keywords)

    return Flat(rebuild(_complete(classifier), call), copy.names)


def inference_function(model: keras.Model) -> Any:
    """A reduced model as a function from raw pixels to scores, with its weights as constants.

    The name of each operator begins with its layer's: ``hidden_1/...``.

    Args:
        model: What `reduce` returned.

    Returns:
        A concrete ``tf.function`` from float32 ``[N, *image_shape]``, named ``image``, to float32
        ``[N, classes]``. The batch size stays free, so that what is made of it can be run at any.
    """

    def forward(image: Any) -> Any:
        return walk(model, call_named, image)

    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="image")
    function = tf.function(forward).get_concrete_function(image)
    return convert_variables_to_constants_v2(function, lower_control_flow=False)


def call_named(operation: Any, *arguments: Any, **keywords: Any) -> Any:
    """Call an operation of a model such that TensorFlow names what it computes after it."""
    with tf.name_scope(f"{operation.name}/"):
        return operation(*arguments, **keywords)


def _in_range(image: Any, pixels: PixelRange) -> Any:
    """What raw pixels become in front of the model."""
    if pixels.bgr:
        image = ReversedChannels(name="blue_first")(image)
    if set(pixels.scale) == {1.0} and set(pixels.offset) == {0.0}:
        return image
    [scale, offset] = (each[0] if len(each) == 1 else list(each) for each in (pixels.scale, pixels.offset))
    return keras.layers.Rescaling(scale, offset, name="input_range")(image)


def _complete(classifier: Classifier) -> keras.Model:
    """The classifier's model with what goes around it as layers."""
    image = keras.Input(classifier.model.input_shape[1:])
    scores = classifier.model(_in_range(image, classifier.pixels))
    head = classifier.head.layer()
    if head is not None:
        scores = head(scores)
    return keras.Model(image, scores, name=classifier.model.name)
