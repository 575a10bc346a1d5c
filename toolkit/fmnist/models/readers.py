"""Read what model files hold, with a function for each format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist.models.contents import (
    InspectedLayer,
    InspectedOperator,
    InspectedTensor,
    InspectedWeight,
    ModelContents,
    Shape,
    is_measurable,
    measure_weight,
)

if TYPE_CHECKING:
    from fmnist_runtime.engines.dense import Dense
    from fmnist_runtime.native.network import Network


def read_keras(model: Any) -> ModelContents:
    """Read the layers and weights of a Keras model."""
    layers = [
        InspectedLayer(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=tuple(getattr(layer.output, "shape", ())),
            parameters=layer.count_params(),
        )
        for layer in model.layers
    ]
    # Each process numbers names of outputs anew, so their layers are named; a Sequential has only layers.
    [output] = getattr(model, "output_names", [model.layers[-1].name])
    ends = ((model.inputs[0].name, "input", model.inputs[0]), (output, "output", model.outputs[0]))
    tensors = [
        InspectedTensor(name, role, tuple(end.shape), str(end.dtype), (), ()) for name, role, end in ends
    ]
    weights = [measure_weight(weight.path, np.asarray(weight)) for weight in model.weights]
    return ModelContents(tuple(layers), (), tuple(tensors), tuple(weights))


def read_tflite(path: Path) -> ModelContents:
    """Read the operators, tensors and constants of a TFLite model."""
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
        except ValueError:  # not a constant, as nothing is allocated
            shape = tuple(None if size == -1 else int(size) for size in detail["shape_signature"])
            dtype, role = np.dtype(detail["dtype"]).name, roles.get(index, "inner")
            tensors[index] = InspectedTensor(name, role, shape, dtype, scales, zero_points)
        else:
            sizes[index] = values.nbytes
            if is_measurable(values):
                weights.append(measure_weight(name, values, scales, zero_points))
    operators = _tflite_operators(interpreter, tensors, sizes)
    return ModelContents((), operators, tuple(tensors.values()), tuple(weights))


def _tflite_operators(
    interpreter: Any, tensors: dict[int, InspectedTensor], sizes: dict[int, int]
) -> tuple[InspectedOperator, ...]:
    """Return the operators, without delegates; removes their constants from the sizes."""
    details = (detail for detail in interpreter._get_ops_details() if detail["op_name"] != "DELEGATE")
    operators = []
    for number, detail in enumerate(details):
        output = next((tensors[index] for index in detail["outputs"] if index in tensors), None)
        taken = sum(sizes.pop(index, 0) for index in detail["inputs"])
        name, shape = (output.name, output.shape) if output else ("", ())
        operators.append(InspectedOperator(number, detail["op_name"], name, shape, taken))
    return tuple(operators)


def read_npz(shape: tuple[int, ...], layers: list[Dense]) -> ModelContents:
    """Read the layers of an npz model, which are its operators, and their weights, for images of a shape."""
    operators = tuple(
        InspectedOperator(
            number,
            f"dense {layer.activation}",
            layer.name,
            (None, layer.bias.size),
            layer.kernel.nbytes + layer.bias.nbytes,
        )
        for number, layer in enumerate(layers)
    )
    outputs = [InspectedTensor(step.output, "inner", step.shape, "float32", (), ()) for step in operators]
    outputs[-1] = replace(outputs[-1], role="output")
    image = InspectedTensor("image", "input", (None, *shape), "float32", (), ())
    arrays = {f"{layer.name}/{name}": getattr(layer, name) for layer in layers for name in ("kernel", "bias")}
    weights = tuple(measure_weight(*item) for item in arrays.items())
    return ModelContents((), operators, (image, *outputs), weights)


def read_c(network: Network) -> ModelContents:
    """Read the layers of a C model, which are its operators, and its weights."""
    last = network.output
    tensors = [
        InspectedTensor(
            f"tensor_{index}",
            "input" if index == 0 else "output" if index == last else "inner",
            (None, *tensor.shape),
            tensor.kind,
            (tensor.scale,) if tensor.scale else (),
            (tensor.zero_point,) if tensor.scale else (),
        )
        for index, tensor in enumerate(network.tensors)
    ]
    operators, weights = [], []
    for number, layer in enumerate(network.layers, 1):
        size = sum(array.nbytes for array in layer.arrays.values())
        output = tensors[layer.output]
        operators.append(InspectedOperator(number, layer.kernel, output.name, output.shape, size))
        weights += [
            measure_weight(f"{name}_{number}", array)
            for name, array in layer.arrays.items()
            if is_measurable(array)
        ]
    return ModelContents((), tuple(operators), tuple(tensors), tuple(weights))


_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}
Arrays = dict[str, NDArray[Any]]
"""Constants by name."""


def read_onnx(path: Path, inference_session: Any) -> ModelContents:
    """Read the operators, tensors and constants of an ONNX model; without ``onnx`` only input and output."""
    ends = (("input", inference_session.get_inputs()[0]), ("output", inference_session.get_outputs()[0]))
    tensors = []
    for role, end in ends:
        shape = tuple(size if isinstance(size, int) else None for size in end.shape)
        tensors.append(InspectedTensor(end.name, role, shape, _TYPES.get(end.type, end.type), (), ()))
    try:
        import onnx
    except ModuleNotFoundError:  # ONNX Runtime, which a device has alone, does not show weights
        return ModelContents((), None, tuple(tensors), None)
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    arrays = {tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    shapes = {value.name: _shape(value) for value in (*graph.value_info, *graph.output)}
    image, scores = tensors
    tensors = [image, *_inner_tensors(graph, arrays, shapes), scores]
    return ModelContents((), _operators(graph, arrays, shapes), tuple(tensors), _weights(graph, arrays))


def _operators(graph: Any, arrays: Arrays, shapes: dict[str, Shape]) -> tuple[InspectedOperator, ...]:
    sizes = {name: values.nbytes for name, values in arrays.items()}
    operators = []
    for number, node in enumerate(graph.node):
        taken = sum(sizes.pop(name, 0) for name in node.input)
        output = node.output[0]
        operators.append(InspectedOperator(number, node.op_type, output, shapes.get(output, ()), taken))
    return tuple(operators)


def _inner_tensors(graph: Any, arrays: Arrays, shapes: dict[str, Shape]) -> list[InspectedTensor]:
    """Return the intermediate tensors that depend on the image."""
    import onnx

    types = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    computed = {value.name for value in graph.input} - set(arrays)
    tensors = []
    for node in graph.node:
        if not computed.intersection(node.input):
            continue
        computed.update(node.output)
        quantisation = _quantisation(node, arrays) if node.op_type == "QuantizeLinear" else ((), ())
        for name in (name for name in node.output if name in types):
            dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(types[name])).name
            tensors.append(InspectedTensor(name, "inner", shapes[name], dtype, *quantisation))
    return tensors


def _weights(graph: Any, arrays: Arrays) -> tuple[InspectedWeight, ...]:
    quantisation = {
        node.input[0]: _quantisation(node, arrays)
        for node in graph.node
        if node.op_type == "DequantizeLinear"
    }
    return tuple(
        measure_weight(name, values, *quantisation.get(name, ()))
        for name, values in arrays.items()
        if is_measurable(values)
    )


def _quantisation(node: Any, arrays: Arrays) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return scales and zero points, the second and third input of an operator, if they are constants."""
    scales, zero_points = (np.ravel(arrays.get(name, ())).tolist() for name in (*node.input[1:], "", "")[:2])
    return tuple(scales), tuple(zero_points)


def _shape(value: Any) -> Shape:
    dimensions = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in dimensions)
