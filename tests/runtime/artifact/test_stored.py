"""What a file holds, whatever its scheme promises."""

from __future__ import annotations

import numpy as np
import pytest
from support import TINY

from fmnist_runtime.artifact.stored import read_stored_types

EXPORT = TINY / "export"
HIDDEN, LAST = 784 * 16 + 16, 16 * 10 + 10
"""Weights and biases of the tiny network's layers."""


def counts(name: str) -> dict[str, tuple[int, int]]:
    types = read_stored_types(EXPORT / name)
    return {entry.type: (entry.weights, entry.size_bytes) for entry in types.weights}


@pytest.mark.parametrize("suffix", ["tflite", "onnx", "npz"])
def test_float32_is_all_float32(suffix):
    types = read_stored_types(EXPORT / f"model-float32.{suffix}")
    assert types.is_float32
    assert types.summary == "all weights float32, operators float"
    assert counts(f"model-float32.{suffix}") == {"float32": (HIDDEN + LAST, 4 * (HIDDEN + LAST))}


@pytest.mark.parametrize(("name", "integer"), [("model-int8.tflite", "int8"), ("model-int8.onnx", "uint8")])
def test_int8_keeps_its_last_layer_in_float(name, integer):
    assert counts(name) == {
        integer: (784 * 16, 784 * 16),
        "float32": (LAST, 4 * LAST),
        "int32": (16, 64),  # biases of the hidden layer
    }
    types = read_stored_types(EXPORT / name)
    assert (types.integer_operators, types.float_operators) == (1, 2)  # hidden; last layer and softmax
    assert types.summary == f"98% of weights {integer}, 1 of 3 operators integer"
    assert sum(entry.share for entry in types.weights) == pytest.approx(1)


def test_int8_full_computes_in_integers_alone():
    types = read_stored_types(EXPORT / "model-int8-full.tflite")
    assert types.summary == "99% of weights int8, operators integer"


def test_operators_that_are_integers_by_their_names(tmp_path):
    """As other quantisers write them; what is about shapes is neither weight nor operator."""
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    values = {
        "kernel": np.ones((4, 3), np.int8),
        "zero": np.array(0, np.int8),
        "shape": np.array([-1, 4]),
        "indices": np.array([0, 1], np.int32),
        "scale": np.ones((3,), np.float16),
    }
    nodes = [
        helper.make_node("Reshape", ["image", "shape"], ["flat"]),
        helper.make_node("DynamicQuantizeLinear", ["flat"], ["bytes", "step", "point"]),
        helper.make_node("MatMulInteger", ["bytes", "kernel", "point", "zero"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["floats"], to=types.FLOAT16),
        helper.make_node("Mul", ["floats", "scale"], ["logits"]),
        helper.make_node("Gather", ["logits", "indices"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("image", types.FLOAT, [1, 2, 2])],
        [helper.make_tensor_value_info("scores", types.FLOAT16, [1, 2])],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), path)
    stored = read_stored_types(path)
    assert {entry.type: entry.weights for entry in stored.weights} == {"int8": 13, "float16": 3}
    assert stored.summary == "81% of weights int8, 1 of 2 operators integer"


def test_of_what_cannot_be_read_nothing_is_told(tmp_path):
    for name in ("model.tflite", "model.onnx", "model.npz", "model.keras"):
        (tmp_path / name).write_bytes(b"nothing of the kind, and no graph")
        assert read_stored_types(tmp_path / name) is None
    (tmp_path / "empty.onnx").touch()
    assert read_stored_types(tmp_path / "empty.onnx") is None
