"""What can be exported. A row is all that the command line, the gates and the file names know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.parity import Gate

FLOAT32_DIFFERENCE = 1e-5
"""Largest difference of a probability that reordered float32 sums explain: five times the largest
that was ever measured on this network (2.1e-6)."""

INTEGER_SCHEMES = ("dynamic", "int8", "int8-full")
INTEGER_LEVEL = 1 / 256
"""What int8-full's softmax counts in (https://ai.google.dev/edge/litert/models/quantization_spec). Of the
schemes with float scores, a hidden unit that is rounded the other way moves a probability by less."""


@dataclass(frozen=True)
class Recipe:
    """One way to export a model."""

    format: str
    """File format, which is also the file's suffix."""
    scheme: str
    """Quantisation scheme."""
    calibrated: bool
    """Whether training images are run to find the range of the activations."""
    gate: Gate
    """How far from the original its artifact may be, unless the user says otherwise."""
    description: str
    """What is stored and computed in which type."""

    @property
    def tolerance(self) -> float:
        """How far a probability may be from the artifact's own on another machine.

        Of integer schemes one quantisation level of a probability, of float ones rounding.
        """
        return INTEGER_LEVEL if self.scheme in INTEGER_SCHEMES else FLOAT32_DIFFERENCE

    def artifact_path(self, model: str, folder: Path) -> Path:
        """Where the artifact of a model goes: ``<folder>/<model>-<scheme>.<suffix>``."""
        return folder / f"{model}-{self.scheme}.{self.format}"


# Gates: a float32 artifact computes the same sums, so it must agree to rounding; float16 and int8
# weights cost a few images either way; the fewer floats remain, the more the scores tie.
RECIPES = (
    Recipe("tflite", "float32", False, Gate(0.001, FLOAT32_DIFFERENCE), "float32 throughout"),
    Recipe("tflite", "float16", False, Gate(0.003), "float16 weights, float32 arithmetic"),
    Recipe("tflite", "dynamic", False, Gate(0.003), "int8 weights, activations quantised as they come"),
    Recipe(
        "tflite", "int8", True, Gate(0.005), "int8 input and hidden layers, last layer and softmax float32"
    ),
    Recipe("tflite", "int8-full", True, Gate(0.010), "int8 throughout, for integer-only hardware"),
    Recipe("onnx", "float32", False, Gate(0.001, FLOAT32_DIFFERENCE), "float32 throughout"),
    Recipe("onnx", "int8", True, Gate(0.005), "int8 input and hidden layers, last layer and softmax float32"),
    Recipe("npz", "float32", False, Gate(0.001, FLOAT32_DIFFERENCE), "float32, dense layers for NumPy alone"),
)


def formats() -> tuple[str, ...]:
    """Every format there is a recipe for."""
    return tuple(dict.fromkeys(recipe.format for recipe in RECIPES))


def schemes() -> tuple[str, ...]:
    """Every scheme there is a recipe for, in some format."""
    return tuple(dict.fromkeys(recipe.scheme for recipe in RECIPES))


def select_recipes(format: str, scheme: str) -> list[Recipe]:
    """The recipes of a format and scheme, either of which may be ``all``; empty when none fits."""
    return [
        recipe for recipe in RECIPES if format in ("all", recipe.format) and scheme in ("all", recipe.scheme)
    ]


def position(format: str, scheme: str) -> int | None:
    """Where a format and scheme stand in the table; None when they do not."""
    for number, recipe in enumerate(RECIPES):
        if (recipe.format, recipe.scheme) == (format, scheme):
            return number
    return None


def gate_for(format: str, scheme: str) -> Gate:
    """The default gate of a format and scheme.

    For a file of unknown scheme the accuracy gate of int8, the coarsest that is shipped for its accuracy.
    """
    for recipe in select_recipes(format, scheme):
        return recipe.gate
    return Gate(0.005)
