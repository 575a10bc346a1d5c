"""What the installed ONNX Runtime refuses is said in its terms, but in one line with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from fmnist_runtime import load
from fmnist_runtime.errors import ModelError


def write(
    path: Path, ir_version: int = 8, opset: int = 17, operator: str = "Softmax", domain: str = ""
) -> Path:
    """A model of two operators, the second of which is named."""
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node(operator, ["flat"], ["scores"], domain=domain),
    ]
    ends = (
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 2, 5])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10])],
    )
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(helper.make_graph(nodes, "graph", *ends), opset_imports=opsets)
    model.ir_version = ir_version
    onnx.save(model, path)
    return path


def told(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load(path)
    line = str(caught.value)
    assert len(line) < len(str(path)) + 200
    return line.removeprefix(f"{path}: ")


def test_a_newer_ir_version(tmp_path):
    line = told(write(tmp_path / "m.onnx", ir_version=99))
    found = re.fullmatch(
        r"has IR version 99, onnxruntime \S+ reads up to (\d+); run: pip install --upgrade onnxruntime, or "
        r"save the model with model\.ir_version = (\d+)",
        line,
    )
    assert found
    assert found[1] == found[2]
    load(write(tmp_path / "n.onnx", ir_version=int(found[1]))).close()


def test_a_newer_opset(tmp_path):
    line = told(write(tmp_path / "m.onnx", opset=99))
    found = re.fullmatch(
        r"has opset 99 of ai\.onnx, onnxruntime \S+ reads up to (\d+); run: pip install --upgrade "
        r"onnxruntime, or save the model with opset (\d+)",
        line,
    )
    assert found
    load(write(tmp_path / "n.onnx", opset=int(found[2]))).close()


@pytest.mark.parametrize(("operator", "domain", "name"), [("Nope", "", "Nope"), ("Mine", "my", "my:Mine")])
def test_an_operator_that_the_engine_has_not(tmp_path, operator, domain, name):
    line = told(write(tmp_path / "m.onnx", operator=operator, domain=domain))
    assert re.fullmatch(
        rf"has the operator {name}, which onnxruntime \S+ does not know; convert the model without it", line
    )
