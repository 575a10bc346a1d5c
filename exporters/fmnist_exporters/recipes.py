"""The table of what can be exported; command line, gates and file names read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.parity.gates import FLOAT32_DIFFERENCE, Gate, default_gate

INTEGER_LEVEL = 1 / 256
"""Step of int8-full's softmax (https://ai.google.dev/edge/litert/models/quantization_spec). Where scores are
float, rounding one hidden unit the other way changes a probability p by about as much: on the default network
by its scale 0.06 times a weight of 0.3 times p·(1 − p) = 0.16, which is 0.003."""


@dataclass(frozen=True)
class Recipe:
    """One way to export a model."""

    format: str
    """File format and suffix."""
    scheme: str
    """Quantisation scheme."""
    calibrated: bool
    """Whether training images determine the ranges of the activations."""
    tolerance: float
    """Allowed difference of a probability when the artifact runs on another machine."""
    description: str
    """Types of what is stored and computed."""
    module: str = ""
    """Module of the converter; empty for ``fmnist_exporters.formats.<format>``."""

    @property
    def gate(self) -> Gate:
        """Default limits for the difference between artifact and original."""
        return default_gate(self.scheme)

    def artifact_path(self, model: str, folder: Path) -> Path:
        """Return the path of a model's artifact: ``<folder>/<model>-<scheme>.<suffix>``."""
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
    Recipe("c", "float32", False, _ROUNDING, "float32 throughout, C99 for any device"),
    Recipe("c", "int8", True, _LEVEL, "int8 hidden layers, float32 last layer, C99 for any device"),
)


def formats() -> tuple[str, ...]:
    """Return all formats that have a recipe."""
    return tuple(dict.fromkeys(recipe.format for recipe in RECIPES))


def schemes() -> tuple[str, ...]:
    """Return all schemes that have a recipe in some format."""
    return tuple(dict.fromkeys(recipe.scheme for recipe in RECIPES))


def select_recipes(format: str, scheme: str) -> list[Recipe]:
    """Return the recipes of a format and scheme, either of which may be ``all``; empty if none matches."""
    return [
        recipe for recipe in RECIPES if format in ("all", recipe.format) and scheme in ("all", recipe.scheme)
    ]
