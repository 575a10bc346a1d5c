"""Reads the results of an artifact's layers, as far as it still computes them one by one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from fmnist_exporters.formats.tflite import operators
from fmnist_exporters.layer_drift.original import LayerGraph
from fmnist_runtime.artifact.container import format_suffix
from fmnist_runtime.engines.numpy import NumpySession
from fmnist_runtime.engines.quantization import pixel_writer
from fmnist_runtime.engines.session_options import SessionOptions
from fmnist_runtime.errors import ModelError

Values = dict[str, NDArray[np.float32]]
"""Results by layer of the reduced classifier, float32 ``[N, ...]``."""

_CHANNELS_FIRST = ("Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
"""ONNX operators whose results have the channels first (https://onnx.ai/onnx/operators)."""
_CHANNELS_LAST = ("MatMul", "Gemm", "Reshape", "ReduceMean", "ReduceMax")
"""ONNX operators whose results have the channels last, as in Keras, or have none."""
_RESHAPING = ("Reshape", "Transpose", "Squeeze", "Unsqueeze")
"""Operators that the converter adds around others, under their names."""


def artifact_activations(path: Path, images: NDArray[np.uint8], graph: LayerGraph) -> Values:
    """Run an artifact, and read the results of the layers that it still computes.

    Args:
        path: The artifact.
        images: uint8 ``[N, *image_shape]``, raw pixels; at most 256.
        graph: The reduced classifier of its original.

    Raises:
        ModelError: The format is unknown, or the artifact cannot be run on all images at once.
    """
    readers = {".tflite": _read_tflite, ".onnx": _read_onnx, ".npz": _read_npz}
    read = readers.get(format_suffix(path))
    if read is None:
        raise ModelError(
            f"{path}: the layers of this format cannot be read, only those of {', '.join(readers)}"
        )
    try:
        values = read(path, images, graph)
    except Exception as error:  # the engines' exceptions have no other common base
        raise ModelError(f"{path}: cannot be run on {len(images)} images at once ({error})") from error
    return {
        layer: array
        for layer, array in values.items()
        if array.shape == (len(images), *graph.outputs[layer].shape)
    }


def _read_tflite(path: Path, images: NDArray[np.uint8], graph: LayerGraph) -> Values:
    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    [pixels] = interpreter.get_input_details()
    interpreter.resize_tensor_input(pixels["index"], images.shape)
    interpreter.allocate_tensors()
    tensor = np.empty(images.shape, pixels["dtype"])
    pixel_writer(tensor, *pixels["quantization"])(images)
    interpreter.set_tensor(pixels["index"], tensor)
    interpreter.invoke()
    layers = {output.operation: layer for layer, output in graph.outputs.items()}
    values: Values = {}
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    for _, outputs in operators(path.read_bytes()):
        for index in outputs:
            layer = layers.get(_last_operation(details[index]["name"], graph))
            if layer:
                values[layer] = _dequantised(interpreter, details[index])
    values[list(graph.outputs)[-1]] = _dequantised(interpreter, interpreter.get_output_details()[0])
    return values


def _last_operation(name: str, graph: LayerGraph) -> str:
    """Return the operation whose result a fused operator has, of all whose names it carries.

    An operation that the converter splits into several has its name, then the name with a number; the last of
    them has the result.
    """
    names = [part if part in graph.order else re.sub(r"\d+$", "", part) for part in name.split(";")]
    return max(names, key=lambda operation: graph.order.get(operation, -1))


def _dequantised(interpreter: Any, detail: dict[str, Any]) -> NDArray[np.float32]:
    values = interpreter.get_tensor(detail["index"])
    scale, zero_point = detail["quantization"]
    return np.asarray(scale * (values.astype(np.float32) - zero_point) if scale else values, np.float32)


def _read_onnx(path: Path, images: NDArray[np.uint8], graph: LayerGraph) -> Values:
    model = onnx.load(path)
    producers = {name: node for node in model.graph.node for name in node.output}
    names = _onnx_tensors(producers, graph)
    names[list(graph.outputs)[-1]] = scores = model.graph.output[0].name
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names.values() if name != scores)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    results = session.run(list(names.values()), {session.get_inputs()[0].name: images.astype(np.float32)})
    return {
        layer: np.moveaxis(result, 1, -1) if _is_channels_first(name, producers) else result
        for (layer, name), result in zip(names.items(), results, strict=True)
    }


def _onnx_tensors(producers: dict[str, Any], graph: LayerGraph) -> dict[str, str]:
    """Return the tensor with each layer's result, dequantised if it is quantised."""
    layers = {output.operation: layer for layer, output in graph.outputs.items()}
    found = {}
    for name, node in producers.items():
        layer = layers.get(_onnx_operation(name, node.op_type, graph))
        if layer and node.op_type not in _RESHAPING:
            dequantised = f"{name}_DequantizeLinear_Output"
            found[layer] = dequantised if dequantised in producers else name
    return found


def _onnx_operation(tensor: str, operator: str, graph: LayerGraph) -> str:
    """Return the operation whose result a tensor is, by the names of `fmnist_exporters.formats.onnx`."""
    name = tensor.removesuffix(":0")
    if operator == "Gemm":  # named like the product, but computes the sum
        name = re.sub("MatMul$", "BiasAdd", name)
    return name if name in graph.order else re.sub(r"_\d+$", "", name)


def _is_channels_first(name: str, producers: dict[str, Any]) -> bool:
    """Return whether a tensor has its channels first, by the nearest operator before it that shows it."""
    while name in producers:
        node = producers[name]
        if node.op_type == "Transpose":
            [order] = [list(attribute.ints) for attribute in node.attribute]
            return order == [0, 3, 1, 2]
        if node.op_type in (*_CHANNELS_FIRST, *_CHANNELS_LAST):
            return node.op_type in _CHANNELS_FIRST
        name = next((given for given in node.input if given in producers), "")
    return False


def _read_npz(path: Path, images: NDArray[np.uint8], graph: LayerGraph) -> Values:
    """Read the layers of an npz model, each of which includes the layers up to the next dense one."""
    order = list(graph.outputs)
    before = dict(zip(order[1:], order, strict=False))
    with NumpySession(SessionOptions(path)) as session:
        ends = [before.get(layer.name) for layer in session.layers[1:]] + order[-1:]
        values = session.activations(images)
    return {layer: array for layer, array in zip(ends, values, strict=True) if layer}
