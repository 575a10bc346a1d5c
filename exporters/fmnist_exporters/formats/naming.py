"""Names in an ONNX graph that tell the layer, and are the same each time."""

from __future__ import annotations

import re

import onnx

from fmnist_exporters.original.rebuild import free_name


def rename(graph: onnx.GraphProto) -> None:
    """Name nodes, and the values between them, after their layers: ``hidden_1/...``.

    The converter numbers what it adds through the life of the process, so that a second export of the
    same model would not have the same bytes as the first.

    Args:
        graph: The graph; changed in place. Its input becomes ``image``, its output ``probabilities``.
    """
    graph.ClearField("doc_string")
    graph.ClearField("value_info")
    constants = {initializer.name for initializer in graph.initializer}
    names = {graph.input[0].name: "image", graph.output[0].name: "probabilities"}
    taken: set[str] = set()
    for node in graph.node:
        node.name = free_name(_own_name(node, constants), taken)
        for index, name in enumerate(node.input):
            if name in constants and name not in names:
                names[name] = f"{node.name}/constant_{index}"
        for index, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}:{index}")
        _replace(node, names)
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names[value.name]
    order = list(names.values())
    initializers = sorted(graph.initializer, key=lambda initializer: order.index(initializer.name))
    graph.ClearField("initializer")
    graph.initializer.extend(initializers)


def _own_name(node: onnx.NodeProto, constants: set[str]) -> str:
    """The node's name, without its number; what the converter made up is named after its weights."""
    if "/" in node.name:
        return _plain(node.name)
    inputs = sorted(node.input, key=lambda name: name not in constants)
    layers = [_layer(name) for name in (*inputs, *node.output) if "/" in name]
    return f"{layers[0]}{node.op_type}" if layers else node.op_type


def _layer(name: str) -> str:
    return name.split("/")[0] + "/"


def _plain(name: str) -> str:
    return re.sub(r"__\d+(?=:|$)", "", name)


def _replace(node: onnx.NodeProto, names: dict[str, str]) -> None:
    """Put the new names into a node, and into the graphs that it holds if it is a loop."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for attribute in node.attribute:
        for inner in attribute.g.node:
            _replace(inner, names)
