"""Operators that a format does not have."""

from __future__ import annotations

from fmnist_runtime.errors import UnsupportedError


def unsupported(node: str, operator: str, format: str) -> UnsupportedError:
    """The error for an operator that cannot be converted.

    Args:
        node: Name of its node in the graph, which begins with the layer's; empty when not known.
        operator: Its name in TensorFlow.
        format: Name of the format, as people write it.
    """
    layer = node.split("/")[0]
    return UnsupportedError(
        f"layer {layer!r} uses {operator}, which {format} has no operator for; replace the layer"
    )
