"""Reading what model files hold: one reader for each format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.contents import Contents, Layer, Tensor, Weight, measure_weight

_ONNX_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}


def read_keras(model: Any) -> Contents:
    """Layers and weights of a Keras model."""
    layers = [
        Layer(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=tuple(getattr(layer.output, "shape", ())),
            parameters=layer.count_params(),
        )
        for layer in model.layers
    ]
    # An output's own name is numbered anew by each process, its layer's stays; a Sequential ends in its last.
    [output] = getattr(model, "output_names", [model.layers[-1].name])
    ends = ((model.inputs[0].name, "input", model.inputs[0]), (output, "output", model.outputs[0]))
    tensors = [Tensor(name, role, tuple(end.shape), str(end.dtype), (), ()) for name, role, end in ends]
    weights = [measure_weight(weight.path, np.asarray(weight)) for weight in model.weights]
    return Contents(tuple(layers), tuple(tensors), tuple(weights))


def read_tflite(path: Path) -> Contents:
    """Tensors and constants of a TFLite model."""
    from fmnist_runtime.sessions.tflite import open_unallocated

    interpreter = open_unallocated(path)
    roles = {detail["index"]: "input" for detail in interpreter.get_input_details()}
    roles |= {detail["index"]: "output" for detail in interpreter.get_output_details()}
    tensors, weights = [], []
    for detail in interpreter.get_tensor_details():
        scales = tuple(float(scale) for scale in detail["quantization_parameters"]["scales"])
        zero_points = tuple(int(point) for point in detail["quantization_parameters"]["zero_points"])
        try:
            values = np.array(interpreter.get_tensor(detail["index"]))
        except ValueError:  # nothing is allocated, so this is no constant
            shape = tuple(None if size == -1 else int(size) for size in detail["shape_signature"])
            dtype = np.dtype(detail["dtype"]).name
            role = roles.get(detail["index"], "inner")
            tensors.append(Tensor(detail["name"], role, shape, dtype, scales, zero_points))
        else:
            if _is_measurable(values):
                weights.append(measure_weight(detail["name"], values, scales, zero_points))
    return Contents((), tuple(tensors), tuple(weights))


def read_onnx(path: Path, inference_session: Any) -> Contents:
    """Input and output of an ONNX model, and where the package ``onnx`` is installed its initializers."""
    ends = (("input", inference_session.get_inputs()[0]), ("output", inference_session.get_outputs()[0]))
    tensors = []
    for role, end in ends:
        shape = tuple(size if isinstance(size, int) else None for size in end.shape)
        tensors.append(Tensor(end.name, role, shape, _ONNX_TYPES.get(end.type, end.type), (), ()))
    return Contents((), tuple(tensors), _onnx_weights(path))


def _onnx_weights(path: Path) -> tuple[Weight, ...] | None:
    try:
        import onnx
    except ModuleNotFoundError:  # a device has ONNX Runtime alone, which does not give weights away
        return None
    graph = onnx.load(path).graph
    arrays = {tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    quantisation = {
        node.input[0]: [np.ravel(arrays[name]) for name in node.input[1:] if name in arrays]
        for node in graph.node
        if node.op_type == "DequantizeLinear"
    }
    return tuple(
        measure_weight(name, values, *quantisation.get(name, ()))
        for name, values in arrays.items()
        if _is_measurable(values)
    )


def _is_measurable(values: NDArray[Any]) -> bool:
    """Whether an array holds numbers; others' files have texts and empty arrays among their constants."""
    return values.size > 0 and values.dtype.kind not in "OSU"
