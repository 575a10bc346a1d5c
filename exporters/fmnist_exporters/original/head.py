"""What follows a model's last layer, so that it gives a probability for each class.

How the model is built says what its answers mean, and its answers say whether that is so. Where neither says
it, the model is refused, or what it is taken for is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.endings import Ending, ending
from fmnist_runtime.errors import ModelError

Kind = Literal["none", "softmax", "exponential", "shares", "pair", "logistic pair", "tanh pair"]
_NAME = "probabilities"
"""What the layer is called that makes them."""
_SUM_TOLERANCE = 1e-3
"""How far from 1 float32 probabilities may sum, among them such as x / (sum + 1e-4)."""
_LEAST_TOTAL = 1e-6
"""What sums to less for every image is 0, and no multiple of probabilities."""
_MENDED = "end it in softmax, or in a layer without activation (logits)"


@keras.saving.register_keras_serializable("fmnist")
class Pair(keras.layers.Layer):  # type: ignore[misc]
    """Two classes of one unit ``[N, 1]``: ``[1 - p, p]`` with ``p = scale · activation(unit) + offset``."""

    def __init__(
        self, activation: str = "linear", scale: float = 1.0, offset: float = 0.0, **keywords: Any
    ) -> None:
        super().__init__(**keywords)
        self.activation = keras.activations.get(activation)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Any:
        """The probabilities, ``[N, 2]``."""
        second = self.activation(inputs)
        if (self.scale, self.offset) != (1, 0):
            second = self.scale * second + self.offset
        return keras.ops.concatenate([1 - second, second], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Two numbers for each image."""
        return (input_shape[0], 2)

    def get_config(self) -> dict[str, Any]:
        """What makes another one like it."""
        config = {"activation": keras.activations.serialize(self.activation)}
        return {**super().get_config(), **config, "scale": self.scale, "offset": self.offset}


@dataclass(frozen=True)
class Head:
    """What has to follow a model."""

    kind: Kind
    """Nothing, a softmax behind logits, ``exp`` behind their logarithms, a division where probabilities were
    multiplied; or of one unit its complement as the first class, where it is the probability of the second,
    the logit of that, or reaches from -1 to 1."""
    total: float = 1.0
    """What the scores of an image sum to, of ``shares``."""
    note: str = ""
    """What a person should know of it, as another might have meant something else."""

    def layer(self) -> Any:
        """A Keras layer that computes it; None where nothing follows."""
        makers: dict[Kind, Callable[[], Any]] = {
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
            layer.dtype_policy = "float32"  # whatever the user's policy is
        return layer

    def classes(self, units: int) -> int:
        """How many classes a model of so many output units has."""
        return 2 if "pair" in self.kind else units


def find_head(model: keras.Model, answers: NDArray[np.float64]) -> Head:
    """What has to follow a model.

    Args:
        model: A functional model with one output.
        answers: float64 ``[N, units]``, its outputs for images of every kind, computed in float32 at least.

    Raises:
        ModelError: It gives no probabilities, nor what they can be made of.
    """
    end = ending(model)
    if not np.isfinite(answers).all():
        raise ModelError("answers NaN or infinity; train it again, on pixels of a smaller range")
    return _of_one(end, answers) if answers.shape[1] == 1 else _of_many(end, answers)


def _of_one(end: Ending, answers: NDArray[np.float64]) -> Head:
    within = answers.min() >= 0 and answers.max() <= 1
    match end.kind:
        case "sigmoid":
            return Head("pair")
        case "tanh":
            note = "has one unit with tanh; it is taken to be 1 for the second class, -1 for the first"
            return Head("tanh pair", note=note)
        case "logits":
            note = "has one unit without activation; it is taken for a logit, above 0 for the second class"
            return Head("logistic pair", note=note)
        case "softmax":
            raise ModelError(
                f"{end.what} over one unit, which is always 1; of two classes, end it in one unit with "
                "sigmoid, or in two with softmax"
            )
        case "unknown" if within:
            what = "is taken for the probability of the second class, as it lies between 0 and 1"
            return Head("pair", note=f"has one unit of an unknown kind ({end.what}); it {what}")
    raise ModelError(
        f"has one unit of {_reach(answers)} ({end.what}), which is no probability; of two classes, end it in "
        "one unit with sigmoid, or in two with softmax"
    )


def _of_many(end: Ending, answers: NDArray[np.float64]) -> Head:
    sums = answers.sum(axis=1)
    total = float(sums.mean())
    positive = answers.min() >= 0
    steady = positive and total > _LEAST_TOTAL and bool(np.abs(sums / total - 1).max() <= _SUM_TOLERANCE)
    if steady and abs(total - 1) <= _SUM_TOLERANCE:
        return Head("none")
    if end.kind == "logits":
        return Head("softmax")
    if answers.max() <= _SUM_TOLERANCE and np.abs(np.exp(answers).sum(axis=1) - 1).max() <= _SUM_TOLERANCE:
        return Head("exponential")
    if steady and end.kind == "softmax":
        return Head("shares", total=float(f"{total:.4g}"))
    if steady:
        raise ModelError(
            f"answers scores that sum to {total:.4g} for each image ({end.what}); end it in softmax, whose "
            "scores sum to 1"
        )
    if end.kind == "sigmoid":
        raise ModelError(
            f"{end.what} for each of {answers.shape[1]:,} classes, which is the probability of each class by "
            f"itself; these sum to {sums.min():.3g} to {sums.max():.3g}, where a classifier's sum to 1: "
            f"{_MENDED}, and train it again"
        )
    if end.kind == "unknown" and answers.min() < 0:
        note = (
            f"answers {_reach(answers)} ({end.what}); they are taken for logits, and a softmax is put behind"
        )
        return Head("softmax", note=note)
    raise ModelError(
        f"answers scores of {_reach(answers)} ({end.what}), which are no probabilities; a classifier ends in "
        "softmax, or in a layer without activation (logits)"
    )


def _reach(answers: NDArray[np.float64]) -> str:
    return f"{answers.min():.3g} to {answers.max():.3g}"
