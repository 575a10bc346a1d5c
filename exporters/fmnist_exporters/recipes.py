"""What can be exported. A row is all that the command line, the gates and the file names know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.parity.gates import FLOAT32_DIFFERENCE, Gate, default_gate

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
    tolerance: float
    """How far a probability may be from the artifact's own on another machine."""
    description: str
    """What is stored and computed in which type."""
    module: str = ""
    """Module of the converter, where it is not ``fmnist_exporters.formats.<format>``."""

    @property
    def gate(self) -> Gate:
        """How far from the original its artifact may be, unless the user says otherwise."""
        return default_gate(self.scheme)

    def artifact_path(self, model: str, folder: Path) -> Path:
        """Where the artifact of a model goes: ``<folder>/<model>-<scheme>.<suffix>``."""
        return folder / f"{model}-{self.scheme}.{self.format}"


_ROUNDING, _LEVEL = FLOAT32_DIFFERENCE, INTEGER_LEVEL
RECIPES = (
    Recipe("tflite", "float32", False, _ROUNDING, "float32 throughout"),
    Recipe("tflite", "float16", False, _ROUNDING, "float16 weights, float32 arithmetic"),
    Recipe("tflite", "dynamic", False, _LEVEL, "int8 weights, activations quantised as they come"),
    Recipe("tflite", "int8", True, _LEVEL, "int8 input and hidden layers, float32 last layer, softmax"),
    Recipe("tflite", "int8-full", True, _LEVEL, "int8 throughout, for integer-only hardware"),
    Recipe("onnx", "float32", False, _ROUNDING, "float32 throughout"),
    Recipe("onnx", "int8", True, _LEVEL, "int8 hidden layers, float32 input, last layer, softmax"),
    Recipe("npz", "float32", False, _ROUNDING, "float32, dense layers for NumPy alone"),
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
