"""What is added behind a model so that it returns one probability for each class.

The model's layers show what its output means, and its scores for a few images confirm it. If neither decides
it, the model is refused, or a note says how it is interpreted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.keras_private import call_of
from fmnist_exporters.original.layers import TRAINING_ONLY, is_model
from fmnist_runtime.errors import ModelError

HeadKind = Literal["none", "softmax", "exponential", "shares", "pair", "logistic pair", "tanh pair"]
_NAME = "probabilities"
"""Name of the layer that computes them."""
_SUM_TOLERANCE = 1e-3
"""Allowed difference of a sum of float32 probabilities from 1, also for forms such as x / (sum + 1e-4)."""
_LEAST_TOTAL = 1e-6
"""Scores with a smaller sum for every image are 0, not a multiple of probabilities."""
_REMEDY = "end it in softmax, or in a layer without activation (logits)"
OutputKind = Literal["logits", "softmax", "log softmax", "sigmoid", "tanh", "other", "unknown"]
_ACTIVATIONS: dict[str, OutputKind] = {
    "linear": "logits",
    "softmax": "softmax",
    "log_softmax": "log softmax",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}
"""By name of the activation; any other activation is ``other``."""
_OPERATIONS: dict[str, OutputKind] = {
    "Softmax": "softmax",
    "LogSoftmax": "log softmax",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
}
"""By class of a layer without an activation, or of an operation of ``keras.ops``."""
_LINEAR = ("Matmul", "Einsum", "Dot", "Tensordot", "Conv")
_NONLINEAR = ("ReLU", "Relu", "LeakyReLU", "LeakyRelu", "ELU", "Elu", "PReLU", "Clip")
_PRESERVING = {
    *(layer.__name__ for layer in TRAINING_ONLY),
    *("Flatten", "Reshape", "Squeeze", "ExpandDims", "Permute", "Transpose", "Cast", "Identity", "GetItem"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "AveragePooling2D", "Mean", "Average"),
    *("Stack", "Concatenate", "Add", "Subtract", "Negative", "Sum", "Cropping2D", "Cropping1D"),
}
"""Operations that turn logits into logits, and probabilities into a multiple of probabilities."""
_SCALING = ("Multiply", "Divide", "TrueDivide", "Rescaling")
_NORMALISING = ("BatchNormalization", "Normalization", "LayerNormalization")
_SUMMING = ("Add", "Subtract", "Negative")


@keras.saving.register_keras_serializable("fmnist")
class Pair(keras.layers.Layer):  # type: ignore[misc]
    """Two classes from one unit ``[N, 1]``: ``[1 - p, p]`` with ``p = scale · activation(unit) + offset``."""

    def __init__(
        self, activation: str = "linear", scale: float = 1.0, offset: float = 0.0, **keywords: Any
    ) -> None:
        super().__init__(**keywords)
        self.activation = keras.activations.get(activation)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Any:
        """Return the probabilities, ``[N, 2]``."""
        second = self.activation(inputs)
        if (self.scale, self.offset) != (1, 0):
            second = self.scale * second + self.offset
        return keras.ops.concatenate([1 - second, second], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return ``(N, 2)``."""
        return (input_shape[0], 2)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        config = {"activation": keras.activations.serialize(self.activation)}
        return {**super().get_config(), **config, "scale": self.scale, "offset": self.offset}


@dataclass(frozen=True)
class KerasHead:
    """What must follow a model."""

    kind: HeadKind
    """Nothing, a softmax for logits, ``exp`` for log-probabilities, a division for multiples of
    probabilities; or, for one unit, the complement as first class, where the unit is the probability of the
    second class, its logit, or a number from -1 to 1."""
    total: float = 1.0
    """Sum of an image's scores, for ``shares``."""
    note: str = ""
    """Note for the user where the output could be interpreted in another way."""

    def layer(self) -> Any:
        """Return a Keras layer that computes it; None if nothing follows."""
        makers: dict[HeadKind, Callable[[], Any]] = {
            "none": lambda: None,
            "softmax": lambda: keras.layers.Softmax(name=_NAME),
            "exponential": lambda: keras.layers.Activation("exponential", name=_NAME),
            "shares": lambda: keras.layers.Rescaling(1 / self.total, name=_NAME),
            "pair": lambda: Pair(name=_NAME),
            "logistic pair": lambda: Pair("sigmoid", name=_NAME),
            "tanh pair": lambda: Pair(scale=0.5, offset=0.5, name=_NAME),
        }
        layer = makers[self.kind]()
        if layer is not None:
            layer.dtype_policy = "float32"  # also with another global policy
        return layer

    def classes(self, units: int) -> int:
        """Return the number of classes of a model with this many output units."""
        return 2 if "pair" in self.kind else units


def find_head(model: keras.Model, scores: NDArray[np.float64]) -> KerasHead:
    """Determine what must follow a model.

    Args:
        model: A functional model with one output.
        scores: float64 ``[N, units]``, its output for various images, computed in float32 or better.

    Raises:
        ModelError: The output is no probabilities and cannot be converted to probabilities.
    """
    output = _output(model.outputs[0], {})
    if not np.isfinite(scores).all():
        raise ModelError("answers NaN or infinity; train it again, on pixels of a smaller range")
    return _of_one(output, scores) if scores.shape[1] == 1 else _of_many(output, scores)


def _of_one(output: ModelOutput, scores: NDArray[np.float64]) -> KerasHead:
    within = scores.min() >= 0 and scores.max() <= 1
    match output.kind:
        case "sigmoid":
            return KerasHead("pair")
        case "tanh":
            note = "has one unit with tanh; it is taken to be 1 for the second class, -1 for the first"
            return KerasHead("tanh pair", note=note)
        case "logits":
            note = "has one unit without activation; it is taken for a logit, above 0 for the second class"
            return KerasHead("logistic pair", note=note)
        case "softmax":
            raise ModelError(
                f"{output.source} over one unit, which is always 1; for two classes, end it in one unit with "
                "sigmoid, or in two with softmax"
            )
        case "unknown" if within:
            what = "is taken for the probability of the second class, as it lies between 0 and 1"
            return KerasHead("pair", note=f"has one unit of an unknown kind ({output.source}); it {what}")
    raise ModelError(
        f"has one unit of {_reach(scores)} ({output.source}), which is not a probability; for two classes, "
        "end it in one unit with sigmoid, or in two with softmax"
    )


def _of_many(output: ModelOutput, scores: NDArray[np.float64]) -> KerasHead:
    sums = scores.sum(axis=1)
    total = float(sums.mean())
    positive = scores.min() >= 0
    steady = positive and total > _LEAST_TOTAL and bool(np.abs(sums / total - 1).max() <= _SUM_TOLERANCE)
    if steady and abs(total - 1) <= _SUM_TOLERANCE:
        return KerasHead("none")
    if output.kind == "logits":
        return KerasHead("softmax")
    if scores.max() <= _SUM_TOLERANCE and np.abs(np.exp(scores).sum(axis=1) - 1).max() <= _SUM_TOLERANCE:
        return KerasHead("exponential")
    if steady and output.kind == "softmax":
        return KerasHead("shares", total=float(f"{total:.4g}"))
    if steady:
        raise ModelError(
            f"returns scores that sum to {total:.4g} for each image ({output.source}); end it in softmax, "
            "whose scores sum to 1"
        )
    if output.kind == "sigmoid":
        raise ModelError(
            f"{output.source} for each of {scores.shape[1]:,} classes, which is the probability of each "
            f"class by itself; these sum to {sums.min():.3g} to {sums.max():.3g}, where a classifier's sum "
            f"to 1: {_REMEDY}, and train it again"
        )
    if output.kind == "unknown" and scores.min() < 0:
        note = (
            f"returns {_reach(scores)} ({output.source}); they are taken for logits, and a softmax is added"
        )
        return KerasHead("softmax", note=note)
    raise ModelError(
        f"returns scores of {_reach(scores)} ({output.source}), which are not probabilities; a classifier "
        "ends in softmax, or in a layer without activation (logits)"
    )


def _reach(scores: NDArray[np.float64]) -> str:
    return f"{scores.min():.3g} to {scores.max():.3g}"


@dataclass(frozen=True)
class ModelOutput:
    """What the layers of a model say about its output."""

    kind: OutputKind
    """``other`` if it is certainly none of the rest, ``unknown`` if the layers do not show it."""
    source: str
    """The layer it comes from, and how that ends, for messages."""


def _output(tensor: Any, known: dict[int, ModelOutput]) -> ModelOutput:
    """Determine what a tensor is.

    Args:
        tensor: A symbolic tensor of the model.
        known: Results so far, by tensor id. With residual connections there are too many paths to walk each.
    """
    if id(tensor) not in known:
        known[id(tensor)] = _find_output(tensor, known)
    return known[id(tensor)]


def _find_output(tensor: Any, known: dict[int, ModelOutput]) -> ModelOutput:
    operation, arguments, index = call_of(tensor)
    name = type(operation).__name__
    if is_model(operation):
        return _output(operation.outputs[index], known)
    if name in _NORMALISING or name in _SCALING or name in _PRESERVING or _is_linear(operation):
        inputs = [_output(tensor, known) for tensor in arguments.keras_tensors]
        constant = len(keras.tree.flatten((arguments.args, arguments.kwargs))) > len(inputs)
        output = _output_behind(operation, name, inputs, constant)
        units = {argument.shape[-1] for argument in arguments.keras_tensors}
        if output.kind == "softmax" and units != {tensor.shape[-1]}:  # one softmax for each place or part
            return ModelOutput("other", f"layer {operation.name!r} is a {name}")
        return output
    activation = getattr(operation, "activation", None)
    if activation is not None and keras.layers.Layer is not type(operation):
        said = getattr(activation, "__name__", type(activation).__name__)
        ending = "no activation" if said == "linear" else said
        return ModelOutput(_ACTIVATIONS.get(said, "other"), f"layer {operation.name!r} ends in {ending}")
    kind: OutputKind = "logits" if name in _LINEAR else "other" if name in _NONLINEAR else "unknown"
    return ModelOutput(_OPERATIONS.get(name, kind), f"layer {operation.name!r} is a {name}")


def _is_linear(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Activation) and operation.activation is keras.activations.linear


def _output_behind(operation: Any, name: str, inputs: list[ModelOutput], constant: bool) -> ModelOutput:
    """Determine what an operation that adds or multiplies its inputs makes of them."""
    kinds = {output.kind for output in inputs}
    source = f"layer {operation.name!r} is a {name}"
    if not inputs:
        return ModelOutput("unknown", source)
    if kinds == {"logits"}:
        return inputs[0]
    if name in _NORMALISING:
        # A normalised value has no fixed range. It counts as logits unless it was a probability before.
        return ModelOutput("logits" if kinds <= {"logits", "other", "unknown"} else "other", source)
    sums = name in _SUMMING and (constant or name != "Add")
    shifts = sums or (name == "Rescaling" and np.any(operation.offset))
    if len(kinds) > 1 or (name in _SCALING and len(inputs) > 1):
        return ModelOutput("unknown", source)
    if shifts or (inputs[0].kind != "softmax" and name not in _PRESERVING and not _is_linear(operation)):
        return ModelOutput("other", source)
    return inputs[0]
