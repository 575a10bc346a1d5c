"""What can be known of a tensor before a TFLite graph is run, and of the operator that makes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from fmnist_runtime.safety.tflite.graph import Operator

Shape = tuple[int, ...]


class Known(NamedTuple):
    """What is known of a tensor before the graph is run."""

    shape: Shape | None
    """Its shape; None where that is not certain."""
    most: int
    """Most elements that it can have."""
    values: Shape | None = None
    """Its elements, of a short list of whole numbers that no pixel decides."""


class Step(NamedTuple):
    """An operator, with what is known of its inputs."""

    operator: Operator
    """The operator."""
    inputs: tuple[Known, ...]
    """What is known of those that are not left out."""

    def option(self, field: int, kind: str = "i", default: int = 0) -> int:
        """An option of the operator."""
        return self.operator.options.number(field, kind, default) if self.operator.options else default

    def sizes(self, place: int) -> Shape:
        """Values of an input that decides a shape.

        Raises:
            ValueError: They are not known.
        """
        values = self.inputs[place].values if place < len(self.inputs) else None
        if values is None:
            raise ValueError(
                f"a {self.operator.name} whose size is computed; convert the model with a fixed batch"
            )
        return values


Rule = Callable[[Step], Known]
"""Tells what an operator makes. What it may raise but ValueError is ArithmeticError and LookupError."""


def of_shape(shape: Shape, values: Shape | None = None) -> Known:
    """A tensor whose shape is certain."""
    return Known(shape, math.prod(max(size, 0) for size in shape), values)


def same(step: Step) -> Known:
    """As its first input, which all operators are that have no rule of their own."""
    return step.inputs[0]


def no_larger(step: Step) -> Known:
    """No larger than its largest input."""
    return Known(None, max(known.most for known in step.inputs))
