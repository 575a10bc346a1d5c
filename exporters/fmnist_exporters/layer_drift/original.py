"""What the layers of an original give, and under which name its artifacts hold the same values.

Artifacts keep the names of the TensorFlow operations that the reduced classifier was made of. Which of them
leaves a layer's values is read from that graph, not guessed from its name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.folding import fold, normalised
from fmnist_exporters.original.layers import TRAINING_ONLY, is_reshape
from fmnist_exporters.original.rebuild import walk
from fmnist_exporters.original.reduce import Flat, call_named, flatten


@dataclass(frozen=True)
class Place:
    """Where the reduced classifier computes a layer's values."""

    operation: str
    """Name of the TensorFlow operation that leaves them."""
    shape: tuple[int, ...]
    """Shape of one image's values."""


@dataclass(frozen=True)
class Graph:
    """The reduced classifier as converters are given it."""

    places: dict[str, Place]
    """By layer, in the order of computation; the last gives the probabilities."""
    order: dict[str, int]
    """All its operations, each with its number in the order of computation."""


@dataclass(frozen=True)
class Activation:
    """What a layer of the original gives."""

    layer: str
    """Its name in the original."""
    kind: str
    """Its class."""
    home: str
    """The layer of the reduced classifier that gives the same; empty when it is folded into another."""
    values: NDArray[np.float32]
    """float32 ``[N, ...]``."""


def original_activations(classifier: Classifier, images: NDArray[np.uint8]) -> tuple[list[Activation], Graph]:
    """Run the original, layer by layer, and find where its artifacts hold what the layers give.

    Left out are layers that hand on what they are given, in another shape or unless in training, and those
    that are called more than once.

    Args:
        classifier: The original.
        images: uint8 ``[N, *image_shape]``, raw pixels.

    Returns:
        What its layers give, in order, at last the probabilities; and the graph for
        `artifact_layers.artifact_activations`.
    """
    flat = flatten(classifier)
    graph = _trace(fold(flat.model))
    homes = _homes(flat, graph)
    found: list[tuple[Any, Any]] = []

    def call(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        result = operation(*arguments, **keywords)
        if _computes(operation) and tf.is_tensor(result):
            found.append((operation, result))
        return result

    outputs = walk(classifier.model, call, tf.constant(classifier.taken(images)))
    calls = Counter(operation for operation, _ in found)
    activations = [
        Activation(operation.name, type(operation).__name__, homes.get(operation, ""), _float32(result))
        for operation, result in found
        if calls[operation] == 1
    ]
    head = classifier.head.layer()
    if head is not None:
        last = list(graph.places)[-1]
        activations.append(Activation(head.name, type(head).__name__, last, _float32(head(outputs))))
    return activations, graph


def _homes(flat: Flat, graph: Graph) -> dict[Any, str]:
    """By operation of the original the layer of the reduced classifier that gives the same.

    A linear layer that does the normalisation behind it gives what that gave, and no longer its own.
    """
    moved = {linear.name: layer.name for linear, layer in normalised(flat.model).items()}
    names = {moved.get(name, name): name for name in graph.places}
    return {operation: names[name] for operation, name in flat.names.items() if name in names}


def _trace(model: keras.Model) -> Graph:
    """The graph of a reduced classifier, named as in `inference_function`."""
    places: dict[str, Place] = {}

    def call(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        result = call_named(operation, *arguments, **keywords)
        if _computes(operation) and tf.is_tensor(result) and len(operation._inbound_nodes) == 1:
            places[operation.name] = Place(result.op.name, tuple(result.shape[1:]))
        return result

    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
    graph = tf.function(lambda image: walk(model, call, image)).get_concrete_function(image).graph
    return Graph(places, {node.name: number for number, node in enumerate(graph.get_operations())})


def _computes(operation: Any) -> bool:
    handing_on = (keras.layers.InputLayer, *TRAINING_ONLY)
    return type(operation) not in handing_on and not is_reshape(operation)


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
