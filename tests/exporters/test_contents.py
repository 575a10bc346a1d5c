"""What a scheme made of a model: nothing, which is refused, or a larger file, which is said."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from support.artifacts import BY_NAME

from fmnist_exporters.formats import converter
from fmnist_exporters.original.classifier import as_classifier
from fmnist_exporters.proof import contents_of, require_quantised, size_notes
from fmnist_exporters.recipes import Recipe
from fmnist_runtime.errors import UnsupportedError


def convert(model: keras.Model, format: str, scheme: str, folder: Path) -> tuple[Path, Recipe]:
    recipe = BY_NAME[format, scheme]
    images = np.random.default_rng(0).integers(0, 256, (8, *model.input_shape[1:]), np.uint8)
    path = recipe.artifact_path("m", folder)
    path.write_bytes(
        converter(format).convert(as_classifier(model), scheme, images if recipe.calibrated else None)
    )
    return path, recipe


def small() -> keras.Model:
    """Layers of 72, 128 and 160 weights, with 24 biases; those of the last, all 0, TFLite leaves out."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Conv2D(16, 1, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def test_dynamic_that_leaves_all_in_float_is_refused(tmp_path):
    path, recipe = convert(small(), "tflite", "dynamic", tmp_path)
    with pytest.raises(UnsupportedError) as caught:
        require_quantised(path, recipe, Path("out/m-dynamic.tflite"))
    assert str(caught.value) == (
        "out/m-dynamic.tflite: nothing of it can be quantised as dynamic: all layers have fewer than 1,024 "
        "weights; use float32 or int8"
    )


def test_int8_of_a_single_layer_is_refused(tmp_path):
    keras.utils.set_random_seed(0)
    linear = keras.Sequential([keras.Input((4, 4)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    path, recipe = convert(linear, "onnx", "int8", tmp_path)
    with pytest.raises(UnsupportedError, match="nothing of it can be quantised as int8: onnx has integers"):
        require_quantised(path, recipe, path)


@pytest.mark.parametrize(
    ("scheme", "contents"),
    [
        ("float32", "all weights float32, operators float"),
        ("float16", "all weights float16, operators float"),
        ("int8-full", "93% of weights int8, operators integer"),
    ],
)
def test_what_is_in_the_file(scheme, contents, tmp_path):
    path, recipe = convert(small(), "tflite", scheme, tmp_path)
    assert contents_of(path, recipe) == contents
    assert require_quantised(path, recipe, path)["largest"] == 160


def recurrent() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.LSTM(24),
            layers.Dense(16, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def test_int8_that_is_larger_than_float32_is_said(tmp_path):
    """ONNX Runtime's quantiser leaves an LSTM's weights in float32 and adds what is around them."""
    float32, _ = convert(recurrent(), "onnx", "float32", tmp_path)
    int8, recipe = convert(recurrent(), "onnx", "int8", tmp_path)
    sizes = f"{int8.stat().st_size:,} bytes to {float32.stat().st_size:,}"
    [beside] = size_notes({int8: recipe})
    assert beside.startswith(f"{int8}: is larger than m-float32.onnx, {sizes}: 89% of ")
    assert size_notes({float32: BY_NAME["onnx", "float32"], int8: recipe}) == [beside]
    float32.unlink()
    assert size_notes({int8: recipe}) == []  # its weights are no larger, and nothing else is known


def test_int8_that_is_smaller_is_not_said(tmp_path):
    keras.utils.set_random_seed(0)
    dense = keras.Sequential(
        [keras.Input((28, 28)), layers.Flatten(), layers.Dense(32, activation="relu"), layers.Dense(10)]
    )
    made = dict(convert(dense, "onnx", scheme, tmp_path) for scheme in ("float32", "int8"))
    assert size_notes(made) == []
