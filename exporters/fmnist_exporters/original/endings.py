"""What a model's answers are meant to be, by the layers that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np

from fmnist_exporters.original.layers import TRAINING_ONLY, is_model

Meaning = Literal["logits", "softmax", "log softmax", "sigmoid", "tanh", "other", "unknown"]
_ACTIVATIONS: dict[str, Meaning] = {
    "linear": "logits",
    "softmax": "softmax",
    "log_softmax": "log softmax",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}
"""By the name of an activation; of others it is known that they are none of these."""
_OPERATIONS: dict[str, Meaning] = {
    "Softmax": "softmax",
    "LogSoftmax": "log softmax",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
}
"""By the class of a layer, or of an operation of ``keras.ops``, that has no activation of its own."""
_LINEAR = ("Matmul", "Einsum", "Dot", "Tensordot", "Conv")
_BENT = ("ReLU", "Relu", "LeakyReLU", "LeakyRelu", "ELU", "Elu", "PReLU", "Clip")
_HANDING_ON = {
    *(layer.__name__ for layer in TRAINING_ONLY),
    *("Flatten", "Reshape", "Squeeze", "ExpandDims", "Permute", "Transpose", "Cast", "Identity", "GetItem"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "AveragePooling2D", "Mean", "Average"),
    *("Stack", "Concatenate", "Add", "Subtract", "Negative", "Sum", "Cropping2D", "Cropping1D"),
}
"""What leaves the sum or the mean of logits logits, and that of probabilities a multiple of such."""
_SCALING = ("Multiply", "Divide", "TrueDivide", "Rescaling")
_NORMALISING = ("BatchNormalization", "Normalization", "LayerNormalization")
_SUMMING = ("Add", "Subtract", "Negative")


@dataclass(frozen=True)
class Ending:
    """What a model ends in."""

    kind: Meaning
    """``other`` where it is known to be none of the rest, ``unknown`` where layers do not say it."""
    what: str
    """The layer and what it ends in, to be read by people."""


def ending(model: keras.Model) -> Ending:
    """What a functional model's output is, as its layers tell."""
    return _of(model.outputs[0], {})


def _of(tensor: Any, known: dict[int, Ending]) -> Ending:
    """What a tensor is.

    Args:
        tensor: A symbolic tensor of the model.
        known: By their ids what other tensors are. Through residuals there are more ways than can be walked.
    """
    if id(tensor) not in known:
        known[id(tensor)] = _find(tensor, known)
    return known[id(tensor)]


def _find(tensor: Any, known: dict[int, Ending]) -> Ending:
    history = tensor._keras_history
    operation = history.operation
    name = type(operation).__name__
    if is_model(operation):
        return _of(operation.outputs[history.tensor_index], known)
    arguments = operation._inbound_nodes[history.node_index].arguments
    if name in _NORMALISING or name in _SCALING or name in _HANDING_ON or _is_linear(operation):
        inputs = [_of(tensor, known) for tensor in arguments.keras_tensors]
        constant = len(keras.tree.flatten((arguments.args, arguments.kwargs))) > len(inputs)
        end = _behind(operation, name, inputs, constant)
        units = {argument.shape[-1] for argument in arguments.keras_tensors}
        if end.kind == "softmax" and units != {tensor.shape[-1]}:  # one softmax for each place or part
            return Ending("other", f"layer {operation.name!r} is a {name}")
        return end
    activation = getattr(operation, "activation", None)
    if activation is not None and keras.layers.Layer is not type(operation):
        said = getattr(activation, "__name__", type(activation).__name__)
        return Ending(_ACTIVATIONS.get(said, "other"), f"layer {operation.name!r} ends in {_spoken(said)}")
    kind: Meaning = "logits" if name in _LINEAR else "other" if name in _BENT else "unknown"
    return Ending(_OPERATIONS.get(name, kind), f"layer {operation.name!r} is a {name}")


def _is_linear(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Activation) and operation.activation is keras.activations.linear


def _behind(operation: Any, name: str, inputs: list[Ending], constant: bool) -> Ending:
    """What is left of what its inputs mean by an operation that adds or multiplies them."""
    meanings = {end.kind for end in inputs}
    what = f"layer {operation.name!r} is a {name}"
    if not inputs:
        return Ending("unknown", what)
    if meanings == {"logits"}:
        return inputs[0]
    if name in _NORMALISING:
        # What was normalised is of no range any more; only what nonlinear layers gave are no logits then.
        return Ending("logits" if meanings <= {"logits", "other", "unknown"} else "other", what)
    shifts = (name in _SUMMING and (constant or name != "Add")) or (
        name == "Rescaling" and np.any(operation.offset)
    )
    mixes = len(meanings) > 1 or (name in _SCALING and len(inputs) > 1)
    if mixes:
        return Ending("unknown", what)
    if shifts or (inputs[0].kind != "softmax" and name not in _HANDING_ON and not _is_linear(operation)):
        return Ending("other", what)
    return inputs[0]


def _spoken(activation: str) -> str:
    return "no activation" if activation == "linear" else activation
