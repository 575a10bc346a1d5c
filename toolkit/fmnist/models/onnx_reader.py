"""Reading what ONNX files hold: with the package ``onnx`` all of it, on a device input and output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.models.contents import Contents, Operator, Shape, Tensor, Weight, is_measurable, measure_weight

_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}
Arrays = dict[str, NDArray[Any]]
"""Constants by name."""


def read_onnx(path: Path, inference_session: Any) -> Contents:
    """Operators, tensors and constants of an ONNX model; without ``onnx`` its input and output alone."""
    ends = (("input", inference_session.get_inputs()[0]), ("output", inference_session.get_outputs()[0]))
    tensors = []
    for role, end in ends:
        shape = tuple(size if isinstance(size, int) else None for size in end.shape)
        tensors.append(Tensor(end.name, role, shape, _TYPES.get(end.type, end.type), (), ()))
    try:
        import onnx
    except ModuleNotFoundError:  # a device has ONNX Runtime alone, which does not give weights away
        return Contents((), None, tuple(tensors), None)
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    arrays = {tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    shapes = {value.name: _shape(value) for value in (*graph.value_info, *graph.output)}
    image, scores = tensors
    tensors = [image, *_inner_tensors(graph, arrays, shapes), scores]
    return Contents((), _operators(graph, arrays, shapes), tuple(tensors), _weights(graph, arrays))


def _operators(graph: Any, arrays: Arrays, shapes: dict[str, Shape]) -> tuple[Operator, ...]:
    sizes = {name: values.nbytes for name, values in arrays.items()}
    operators = []
    for number, node in enumerate(graph.node):
        taken = sum(sizes.pop(name, 0) for name in node.input)
        output = node.output[0]
        operators.append(Operator(number, node.op_type, output, shapes.get(output, ()), taken))
    return tuple(operators)


def _inner_tensors(graph: Any, arrays: Arrays, shapes: dict[str, Shape]) -> list[Tensor]:
    """What is computed between input and output, from the image and not from constants alone."""
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
            tensors.append(Tensor(name, "inner", shapes[name], dtype, *quantisation))
    return tensors


def _weights(graph: Any, arrays: Arrays) -> tuple[Weight, ...]:
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
    """Scales and zero points, the second and third input of an operator, where they are constants."""
    scales, zero_points = (np.ravel(arrays.get(name, ())).tolist() for name in (*node.input[1:], "", "")[:2])
    return tuple(scales), tuple(zero_points)


def _shape(value: Any) -> Shape:
    dimensions = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in dimensions)
