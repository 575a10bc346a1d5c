"""Keras → TFLite, in every scheme of the recipes."""

from __future__ import annotations

from typing import Any

import flatbuffers
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from fmnist_exporters.formats import embed_zip, unsupported
from fmnist_exporters.formats.tensorflow_private import ConverterError, inference_function, quantise
from fmnist_exporters.isolation import note_step
from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.layers import images_at_once
from fmnist_exporters.original.reduce import reduce
from fmnist_exporters.original.rounding import round_weights
from fmnist_runtime.errors import ModelError, UnsupportedError

_LINEAR = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "BATCH_MATMUL")
_OPERATORS = {number: name for name, number in vars(schema.BuiltinOperator).items()}

embed = embed_zip


def convert(classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Convert a model to a TFLite flatbuffer.

    Args:
        classifier: The original.
        scheme: Scheme of a TFLite recipe.
        calibration: uint8 ``[N, *image_shape]``, training images; required for the int8 schemes.

    Raises:
        ValueError: Calibration images are missing, or the scheme takes none.
        ModelError: TFLite lacks an operator, the input of a calibrated model does not take pixels one to one,
            or a model in int8-full holds floats.
    """
    if (calibration is not None) != (scheme in ("int8", "int8-full")):
        raise ValueError(f"{scheme} {'needs' if calibration is None else 'takes no'} calibration images")
    model = reduce(classifier)
    for layer in model.layers:
        if (activation := getattr(layer, "activation", None)) in _FINITE:
            layer.activation = _FINITE[activation]
    if calibration is not None:
        round_weights(model, calibration)
    holder = tf.Module()
    holder.function = inference_function(model)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([holder.function], holder)
    if scheme in ("float16", "dynamic"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    content = _convert(converter, model)
    if calibration is None:
        return content
    note_step(f"calibrating TFLite {scheme} on {len(calibration):,} images")
    calibrated = _calibrate(content, calibration, images_at_once(model))
    note_step(f"quantising to TFLite {scheme}")
    content = quantise(calibrated, None if scheme == "int8-full" else _last_layer_tensors(content))
    scale, zero_point = Interpreter(model_content=content).get_input_details()[0]["quantization"]
    if (scale, zero_point) != (1.0, -128):
        raise ModelError(f"its input got scale {scale} and zero point {zero_point} instead of 1 and -128")
    if scheme == "int8-full":
        _check_integers(content)
    return content


def operators(content: bytes) -> list[tuple[str, dict[int, Any]]]:
    """Return the name and the output tensors, by index, of each operator in order of execution."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    [graph] = model.subgraphs
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    return [
        (_OPERATORS[codes[operator.opcodeIndex]], {index: graph.tensors[index] for index in operator.outputs})
        for operator in graph.operators
    ]


def _softplus(values: Any) -> Any:
    """Compute ``log(1 + exp(x))`` as ``max(x, 0) + log(1 + exp(-|x|))``, which is finite in every step."""
    above = tf.nn.relu(values)
    return above + tf.math.log(1 + tf.exp(tf.minimum(values, 0) - above))  # NEG has no integer version


_FINITE = {
    keras.activations.softplus: _softplus,
    keras.activations.mish: lambda values: values * tf.tanh(_softplus(values)),
}
"""Equivalents of activations that TFLite computes with an ``exp`` that overflows above 88."""


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


def _calibrate(content: bytes, images: NDArray[np.uint8], step: int) -> bytes:
    """Store the range of every activation on these images in a float model.

    TensorFlow's calibrator reads the inputs of an operator after it ran, when an operator that works in place
    has overwritten them: a sigmoid that is multiplied gets the range of the product. With it, int8 changes
    376 of 10,000 test images on a CNN with normalisation behind ReLU, and 101 with these ranges.

    The input's range is always 0 to 255, so that pixels map one to one onto its integers. The converter
    propagates it through operators that only move pixels.

    Args:
        content: The float model.
        images: uint8 ``[N, *image_shape]``.
        step: Number of images to run at once.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    [graph] = model.subgraphs
    [pixels] = graph.inputs
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    float32 = schema.TensorType.FLOAT32
    found = [i for each in graph.operators for i in each.outputs if graph.tensors[i].type == float32]
    ranges = {pixels: (0.0, 255.0), **dict.fromkeys(found, (np.inf, -np.inf))}
    for start in range(0, len(images), step):
        block = images[start : start + step].astype(np.float32)
        interpreter.resize_tensor_input(pixels, block.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(pixels, block)
        interpreter.invoke()
        for index in found:
            values, (least, most) = interpreter.get_tensor(index), ranges[index]
            ranges[index] = min(least, values.min()), max(most, values.max())
    for index, ends in ranges.items():
        tensor = graph.tensors[index]
        _require_finite(tensor.name.decode(), ends)
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min, tensor.quantization.max = (np.array([end], np.float32) for end in ends)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _require_finite(tensor: str, ends: tuple[float, float]) -> None:
    """Check the range of a tensor, as the quantiser ends the process if one is infinite."""
    if not np.isfinite(ends).all():
        layer, _, operation = tensor.partition(";")[0].partition("/")
        raise UnsupportedError(
            f"layer {layer!r} has infinite numbers inside ({operation or layer}), though not at its end, "
            "and int8 has none; scale its input, such as by keras.layers.Rescaling(1 / 255), or use "
            "float32"
        )


def _last_layer_tensors(content: bytes) -> list[str]:
    """Return the outputs of the last linear operator and of those after it, which int8 leaves in float.

    With integers to the end, the scores of 2–3% of the test images tie and one class in a hundred changes. A
    float last layer costs four bytes for each weight of the smallest layer, and changes one in a thousand.
    """
    found = operators(content)
    linear = [number for number, (name, _) in enumerate(found) if name in _LINEAR]
    start = linear[-1] if linear else len(found)
    return [tensor.name.decode() for _, outputs in found[start:] for tensor in outputs.values()]


def _check_integers(content: bytes) -> None:
    """Check that no operator computes in float, as the converter leaves those that it cannot quantise."""
    for name, outputs in operators(content):
        output = next(iter(outputs.values()))
        if output.type == schema.TensorType.FLOAT32 and name != "DEQUANTIZE":
            layer = output.name.decode().split("/")[0]
            raise UnsupportedError(
                f"layer {layer!r} uses {name}, which TFLite computes in float only; use int8, which may hold "
                "floats, or replace the layer"
            )
