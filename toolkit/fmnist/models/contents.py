"""The contents of a model file: layers, operators, tensors and weights with statistics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.results.write import OPTIONAL

Shape = tuple[int | None, ...]
"""Sizes of a tensor's dimensions; None for a variable size, such as the batch."""


@dataclass(frozen=True)
class InspectedLayer:
    """A layer of a Keras model."""

    name: str
    """Its name in the model."""
    kind: str
    """Its class."""
    output_shape: Shape
    """Shape of its output; empty if there are several."""
    parameters: int
    """Number of its weights."""


@dataclass(frozen=True)
class InspectedTensor:
    """An input, output or intermediate tensor."""

    name: str
    """Its name in the file."""
    role: str
    """``input``, ``output`` or ``inner``."""
    shape: Shape
    """Its shape."""
    dtype: str
    """Type of its elements."""
    scales: tuple[float, ...]
    """Scales, one per channel or one for all; empty if it is not quantised."""
    zero_points: tuple[int, ...]
    """Zero points, like the scales."""


@dataclass(frozen=True)
class InspectedOperator:
    """A step of the computation."""

    number: int
    """Its place in the order of computation, from 0."""
    kind: str
    """Its name in the format."""
    output: str
    """Name of its first output; empty if it has none."""
    shape: Shape
    """Shape of that output; empty if there is none, or it is unknown."""
    weight_bytes: int
    """Bytes of its constants. A shared constant counts for the first operator that uses it."""


@dataclass(frozen=True)
class InspectedWeight:
    """An array in the file, with statistics over its elements as they are stored."""

    name: str
    """Its name in the file."""
    shape: tuple[int, ...]
    """Its shape."""
    dtype: str
    """Type of its elements."""
    minimum: float
    """Smallest element; like the next three, NaN or infinite if an element is, after a failed training."""
    maximum: float
    """Largest element; may be NaN or infinite."""
    mean: float
    """Mean of the elements; may be NaN or infinite."""
    deviation: float
    """Their standard deviation; may be NaN."""
    zeros: float
    """Share of elements that are 0, from 0 to 1."""
    scales: tuple[float, ...]
    """As for a tensor."""
    zero_points: tuple[int, ...]
    """As for a tensor."""
    values: NDArray[Any] | None = field(metadata=OPTIONAL)
    """The elements; only with ``--weights``."""


@dataclass(frozen=True)
class ModelContents:
    """Everything in a model file, as far as the format and the installed packages show it."""

    layers: tuple[InspectedLayer, ...]
    """Layers of a Keras model; empty for other formats."""
    operators: tuple[InspectedOperator, ...] | None
    """Operators of an artifact; empty for a Keras model; None like the weights."""
    tensors: tuple[InspectedTensor, ...]
    """Input and output; for an artifact also known intermediate tensors."""
    weights: tuple[InspectedWeight, ...] | None
    """Weights and other constants, with ``values`` only with ``--weights``; None if the package that reads
    them is not installed."""


def measure_weight(
    name: str, values: NDArray[Any], scales: Iterable[float] = (), zero_points: Iterable[int] = ()
) -> InspectedWeight:
    """Return an array with statistics of its elements, computed in float64.

    The values are numbers of any type and shape, at least one.
    """
    numbers = values.astype(np.float64)
    with np.errstate(invalid="ignore"):  # weights of a failed training may be NaN or infinite
        return InspectedWeight(
            name=name,
            shape=values.shape,
            dtype=str(values.dtype),
            minimum=float(numbers.min()),
            maximum=float(numbers.max()),
            mean=float(numbers.mean()),
            deviation=float(numbers.std()),
            zeros=float((numbers == 0).mean()),
            scales=tuple(float(scale) for scale in scales),
            zero_points=tuple(int(point) for point in zero_points),
            values=values,
        )


def is_measurable(values: NDArray[Any]) -> bool:
    """Return whether an array holds numbers; foreign files have texts and empty arrays as constants."""
    return values.size > 0 and values.dtype.kind not in "OSU"
