"""Keras → C99, by way of TFLite, whose layers the C computes one by one."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from fmnist_exporters.formats import tflite
from fmnist_exporters.formats.c_network import c_name, read_tflite
from fmnist_exporters.original.classifier import Classifier
from fmnist_runtime.artifact.contract import RAW, InputContract
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.engines.session_options import ImageTensor
from fmnist_runtime.native.network import write_network
from fmnist_runtime.native.source import c_file


def convert(classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Return the network of a classifier, from which `embed` makes the file.

    Raises:
        UnsupportedError: C has no kernel for a layer.
        ValueError: As for TFLite.
    """
    content = tflite.convert(classifier, scheme, calibration)
    [pixels] = Interpreter(model_content=content).get_input_details()
    _, *shape = (int(size) for size in pixels["shape"])
    image = ImageTensor(tuple(shape), np.dtype(pixels["dtype"]), *pixels["quantization"])
    contract = InputContract(RAW, "", image.layout, image.dtype.name, image.shape)
    name = c_name(f"model_{scheme}")
    return write_network(read_tflite(content, name, contract, image.image_shape, "none")).encode()


def embed(model: bytes, metadata: Metadata) -> bytes:
    """Return the file of a network, with its metadata and seal."""
    return c_file(model.decode(), metadata.to_json())
