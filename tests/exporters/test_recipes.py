from __future__ import annotations

from pathlib import Path

import pytest

from fmnist_exporters.recipes import RECIPES, formats, schemes, select_recipes


def test_formats_and_schemes():
    assert formats() == ("tflite", "onnx", "npz", "c")
    assert schemes() == ("float32", "float16", "dynamic", "int8", "int8-full")


@pytest.mark.parametrize(
    ("format", "scheme", "count"),
    [
        ("all", "all", 10),
        ("tflite", "all", 5),
        ("all", "float32", 4),
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
