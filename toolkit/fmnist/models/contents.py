"""What a model file can hold: layers, operators, tensors and weights, with the weights' figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int | None, ...]
"""Sizes of a tensor's dimensions; None where the size is open, as that of the batch."""


@dataclass(frozen=True)
class InspectedLayer:
    """A layer of a Keras model."""

    name: str
    """Its name in the model."""
    kind: str
    """Its class."""
    output_shape: Shape
    """Shape of what it gives; empty when it gives several tensors."""
    parameters: int
    """Number of its weights."""


@dataclass(frozen=True)
class InspectedTensor:
    """A tensor that is computed, or fed."""

    name: str
    """Its name in the file."""
    role: str
    """``input``, ``output`` or ``inner``."""
    shape: Shape
    """Its shape."""
    dtype: str
    """Type of its elements."""
    scales: tuple[float, ...]
    """Scale, one for each channel or one for all; empty when it is not quantised."""
    zero_points: tuple[int, ...]
    """Zero points of the same."""


@dataclass(frozen=True)
class InspectedOperator:
    """A step of the computation."""

    number: int
    """Its place in the order of computation, from 0."""
    kind: str
    """What the format calls it."""
    output: str
    """Name of the tensor that it gives; the first of several, empty when it gives none."""
    shape: Shape
    """Shape of that tensor; empty when there is none, or it is not known."""
    weight_bytes: int
    """Bytes of the constants that it takes. One that several take counts for the first of them."""


@dataclass(frozen=True)
class WeightFigures:
    """An array that the file holds, by figures of its elements as they are stored."""

    name: str
    """Its name in the file."""
    shape: tuple[int, ...]
    """Its shape."""
    dtype: str
    """Type of its elements."""
    minimum: float
    """Least element; NaN or infinite, as the three below, where one is, after a failed training."""
    maximum: float
    """Greatest element; may be NaN or infinite."""
    mean: float
    """Mean of the elements; may be NaN or infinite."""
    deviation: float
    """Their standard deviation; may be NaN."""
    zeros: float
    """Share of elements that are 0, from 0 to 1."""
    scales: tuple[float, ...]
    """As of a tensor."""
    zero_points: tuple[int, ...]
    """As of a tensor."""


@dataclass(frozen=True)
class InspectedWeight(WeightFigures):
    """The same with the array itself."""

    values: NDArray[Any]
    """The elements."""

    @property
    def figures(self) -> WeightFigures:
        """The figures alone."""
        return WeightFigures(**{field.name: getattr(self, field.name) for field in fields(WeightFigures)})


@dataclass(frozen=True)
class ModelContents:
    """Everything a model file holds, as far as its format and what is installed tell."""

    layers: tuple[InspectedLayer, ...]
    """Layers of a Keras model; of the other formats none."""
    operators: tuple[InspectedOperator, ...] | None
    """Operators of an artifact, none of a Keras model; None as of the weights."""
    tensors: tuple[InspectedTensor, ...]
    """Input and output; of an artifact also what is between, as far as it is known."""
    weights: tuple[InspectedWeight, ...] | None
    """Weights and other constants; None when the package that reads them is not installed."""


def measure_weight(
    name: str, values: NDArray[Any], scales: Iterable[float] = (), zero_points: Iterable[int] = ()
) -> InspectedWeight:
    """An array with figures of its elements, worked out in float64.

    Args:
        name: What it is called.
        values: Numbers of any type and shape, at least one.
        scales: Its quantisation, if any.
        zero_points: The same.
    """
    numbers = values.astype(np.float64)
    with np.errstate(invalid="ignore"):  # weights of a failed training are NaN or infinite, and shown so
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
    """Whether an array holds numbers; others' files have texts and empty arrays among their constants."""
    return values.size > 0 and values.dtype.kind not in "OSU"
