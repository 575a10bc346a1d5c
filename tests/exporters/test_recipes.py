from __future__ import annotations

from pathlib import Path

import pytest

from fmnist_exporters.recipes import RECIPES, formats, gate_for, schemes, select_recipes
from fmnist_runtime.parity import Gate


def test_formats_and_schemes():
    assert formats() == ("tflite", "onnx", "npz")
    assert schemes() == ("float32", "float16", "dynamic", "int8", "int8-full")


@pytest.mark.parametrize(
    ("format", "scheme", "count"),
    [
        ("all", "all", 8),
        ("tflite", "all", 5),
        ("all", "float32", 3),
        ("onnx", "float32", 1),
        ("onnx", "int8", 1),
        ("npz", "int8", 0),
    ],
)
def test_selection(format, scheme, count):
    assert len(select_recipes(format, scheme)) == count


def test_file_names_are_distinct():
    paths = {recipe.artifact_path("model", Path("export")) for recipe in RECIPES}
    assert len(paths) == len(RECIPES)
    assert Path("export/model-int8.tflite") in paths


@pytest.mark.parametrize(
    ("format", "scheme", "points", "difference", "agreement"),
    [
        ("tflite", "float32", 0.1, 1e-5, 0.99),
        ("onnx", "float32", 0.1, 1e-5, 0.99),
        ("npz", "float32", 0.1, 1e-5, 0.99),
        ("tflite", "float16", 0.3, None, 0.99),
        ("tflite", "dynamic", 0.3, None, 0.95),
        ("tflite", "int8", 0.5, None, 0.95),
        ("onnx", "int8", 0.5, None, 0.95),
        ("tflite", "int8-full", 1.0, None, 0.9),
        ("tflite", "unknown", 0.5, None, 0.0),
    ],
)
def test_default_gates(format, scheme, points, difference, agreement):
    assert gate_for(format, scheme) == Gate(points / 100, difference, agreement)
