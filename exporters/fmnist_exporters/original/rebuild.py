"""Rebuilds a functional model operation by operation, on copies that share nothing with it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.keras_private import run_graph
from fmnist_exporters.original.layers import is_model
from fmnist_exporters.original.plain import plain_config, plain_kind, set_plain_weights

_INPUT = "image"
Call = Callable[..., Any]
"""Takes an operation of the old model and its arguments in the new one; returns its result there."""


class Copier:
    """Calls copies of operations in their plain form (see `fmnist_exporters.original.plain`).

    An operation that is called again, such as a shared layer, is copied once.
    """

    def __init__(self, dtype: str = "float32", unroll: bool = False) -> None:
        """Make copies that compute in a float type, with recurrent layers unrolled on request."""
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
            config: Settings in which the copy's configuration differs.
            weights: The copy's weights; by default the operation's own.
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
            if hasattr(copy, "finalize_state"):  # Normalization computes its constants from its weights
                copy.finalize_state()
        return result

    @property
    def names(self) -> dict[Any, str]:
        """Names of the copies, by the operations that they are copies of."""
        return {operation: copy.name for operation, copy in self._copies.items()}

    def _free(self, name: str) -> str:
        """Return the name in a form that TensorFlow accepts, numbered if a nested model already used it."""
        return free_name(re.sub(r"[^\w.-]", "_", name, flags=re.ASCII).lstrip("_-") or "layer", self._names)


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, with a number if it is taken, and add it to ``taken``."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def rebuild(
    model: keras.Model, call: Call, finish: Callable[[Any], Any] = lambda result: result
) -> keras.Model:
    """Return a functional model with the same input, built from the results of ``call``.

    Args:
        model: The old model.
        call: Called with each of its operations.
        finish: Called with the last result.
    """
    image = keras.Input(model.input_shape[1:], name=_INPUT)
    return keras.Model(image, finish(walk(model, call, image)), name=model.name)


def walk(model: keras.Model, call: Call, *inputs: Any) -> Any:
    """Call all operations of a model for inference, in order, including those of nested models."""

    def call_flat(operation: Any, *arguments: Any, **keywords: Any) -> Any:
        if is_model(operation):
            return walk(operation, call, *arguments)
        if "training" in inspect.signature(operation.call).parameters:
            keywords["training"] = False  # explicit, as some layers default to True
        return call(operation, *arguments, **keywords)

    graph = keras.Model(model.inputs, model.outputs) if isinstance(model, keras.Sequential) else model
    return run_graph(graph, inputs, call_flat)


def float64(array: Any) -> NDArray[np.float64]:
    """Return a weight as float64, in which weights are combined, so that the result is rounded once."""
    return np.asarray(array, np.float64)
