"""Keras → ONNX."""

from __future__ import annotations

import re

import numpy as np
import onnx
import tf2onnx
from numpy.typing import NDArray

from fmnist_exporters.classifier import Classifier
from fmnist_exporters.inference import inference_function, input_signature, reduce
from fmnist_exporters.metadata import embed_onnx

OPSET = 18
IR_VERSION = 8
"""Opset 18 and IR version 8: the newest that onnxruntime 1.16 loads, which old boards still have."""

embed = embed_onnx


def convert(classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Convert a model to ONNX with a free batch size.

    Args:
        classifier: The original.
        scheme: ``float32``.
        calibration: Not used by any scheme yet.

    Raises:
        ValueError: There is no such scheme.
    """
    if scheme != "float32" or calibration is not None:
        raise ValueError(f"ONNX is written in float32, not {scheme}")
    model = reduce(classifier)
    proto, _ = tf2onnx.convert.from_function(
        inference_function(model), input_signature=[input_signature(model)], opset=OPSET
    )
    proto.ir_version = IR_VERSION
    _name_batch(proto.graph)
    _forget_counters(proto.graph)
    onnx.checker.check_model(proto)  # what tf2onnx cannot convert it only logs, and leaves in the graph
    return bytes(proto.SerializeToString(deterministic=True))


def _name_batch(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def _forget_counters(graph: onnx.GraphProto) -> None:
    """Renumber names such as ``const_fold_opt__14`` in the order of their appearance.

    The converter counts through the life of the process, so that a second export of the same model
    would not have the same bytes as the first.
    """
    graph.ClearField("doc_string")
    names: dict[str, str] = {}
    for initializer in graph.initializer:
        name = re.sub(r"__\d+$", f"__{len(names)}", initializer.name)
        names[initializer.name] = name
        initializer.name = name
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
