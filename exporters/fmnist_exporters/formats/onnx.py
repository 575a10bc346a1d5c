"""Keras → ONNX, with dense layers as one operator each, and names that show the layer."""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import onnx
import tf2onnx
from numpy.typing import NDArray

from fmnist_exporters.formats import embed_onnx, unsupported
from fmnist_exporters.formats.onnx_int8 import quantize
from fmnist_exporters.formats.tensorflow_private import inference_function
from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.keras_private import layers_in
from fmnist_exporters.original.plain import is_recurrent
from fmnist_exporters.original.rebuild import free_name
from fmnist_exporters.original.reduce import reduce
from fmnist_exporters.original.rounding import round_weights

OPSET = 18
IR_VERSION = 8
"""The newest opset and IR version that onnxruntime 1.16 loads, which old boards still have."""

embed = embed_onnx


def _erfc(context: Any, node: Any, name: str, _: Any) -> None:
    """Convert ``Erfc(x)``, which GELU uses, to ``1 - Erf(x)``, as ONNX has no ``Erfc``."""
    [shape], [dtype] = node.output_shapes, node.output_dtypes
    context.remove_node(name)
    erf = context.make_node("Erf", node.input, name=f"{name}/erf", shapes=[shape], dtypes=[dtype])
    one = context.make_const(f"{name}/one", np.ones((), np.float32))
    context.make_node(
        "Sub", [one.output[0], erf.output[0]], name=name, outputs=node.output, shapes=[shape], dtypes=[dtype]
    )


_HANDLERS: dict[str, tuple[Any, list[Any]]] = {"Erfc": (_erfc, [])}
"""Converters for TensorFlow operators that tf2onnx does not know."""


def convert(classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Convert a classifier to ONNX with a free batch size.

    Args:
        classifier: The original.
        scheme: ``float32`` or ``int8``.
        calibration: uint8 ``[N, *image_shape]``, training images; required for int8.

    Raises:
        ValueError: Calibration images are missing, or the scheme takes none.
        ModelError: ONNX lacks an operator.
    """
    if (calibration is not None) != (scheme == "int8"):
        raise ValueError(f"{scheme} {'needs' if calibration is None else 'takes no'} calibration images")
    model = reduce(classifier, unroll=not _has_operators(classifier))
    if calibration is None:
        return _convert(model)
    round_weights(model, calibration)
    return quantize(_convert(model), calibration)


def _has_operators(classifier: Classifier) -> bool:
    """Return whether ONNX has an operator for each recurrent layer, which is smaller than the unrolled one.

    tf2onnx converts a layer that it does not recognise to a loop, which the engines do not run.
    """
    if not any(is_recurrent(layer) for layer in layers_in(classifier.model)):
        return True
    try:
        nodes = onnx.load_from_string(_convert(reduce(classifier, unroll=False))).graph.node
    except Exception:  # tf2onnx's exceptions have no other common base
        return False
    return not any(attribute.HasField("g") for node in nodes for attribute in node.attribute)


def _convert(model: keras.Model) -> bytes:
    frozen = inference_function(model)
    function = SimpleNamespace(get_concrete_function=lambda: frozen)  # what tf2onnx uses of a ``tf.function``
    proto, _ = tf2onnx.convert.from_function(
        function, input_signature=[], opset=OPSET, custom_op_handlers=_HANDLERS
    )
    proto.graph.name = model.name
    proto.ir_version = IR_VERSION
    for node in proto.graph.node:  # what tf2onnx cannot convert it only logs, and leaves in the graph
        if not onnx.defs.has(node.op_type, OPSET, node.domain):
            raise unsupported(node.name, node.op_type, "ONNX", model)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    _fuse_gemm(proto.graph, _ranks(proto))
    _rename(proto.graph)
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def _fuse_gemm(graph: onnx.GraphProto, ranks: dict[str, int]) -> None:
    """Replace ``MatMul(x, kernel)`` and the ``Add`` of a bias behind it by one ``Gemm``.

    Args:
        graph: The graph; changed in place.
        ranks: Number of dimensions of each value, by name, as ``Gemm`` takes only matrices.
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


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """Return the number of dimensions of each value whose shape can be inferred, by name."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: len(value.type.tensor_type.shape.dim) for value in values}


def _rename(graph: onnx.GraphProto) -> None:
    """Name nodes, and the values between them, after their layers: ``hidden_1/...``.

    The converter numbers the nodes that it adds throughout the process, so that a second export of the same
    model would have other bytes.

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
    """Return the node's name without its number; a node added by the converter is named by its weights."""
    if "/" in node.name:
        return re.sub(r"__\d+(?=:|$)", "", node.name)
    inputs = sorted(node.input, key=lambda name: name not in constants)
    layers = [name.split("/")[0] for name in (*inputs, *node.output) if "/" in name]
    return f"{layers[0]}/{node.op_type}" if layers else node.op_type


def _replace(node: onnx.NodeProto, names: dict[str, str]) -> None:
    """Rename the values of a node, also in the graphs inside a loop."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for attribute in node.attribute:
        for inner in attribute.g.node:
            _replace(inner, names)
