"""Keras → ONNX."""

from __future__ import annotations

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
    return proto
