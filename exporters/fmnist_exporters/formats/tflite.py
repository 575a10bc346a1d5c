"""Keras → TFLite, in every scheme of the recipes."""

from __future__ import annotations

from typing import Any

import flatbuffers
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.convert_phase import ConverterError

from fmnist_exporters.formats import embed_zip, unsupported
from fmnist_exporters.isolation import note_step
from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.reduce import inference_function, reduce
from fmnist_exporters.original.rounding import round_weights
from fmnist_runtime.errors import ModelError, UnsupportedError

_LINEAR = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "BATCH_MATMUL")

embed = embed_zip


def convert(classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Convert a model to a TFLite flatbuffer.

    Args:
        classifier: The original.
        scheme: One of the TFLite recipes' schemes.
        calibration: uint8 ``[N, *image_shape]``, training images; int8 schemes need them.

    Raises:
        ValueError: The scheme needs calibration images and got none, or the other way round.
        ModelError: A layer uses an operator that TFLite has not, or a calibrated model's input does not
            take pixels one to one, or one in int8 throughout holds floats.
    """
    if (calibration is not None) != (scheme in ("int8", "int8-full")):
        raise ValueError(f"{scheme} {'needs' if calibration is None else 'takes no'} calibration images")
    model = reduce(classifier)
    _keep_finite(model)
    if calibration is not None:
        round_weights(model, calibration)
    converter = _converter(model)
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if calibration is None:
        return _convert(converter, model)
    note_step(f"calibrating TFLite {scheme} on {len(calibration):,} images")
    calibrated = _calibrate(converter, calibration, model)
    note_step(f"quantising to TFLite {scheme}")
    whole = scheme == "int8-full"
    content = bytes(
        mlir_quantize(
            calibrated,
            fully_quantize=whole,
            input_data_type=tf.int8,
            output_data_type=tf.int8 if whole else tf.float32,
            denylisted_nodes=None if whole else _last_layer_tensors(calibrated),
        )
    )
    _check_input(content)
    if whole:
        _check_integers(content)
    return content


def _softplus(values: Any) -> Any:
    """``log(1 + exp(x))`` as ``max(x, 0) + log(1 + exp(-|x|))``, which is finite in every step."""
    above = tf.nn.relu(values)
    return above + tf.math.log(1 + tf.exp(tf.minimum(values, 0) - above))  # NEG has no integers


def _mish(values: Any) -> Any:
    return values * tf.tanh(_softplus(values))


_FINITE = {keras.activations.softplus: _softplus, keras.activations.mish: _mish}
"""By activations that TFLite spells out with an ``exp`` that overflows above 88, the same without."""


def _keep_finite(model: keras.Model) -> None:
    """Let the layers of a reduced model compute what TFLite would compute by way of infinity otherwise."""
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        if activation in _FINITE:
            layer.activation = _FINITE[activation]


def _converter(model: keras.Model) -> Any:
    """A converter of the reduced model.

    Handed variables instead of constants, it writes a file that loads and answers NaN: the interpreter
    finds no values for them.
    """
    holder = tf.Module()
    holder.function = inference_function(model)
    return tf.lite.TFLiteConverter.from_concrete_functions([holder.function], holder)


def _convert(converter: Any, model: keras.Model) -> bytes:
    try:
        return bytes(converter.convert())
    except ConverterError as error:
        for problem in error.errors:
            nodes = [call.name for call in problem.location.call if "/" in call.name]
            if nodes:
                operator = problem.operator.name.removeprefix("tf.")
                raise unsupported(nodes[0], operator, "TFLite", model) from error
        raise


def _calibrate(converter: Any, images: NDArray[np.uint8], model: keras.Model) -> bytes:
    """The float model with the range of every activation on these images; of the input, 0 to 255."""
    converter.representative_dataset = lambda: ([image[np.newaxis].astype(np.float32)] for image in images)
    converter._experimental_calibrate_only = True  # as TensorFlow's own QuantizationDebugger does
    return _with_full_input_range(_convert(converter, model))


def _require_finite(graph: Any) -> None:
    """Check the ranges that calibration found. The quantiser ends the process where one is infinite."""
    for tensor in graph.tensors:
        found = tensor.quantization
        ends = [] if found is None else [end for end in (found.min, found.max) if end is not None]
        if not all(np.isfinite(end).all() for end in ends):
            layer, _, operation = tensor.name.decode().partition(";")[0].partition("/")
            raise UnsupportedError(
                f"layer {layer!r} has infinite numbers inside ({operation or layer}), though not at its end, "
                "and int8 has none; scale its input, such as by keras.layers.Rescaling(1 / 255), or use "
                "float32"
            )


def _with_full_input_range(calibrated: bytes) -> bytes:
    """Pixels are 0 to 255, whatever the calibration images happen to hold.

    Then they map one to one onto the input's integers, and quantising the input loses nothing. The
    converter hands the range on through operators that only move pixels.
    """
    model = schema.ModelT.InitFromPackedBuf(calibrated, 0)
    [graph] = model.subgraphs
    _require_finite(graph)
    quantization = graph.tensors[graph.inputs[0]].quantization
    quantization.min, quantization.max = np.array([0], np.float32), np.array([255], np.float32)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _last_layer_tensors(content: bytes) -> list[str]:
    """Names of the outputs of the last linear operator and of those after it, which int8 leaves in float.

    With integers to the end, the scores of 2–3% of the test images tie and one answer in a hundred
    changes. A float last layer costs four bytes a weight of the smallest layer, and changes one in a
    thousand.
    """
    interpreter = Interpreter(model_content=content)
    operators = interpreter._get_ops_details()
    linear = [i for i, operator in enumerate(operators) if operator["op_name"] in _LINEAR]
    names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}
    start = linear[-1] if linear else len(operators)
    return [names[index] for operator in operators[start:] for index in operator["outputs"]]


def _check_integers(content: bytes) -> None:
    """Hardware without floats runs no operator with one; the converter leaves those it cannot quantise."""
    interpreter = Interpreter(model_content=content)
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    for operator in interpreter._get_ops_details():
        output = tensors[operator["outputs"][0]]
        if output["dtype"] == np.float32 and operator["op_name"] != "DEQUANTIZE":
            layer = output["name"].split("/")[0]
            raise UnsupportedError(
                f"layer {layer!r} uses {operator['op_name']}, which TFLite computes in float only; "
                "use int8, which may hold floats, or replace the layer"
            )


def _check_input(content: bytes) -> None:
    """The converter must have taken the input's range as it was told."""
    scale, zero_point = Interpreter(model_content=content).get_input_details()[0]["quantization"]
    if (scale, zero_point) != (1.0, -128):
        raise ModelError(f"its input got scale {scale} and zero point {zero_point} instead of 1 and -128")
