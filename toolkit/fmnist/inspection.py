"""What is in a model file: layers, tensors, weights, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.models import ModelFile, describe, open_model
from fmnist.runs import Run, run_of
from fmnist.weights import initial_weights
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.errors import needs_extra
from fmnist_runtime.sessions.base import Session

Shape = tuple[int | None, ...]
"""Sizes of a tensor's dimensions; None where the size is open, as that of the batch."""


@dataclass(frozen=True)
class Layer:
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
class Tensor:
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
class Weight:
    """An array that the file holds, with figures of its elements as they are stored."""

    name: str
    """Its name in the file."""
    shape: tuple[int, ...]
    """Its shape."""
    dtype: str
    """Type of its elements."""
    minimum: float
    """Least element."""
    maximum: float
    """Greatest element."""
    mean: float
    """Mean of the elements."""
    deviation: float
    """Their standard deviation."""
    zeros: float
    """Share of elements that are 0, from 0 to 1."""
    scales: tuple[float, ...]
    """As of a tensor."""
    zero_points: tuple[int, ...]
    """As of a tensor."""
    values: NDArray[Any]
    """The elements."""


@dataclass(frozen=True)
class Inspection:
    """Everything that a model file tells."""

    model: ModelFile
    """Which file."""
    labels: tuple[str, ...]
    """Class names."""
    metadata: Metadata | None
    """What an artifact of ours says of itself."""
    layers: tuple[Layer, ...]
    """Layers of a Keras model; of the other formats none."""
    tensors: tuple[Tensor, ...]
    """Inputs and outputs; of a ``.tflite`` also what is between."""
    weights: tuple[Weight, ...] | None
    """Weights and constants; None when the package that reads them is not installed."""
    initial: tuple[Weight, ...] | None
    """For a run's original its weights before training, where they were recorded."""


def inspect_model(path: Path) -> Inspection:
    """Read a model file.

    Raises:
        ModelError: The file is missing, damaged or not a classifier.
        ResultError: The run it lies in has damaged initial weights.
        MissingExtraError: What opens it is not installed.
    """
    with open_model(path) as session:
        readers = {"keras": _inspect_keras, "tflite": _inspect_tflite, "onnx": _inspect_onnx}
        return readers[session.info.format](session)


def inspection_body(inspection: Inspection, with_values: bool) -> dict[str, Any]:
    """The content of the result as JSON; the elements of weights only where they are wanted."""
    body = asdict(inspection)
    for weight in [*(body["weights"] or ()), *(body["initial"] or ())]:
        if not with_values:
            del weight["values"]
    return body


def measure_weight(
    name: str, values: NDArray[Any], scales: Iterable[float] = (), zero_points: Iterable[int] = ()
) -> Weight:
    """An array with figures of its elements, worked out in float64.

    Args:
        name: What it is called.
        values: Numbers of any type and shape, at least one.
        scales: Its quantisation, if any.
        zero_points: The same.
    """
    numbers = values.astype(np.float64)
    with np.errstate(invalid="ignore"):  # weights of a failed training are NaN or infinite, and shown so
        return Weight(
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


def _measurable(values: NDArray[Any]) -> bool:
    """Whether an array holds numbers; others' files have texts and empty arrays among their constants."""
    return values.size > 0 and values.dtype.kind not in "OSU"


def _inspect_keras(session: Session) -> Inspection:
    model: Any = session.model  # type: ignore[attr-defined]
    trained = {weight.path: np.asarray(weight) for weight in model.trainable_weights}
    run = run_of(session.info.path)
    initial = None
    if run and session.info.path.name == run.model.name:
        initial = initial_weights(Run(session.info.path.parent), trained)
    ends = (("input", model.inputs[0]), ("output", model.outputs[0]))
    return Inspection(
        model=describe(session),
        labels=session.info.labels,
        metadata=None,
        layers=tuple(
            Layer(
                layer.name,
                type(layer).__name__,
                tuple(getattr(layer.output, "shape", ())),
                layer.count_params(),
            )
            for layer in model.layers
        ),
        tensors=tuple(
            Tensor(end.name, role, tuple(end.shape), str(end.dtype), (), ()) for role, end in ends
        ),
        weights=tuple(measure_weight(weight.path, np.asarray(weight)) for weight in model.weights),
        initial=tuple(measure_weight(*item) for item in initial.items()) if initial else None,
    )


def _inspect_tflite(session: Session) -> Inspection:
    from fmnist_runtime.sessions.tflite import open_unallocated

    interpreter = open_unallocated(session.info.path)
    roles = {detail["index"]: "input" for detail in interpreter.get_input_details()}
    roles |= {detail["index"]: "output" for detail in interpreter.get_output_details()}
    tensors, weights = [], []
    for detail in interpreter.get_tensor_details():
        quantisation = detail["quantization_parameters"]
        scales = tuple(float(scale) for scale in quantisation["scales"])
        zero_points = tuple(int(point) for point in quantisation["zero_points"])
        try:
            values = np.array(interpreter.get_tensor(detail["index"]))
        except ValueError:  # nothing is allocated, so this is no constant
            shape = tuple(None if size == -1 else int(size) for size in detail["shape_signature"])
            dtype = np.dtype(detail["dtype"]).name
            role = roles.get(detail["index"], "inner")
            tensors.append(Tensor(detail["name"], role, shape, dtype, scales, zero_points))
        else:
            if _measurable(values):
                weights.append(measure_weight(detail["name"], values, scales, zero_points))
    return Inspection(
        model=describe(session),
        labels=session.info.labels,
        metadata=session.info.metadata,
        layers=(),
        tensors=tuple(tensors),
        weights=tuple(weights),
        initial=None,
    )
