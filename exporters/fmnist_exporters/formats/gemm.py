"""Dense layers in ONNX as one operator each."""

from __future__ import annotations

from collections import Counter

import onnx


def fuse_gemm(graph: onnx.GraphProto, ranks: dict[str, int]) -> None:
    """Turn ``MatMul(x, kernel)`` and the ``Add`` of a bias behind it into one ``Gemm``.

    Args:
        graph: The graph; changed in place.
        ranks: Number of dimensions of each value, by name. ``Gemm`` takes matrices only.
    """
    constants = {initializer.name: len(initializer.dims) for initializer in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    products = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "MatMul" and ranks.get(node.input[0]) == 2 and constants.get(node.input[1]) == 2
    }
    for node in list(graph.node):
        if node.op_type != "Add":
            continue
        for product, bias in (node.input, reversed(node.input)):
            if product in products and uses[product] == 1 and constants.get(bias) == 1:
                matmul = products[product]
                gemm = onnx.helper.make_node("Gemm", [*matmul.input, bias], list(node.output), matmul.name)
                node.CopyFrom(gemm)
                graph.node.remove(matmul)
                break


def ranks(model: onnx.ModelProto) -> dict[str, int]:
    """Number of dimensions of the values whose shape can be inferred, by name."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: len(value.type.tensor_type.shape.dim) for value in values}
