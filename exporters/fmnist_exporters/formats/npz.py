"""Keras → npz, a sequence of dense layers; `fmnist_runtime.engines.dense_npz` documents the file."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.formats import embed_zip
from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.head import Pair
from fmnist_exporters.original.keras_private import call_count
from fmnist_exporters.original.layers import StaticReshape
from fmnist_exporters.original.reduce import reduce
from fmnist_runtime.artifact.container import NETWORK_FILE
from fmnist_runtime.engines.dense import ACTIVATIONS, Dense
from fmnist_runtime.engines.dense_npz import NETWORK_SCHEMA
from fmnist_runtime.errors import UnsupportedError

embed = embed_zip


def convert(classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Write the weights of a network of dense layers in float32, without calibration.

    Raises:
        UnsupportedError: The network has other layers.
        ValueError: The scheme does not exist.
    """
    if scheme != "float32" or calibration is not None:
        raise ValueError(f"npz is written in float32, not {scheme}")
    model = reduce(classifier)
    layers = dense_layers(model)
    network = {
        "schema": NETWORK_SCHEMA,
        "input_shape": model.input_shape[1:],
        "layers": [{"name": layer.name, "activation": layer.activation} for layer in layers],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(NETWORK_FILE), json.dumps(network, indent=1))
        for number, layer in enumerate(layers):
            _write_array(archive, f"{number}.kernel.npy", layer.kernel)
            _write_array(archive, f"{number}.bias.npy", layer.bias)
    return buffer.getvalue()


def dense_layers(model: keras.Model) -> list[Dense]:
    """Return the layers of a network without branches, in which each layer is called once.

    Raises:
        UnsupportedError: It has other layers.
    """
    layers: list[Dense] = []
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        activation = _activation(operation)
        if call_count(operation) != 1:
            raise _unsupported(operation, f"{type(operation).__name__} that is called more than once")
        if type(operation) is keras.layers.Dense:
            layers.append(_dense(operation))
        elif activation and layers and layers[-1].activation == "linear":
            last = layers.pop()
            layers.append(Dense(last.name, last.kernel, last.bias, activation))
        elif isinstance(operation, Pair) and layers and (pair := _of_two(layers[-1], operation)):
            layers[-1] = pair
        elif not isinstance(operation, StaticReshape):
            raise _unsupported(operation, type(operation).__name__)
    return layers


def _dense(layer: Any) -> Dense:
    kernel = np.asarray(layer.kernel, np.float32)
    if len(layer.input.shape) != 2:
        raise _unsupported(layer, f"Dense of {len(layer.input.shape) - 1} dimensions")
    bias = np.asarray(layer.bias, np.float32) if layer.use_bias else np.zeros(kernel.shape[1], np.float32)
    activation = keras.activations.serialize(layer.activation)
    if activation not in ACTIVATIONS:
        raise _unsupported(layer, f"Dense with {activation}")
    return Dense(layer.name, kernel, bias, activation)


def _of_two(unit: Dense, pair: Pair) -> Dense | None:
    """Return one unit with sigmoid as two with softmax, where the first is always 0; None for others."""
    made = {unit.activation, keras.activations.serialize(pair.activation)}
    if made != {"linear", "sigmoid"} or pair.scale != 1:
        return None
    kernel = np.concatenate([np.zeros_like(unit.kernel), unit.kernel], axis=1)
    return Dense(unit.name, kernel, np.concatenate([np.zeros_like(unit.bias), unit.bias]), "softmax")


def _activation(operation: Any) -> str | None:
    """Return the activation of a layer that only computes one, if npz has it."""
    name = None
    if call_count(operation) == 1 and len(operation.output.shape) != 2:
        return name  # the softmax of a matrix is one for each row
    match operation:
        case keras.layers.Activation():
            name = keras.activations.serialize(operation.activation)
        case keras.layers.Softmax(axis=-1 | 1):
            name = "softmax"
        case keras.layers.ReLU(max_value=None, negative_slope=0, threshold=0):
            name = "relu"
    return name if name in ACTIVATIONS else None


def _unsupported(operation: Any, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"npz cannot hold it: layer {operation.name!r} is a {what}, and npz holds only a sequence "
        f"of dense layers with {', '.join(ACTIVATIONS)}"
    )


def _write_array(archive: zipfile.ZipFile, name: str, array: NDArray[np.float32]) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array, "<f4"), version=(1, 0), allow_pickle=False)
    archive.writestr(zipfile.ZipInfo(name), buffer.getvalue())
