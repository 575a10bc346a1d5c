"""Rebuilding a functional model operation by operation, on copies that share nothing with it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.layers import is_model
from fmnist_exporters.original.plain import plain_config, plain_kind, set_plain_weights

_INPUT = "image"
Call = Callable[..., Any]
"""Takes an operation of the old model and its arguments in the new one; returns its result there."""


class Copier:
    """Calls copies of operations in their plain form (see `fmnist_exporters.original.plain`).

    One that is called again, as a shared layer is, has one copy.
    """

    def __init__(self, dtype: str = "float32", unroll: bool = False) -> None:
        """Make copies that compute in a type of floats; of recurrent layers, maybe without loops."""
        self._dtype, self._unroll = dtype, unroll
        self._copies: dict[Any, Any] = {}
        self._names = {_INPUT}

    def __call__(
        self,
        operation: Any,
        *arguments: Any,
        config: dict[str, Any] | None = None,
        weights: Sequence[NDArray[Any]] | None = None,
        **keywords: Any,
    ) -> Any:
        """Call the copy of an operation.

        Args:
            operation: A layer, or an operation of ``keras.ops``.
            arguments: Its arguments.
            config: What the copy's configuration has otherwise.
            weights: The copy's weights; the operation's own when None.
            keywords: Its arguments by name.
        """
        if operation in self._copies:
            return self._copies[operation](*arguments, **keywords)
        plain = plain_config(operation, self._dtype, self._unroll)
        config = {**plain, **(config or {}), "name": self._free(operation.name)}
        copy = self._copies[operation] = plain_kind(operation).from_config(config)
        result = copy(*arguments, **keywords)
        if isinstance(operation, keras.layers.Layer):
            if weights is None:
                set_plain_weights(operation, copy)
            else:
                copy.set_weights(weights)
            if hasattr(copy, "finalize_state"):  # Normalization works out its figures from its weights
                copy.finalize_state()
        return result

    @property
    def names(self) -> dict[Any, str]:
        """What the copies are called, by the operations that they are of."""
        return {operation: copy.name for operation, copy in self._copies.items()}

    def _free(self, name: str) -> str:
        """The name, as TensorFlow takes it; with a number when a nested model brought another like it."""
        return free_name(re.sub(r"[^\w.-]", "_", name, flags=re.ASCII).lstrip("_-") or "layer", self._names)


def free_name(name: str, taken: set[str]) -> str:
    """The name, or with a number where another has it; it is taken from then on."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def rebuild(
    model: keras.Model, call: Call, finish: Callable[[Any], Any] = lambda result: result
) -> keras.Model:
    """A functional model of the same input, whose output is what ``call`` makes of each operation.

    Args:
        model: The old model.
        call: What to make of its operations.
        finish: What to make of the last result.
    """
    image = keras.Input(model.input_shape[1:], name=_INPUT)
    return keras.Model(image, finish(walk(model, call, image)), name=model.name)


def walk(model: keras.Model, call: Call, *inputs: Any) -> Any:
    """Call all operations of a model's graph for inference, in order, those of nested models among them."""

    def call_flat(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        if is_model(operation):
            return walk(operation, call, *arguments)
        if "training" in inspect.signature(operation.call).parameters:
            keywords["training"] = False  # said aloud: some layers take it for True
        return call(operation, *arguments, **keywords)

    graph = keras.Model(model.inputs, model.outputs) if isinstance(model, keras.Sequential) else model
    return graph._run_through_graph(inputs, call_fn=call_flat)


def float64(array: Any) -> NDArray[np.float64]:
    """A weight in the type in which weights are combined, so that the result is rounded once."""
    return np.asarray(array, np.float64)
