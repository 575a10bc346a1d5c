"""What can be exported. A row is all that the command line, the gates and the file names know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.parity import Gate

FLOAT32_DIFFERENCE = 1e-5
"""Largest difference of a probability that reordered float32 sums explain: almost three times the largest
over five trainings of the default network (3.6e-6, benchmarks/exports.py). A network with large logits is
allowed more: see `fmnist_runtime.parity.Gate.allowing`."""
INTEGER_LEVEL = 1 / 256
"""What int8-full's softmax counts in (https://ai.google.dev/edge/litert/models/quantization_spec). Where
scores are float, a hidden unit that is rounded the other way moves a probability p about as much: on the
default network by its scale 0.06, a weight of 0.3 and p·(1 − p) = 0.16, so 0.003."""


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
    tolerance: float
    """How far a probability may be from the artifact's own on another machine."""
    description: str
    """What is stored and computed in which type."""

    def artifact_path(self, model: str, folder: Path) -> Path:
        """Where the artifact of a model goes: ``<folder>/<model>-<scheme>.<suffix>``."""
        return folder / f"{model}-{self.scheme}.{self.format}"


# Gates: a float32 artifact computes the same sums, so it must agree to rounding; float16 and int8
# weights cost a few images either way; the fewer floats remain, the more the scores tie.
# The least agreement is far below what sound artifacts have; it tells when accuracy does not.
_FLOAT32, _FLOAT16 = Gate(0.001, FLOAT32_DIFFERENCE, 0.99), Gate(0.003, min_agreement=0.99)
_DYNAMIC, _INT8 = Gate(0.003, min_agreement=0.95), Gate(0.005, min_agreement=0.95)
_INT8_FULL = Gate(0.010, min_agreement=0.90)
_ROUNDING, _LEVEL = FLOAT32_DIFFERENCE, INTEGER_LEVEL
RECIPES = (
    Recipe("tflite", "float32", False, _FLOAT32, _ROUNDING, "float32 throughout"),
    Recipe("tflite", "float16", False, _FLOAT16, _ROUNDING, "float16 weights, float32 arithmetic"),
    Recipe("tflite", "dynamic", False, _DYNAMIC, _LEVEL, "int8 weights, activations quantised as they come"),
    Recipe(
        "tflite", "int8", True, _INT8, _LEVEL, "int8 input and hidden layers, float32 last layer, softmax"
    ),
    Recipe("tflite", "int8-full", True, _INT8_FULL, _LEVEL, "int8 throughout, for integer-only hardware"),
    Recipe("onnx", "float32", False, _FLOAT32, _ROUNDING, "float32 throughout"),
    Recipe("onnx", "int8", True, _INT8, _LEVEL, "int8 hidden layers, float32 input, last layer, softmax"),
    Recipe("npz", "float32", False, _FLOAT32, _ROUNDING, "float32, dense layers for NumPy alone"),
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
