"""Keras → ONNX."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import onnx
import tf2onnx
from numpy.typing import NDArray

from fmnist_exporters.formats.gemm import fuse_gemm, ranks
from fmnist_exporters.formats.naming import rename
from fmnist_exporters.formats.onnx_int8 import quantize
from fmnist_exporters.formats.unsupported import unsupported
from fmnist_exporters.metadata import embed_onnx
from fmnist_exporters.original.classifier import Classifier
from fmnist_exporters.original.plain import is_recurrent
from fmnist_exporters.original.reduce import inference_function, reduce
from fmnist_exporters.original.rounding import round_weights

OPSET = 18
IR_VERSION = 8
"""Opset 18 and IR version 8: the newest that onnxruntime 1.16 loads, which old boards still have."""

embed = embed_onnx


def _erfc(context: Any, node: Any, name: str, _: Any) -> None:
    """``Erfc(x)`` as ``1 - Erf(x)``: what TensorFlow computes GELU with, and ONNX has no operator for."""
    [shape], [dtype] = node.output_shapes, node.output_dtypes
    context.remove_node(name)
    erf = context.make_node("Erf", node.input, name=f"{name}/erf", shapes=[shape], dtypes=[dtype])
    one = context.make_const(f"{name}/one", np.ones((), np.float32))
    context.make_node(
        "Sub", [one.output[0], erf.output[0]], name=name, outputs=node.output, shapes=[shape], dtypes=[dtype]
    )


_HANDLERS: dict[str, tuple[Any, list[Any]]] = {"Erfc": (_erfc, [])}
"""How operators of TensorFlow that tf2onnx does not know are converted."""


def convert(classifier: Classifier, scheme: str, calibration: NDArray[np.uint8] | None = None) -> bytes:
    """Convert a classifier to ONNX with a free batch size.

    Args:
        classifier: The original.
        scheme: ``float32`` or ``int8``.
        calibration: uint8 ``[N, *image_shape]``, training images; int8 needs them.

    Raises:
        ValueError: The scheme needs calibration images and got none, or the other way round.
        ModelError: A layer uses an operator that ONNX has not.
    """
    if (calibration is not None) != (scheme == "int8"):
        raise ValueError(f"{scheme} {'needs' if calibration is None else 'takes no'} calibration images")
    model = reduce(classifier, unroll=not _has_operators(classifier))
    if calibration is None:
        return _convert(model)
    round_weights(model, calibration)
    return quantize(_convert(model), calibration)


def _has_operators(classifier: Classifier) -> bool:
    """Whether ONNX has an operator for each recurrent layer, as for LSTM: an eighth of the size unrolled.

    What tf2onnx does not recognise it converts to a loop, which our engines do not run.
    """
    if not any(is_recurrent(layer) for layer in classifier.model._flatten_layers()):
        return True
    try:
        nodes = onnx.load_from_string(_convert(reduce(classifier, unroll=False))).graph.node
    except Exception:  # what tf2onnx raises has no common base but this
        return False
    return not any(attribute.HasField("g") for node in nodes for attribute in node.attribute)


def _convert(model: keras.Model) -> bytes:
    proto, _ = tf2onnx.convert.from_function(
        _Traced(model), input_signature=[], opset=OPSET, custom_op_handlers=_HANDLERS
    )
    proto.graph.name = model.name
    proto.ir_version = IR_VERSION
    _check_operators(proto.graph, model)
    _name_batch(proto.graph)
    fuse_gemm(proto.graph, ranks(proto))
    rename(proto.graph)
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


class _Traced:
    """What tf2onnx asks a ``tf.function`` for, answered with the weights as constants.

    Of a function with variables it would make the constants of some layers into inputs of the model.
    """

    def __init__(self, model: keras.Model) -> None:
        self._function = inference_function(model)

    def get_concrete_function(self) -> Any:
        """The traced function."""
        return self._function


def _check_operators(graph: onnx.GraphProto, model: keras.Model) -> None:
    """What tf2onnx cannot convert it only logs, and leaves in the graph."""
    for node in graph.node:
        if not onnx.defs.has(node.op_type, OPSET, node.domain):
            raise unsupported(node.name, node.op_type, "ONNX", model)


def _name_batch(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
