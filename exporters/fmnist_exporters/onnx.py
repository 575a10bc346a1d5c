"""Keras → ONNX."""

from __future__ import annotations

import re

import keras
import onnx
import tf2onnx

from fmnist_exporters.inference import inference_function, input_signature

OPSET = 18
IR_VERSION = 8
"""Opset 18 and IR version 8: the newest that onnxruntime 1.16 loads, which old boards still have."""


def convert(model: keras.Model) -> onnx.ModelProto:
    """Convert a model to float32 ONNX with a free batch size."""
    proto: onnx.ModelProto
    proto, _ = tf2onnx.convert.from_function(
        inference_function(model), input_signature=[input_signature(model)], opset=OPSET
    )
    proto.ir_version = IR_VERSION
    _name_batch(proto.graph)
    _forget_counters(proto.graph)
    return proto


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
