"""Keras → TFLite, in every scheme of the recipes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from fmnist_exporters.inference import inference_function
from fmnist_runtime.errors import ModelError

_LINEAR = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL")


def convert(model: keras.Model, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Convert a model to a TFLite flatbuffer.

    Args:
        model: A Keras classifier that takes raw pixels 0–255.
        scheme: One of the TFLite recipes' schemes.
        calibration: uint8 ``[N, *image_shape]``, training images; int8 schemes need them.

    Raises:
        ValueError: The scheme needs calibration images and got none, or the other way round.
        ModelError: A calibrated model's input does not take pixels one to one.
    """
    if (calibration is not None) != (scheme in ("int8", "int8-full")):
        raise ValueError(
            f"{scheme} does not go with {'' if calibration is not None else 'no '}calibration images"
        )
    converter = _converter(model)
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if calibration is None:
        return bytes(converter.convert())
    converter.representative_dataset = lambda: (
        [image[np.newaxis].astype(np.float32)] for image in calibration
    )
    if scheme == "int8-full":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        content = bytes(converter.convert())
    else:
        content = _quantize_hidden_layers(converter)
    _check_input(content)
    return content


def _converter(model: keras.Model) -> Any:
    """A converter of the model with its weights as constants.

    Handed the variables instead, the converter writes a file that loads and answers NaN: the
    interpreter finds no values for them.
    """
    frozen = convert_variables_to_constants_v2(inference_function(model).get_concrete_function())
    holder = tf.Module()
    holder.function = frozen
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], holder)


def _quantize_hidden_layers(converter: Any) -> bytes:
    """Calibrate, then quantise all but the last linear layer and what follows it.

    With integers to the end, the scores of 2–3 % of the test images tie and one answer in a hundred
    changes. A float last layer costs four bytes a weight of the smallest layer, and changes two in a
    thousand. Input is int8, output float32.
    """
    converter._experimental_calibrate_only = True  # as TensorFlow's own QuantizationDebugger does
    calibrated = bytes(converter.convert())
    return bytes(
        mlir_quantize(
            calibrated,
            input_data_type=tf.int8,
            output_data_type=tf.float32,
            denylisted_nodes=_last_layer_tensors(calibrated),
        )
    )


def _last_layer_tensors(content: bytes) -> list[str]:
    """Names of the outputs of the last linear operator and of those after it."""
    interpreter = Interpreter(model_content=content)
    operators = interpreter._get_ops_details()
    linear = [i for i, operator in enumerate(operators) if operator["op_name"] in _LINEAR]
    names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}
    start = linear[-1] if linear else len(operators)
    return [names[index] for operator in operators[start:] for index in operator["outputs"]]


def _check_input(content: bytes) -> None:
    """Pixels must map one to one onto the input's integers, so that quantising the input loses nothing."""
    scale, zero_point = Interpreter(model_content=content).get_input_details()[0]["quantization"]
    if (scale, zero_point) != (1.0, -128):
        raise ModelError(
            f"calibration found input scale {scale} and zero point {zero_point} instead of 1 and -128: "
            "the calibration images do not span 0 to 255; calibrate on the images the model was trained on"
        )
