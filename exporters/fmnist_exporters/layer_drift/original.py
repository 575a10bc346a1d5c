"""Runs an original layer by layer, and finds the names under which its artifacts hold the same values.

Artifacts keep the names of the TensorFlow operations of the reduced classifier. The operation that computes a
layer's result is read from that graph, not guessed from its name.
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
from fmnist_exporters.original.keras_private import call_count
from fmnist_exporters.original.layers import TRAINING_ONLY, is_reshape
from fmnist_exporters.original.rebuild import walk
from fmnist_exporters.original.reduce import FlatModel, call_named, flatten, fold, normalised


@dataclass(frozen=True)
class LayerOutput:
    """The result of a layer in the reduced classifier."""

    operation: str
    """Name of the TensorFlow operation that computes it."""
    shape: tuple[int, ...]
    """Its shape for one image."""


@dataclass(frozen=True)
class LayerGraph:
    """The reduced classifier as the converters get it."""

    outputs: dict[str, LayerOutput]
    """By layer, in the order of computation; the last is the probabilities."""
    order: dict[str, int]
    """Position of each TensorFlow operation in the order of computation."""


@dataclass(frozen=True)
class Activation:
    """The result of a layer of the original."""

    layer: str
    """Its name in the original."""
    kind: str
    """Its class."""
    home: str
    """The layer of the reduced classifier with the same result; empty if it is folded into another layer."""
    values: NDArray[np.float32]
    """float32 ``[N, ...]``."""


def original_activations(
    classifier: Classifier, images: NDArray[np.uint8]
) -> tuple[list[Activation], LayerGraph]:
    """Run the original layer by layer, and find where its artifacts hold the layers' results.

    Layers that only reshape, that act only in training, or that are called more than once are left out.

    Args:
        classifier: The original.
        images: uint8 ``[N, *image_shape]``, raw pixels.

    Returns:
        The results of its layers in order, ending with the probabilities; and the graph for
        `fmnist_exporters.layer_drift.artifact.artifact_activations`.
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

    outputs = walk(classifier.model, call, tf.constant(classifier.prepared(images)))
    calls = Counter(operation for operation, _ in found)
    activations = [
        Activation(operation.name, type(operation).__name__, homes.get(operation, ""), _float32(result))
        for operation, result in found
        if calls[operation] == 1
    ]
    head = classifier.head.layer()
    if head is not None:
        last = list(graph.outputs)[-1]
        activations.append(Activation(head.name, type(head).__name__, last, _float32(head(outputs))))
    return activations, graph


def _homes(flat: FlatModel, graph: LayerGraph) -> dict[Any, str]:
    """Return, by operation of the original, the layer of the reduced classifier with the same result.

    A linear layer that includes the normalisation behind it has the result of the normalisation.
    """
    moved = {linear.name: layer.name for linear, layer in normalised(flat.model).items()}
    names = {moved.get(name, name): name for name in graph.outputs}
    return {operation: names[name] for operation, name in flat.names.items() if name in names}


def _trace(model: keras.Model) -> LayerGraph:
    """Return the graph of a reduced classifier, with the names of `inference_function`."""
    outputs: dict[str, LayerOutput] = {}

    def call(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        result = call_named(operation, *arguments, **keywords)
        if _computes(operation) and tf.is_tensor(result) and call_count(operation) == 1:
            outputs[operation.name] = LayerOutput(result.op.name, tuple(result.shape[1:]))
        return result

    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
    graph = tf.function(lambda image: walk(model, call, image)).get_concrete_function(image).graph
    return LayerGraph(outputs, {node.name: number for number, node in enumerate(graph.get_operations())})


def _computes(operation: Any) -> bool:
    return type(operation) not in (keras.layers.InputLayer, *TRAINING_ONLY) and not is_reshape(operation)


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
