"""Operators that a format does not have."""

from __future__ import annotations

import keras

from fmnist_runtime.errors import UnsupportedError

_LOOPS = ("While", "StatelessWhile", "Loop", "TensorList", "TensorArray")
"""How operators begin that TensorFlow computes a loop with."""
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "XlaLaunch")
"""What runs a function that was compiled, whatever is in it."""
_CONDITIONS = ("If", "StatelessIf", "Case", "StatelessCase")


def unsupported(node: str, operator: str, format: str, model: keras.Model) -> UnsupportedError:
    """The error for an operator that cannot be converted.

    Args:
        node: Name of its node in the graph, which begins with the layer's; empty when not known.
        operator: Its name in TensorFlow.
        format: Name of the format, as people write it.
        model: The model that was to be converted.
    """
    layer = node.split("/")[0]
    kind = next((type(found).__name__ for found in model.operations if found.name == layer), "")
    what = f"layer {layer!r}{f' ({kind})' if kind else ''}"
    if operator.startswith(_LOOPS):
        return UnsupportedError(
            f"{what} computes in a loop that cannot be unrolled, and {format} has no operator for such; give "
            "it a fixed number of steps, or replace the layer"
        )
    if operator in _CONDITIONS:
        return UnsupportedError(
            f"{what} decides by its input what to compute, and {format} has no operator for that; replace "
            "the layer"
        )
    if operator in _CALLS:
        return UnsupportedError(
            f"{what} computes by code that TensorFlow compiles for itself, and {format} has no operator for "
            "that; replace the layer"
        )
    return UnsupportedError(f"{what} uses {operator}, which {format} has no operator for; replace the layer")
