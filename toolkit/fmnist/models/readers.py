"""Reading what model files hold: one reader for each format, but for ONNX, which has a module of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist.models.contents import Contents, Layer, Operator, Tensor, is_measurable, measure_weight

if TYPE_CHECKING:
    from fmnist_runtime.engines.dense import Dense


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
    return Contents(tuple(layers), (), tuple(tensors), tuple(weights))


def read_tflite(path: Path) -> Contents:
    """Operators, tensors and constants of a TFLite model."""
    from fmnist_runtime.engines.tflite import open_unallocated

    interpreter = open_unallocated(path)
    roles = {detail["index"]: "input" for detail in interpreter.get_input_details()}
    roles |= {detail["index"]: "output" for detail in interpreter.get_output_details()}
    tensors, weights, sizes = {}, [], {}
    for detail in interpreter.get_tensor_details():
        index, name = detail["index"], detail["name"]
        scales = tuple(float(scale) for scale in detail["quantization_parameters"]["scales"])
        zero_points = tuple(int(point) for point in detail["quantization_parameters"]["zero_points"])
        try:
            values = np.array(interpreter.get_tensor(index))
        except ValueError:  # nothing is allocated, so this is no constant
            shape = tuple(None if size == -1 else int(size) for size in detail["shape_signature"])
            dtype, role = np.dtype(detail["dtype"]).name, roles.get(index, "inner")
            tensors[index] = Tensor(name, role, shape, dtype, scales, zero_points)
        else:
            sizes[index] = values.nbytes
            if is_measurable(values):
                weights.append(measure_weight(name, values, scales, zero_points))
    operators = _tflite_operators(interpreter, tensors, sizes)
    return Contents((), operators, tuple(tensors.values()), tuple(weights))


def _tflite_operators(
    interpreter: Any, tensors: dict[int, Tensor], sizes: dict[int, int]
) -> tuple[Operator, ...]:
    """Operators, without what the engine puts in their place; takes the constants out of the sizes."""
    details = (detail for detail in interpreter._get_ops_details() if detail["op_name"] != "DELEGATE")
    operators = []
    for number, detail in enumerate(details):
        output = next((tensors[index] for index in detail["outputs"] if index in tensors), None)
        taken = sum(sizes.pop(index, 0) for index in detail["inputs"])
        name, shape = (output.name, output.shape) if output else ("", ())
        operators.append(Operator(number, detail["op_name"], name, shape, taken))
    return tuple(operators)


def read_npz(shape: tuple[int, ...], layers: list[Dense]) -> Contents:
    """Layers of an npz model, which are its operators, and their weights.

    Args:
        shape: Of one image.
        layers: The network.
    """
    operators = tuple(
        Operator(
            number,
            f"dense {layer.activation}",
            layer.name,
            (None, layer.bias.size),
            layer.kernel.nbytes + layer.bias.nbytes,
        )
        for number, layer in enumerate(layers)
    )
    outputs = [Tensor(step.output, "inner", step.shape, "float32", (), ()) for step in operators]
    outputs[-1] = replace(outputs[-1], role="output")
    image = Tensor("image", "input", (None, *shape), "float32", (), ())
    arrays = {f"{layer.name}/{name}": getattr(layer, name) for layer in layers for name in ("kernel", "bias")}
    weights = tuple(measure_weight(*item) for item in arrays.items())
    return Contents((), operators, (image, *outputs), weights)
