"""Each kind of attack by an .onnx file: refused in one line, before the engine sees it or by the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.attacks import refused
from support.foreign_onnx import onnx_models

from fmnist_runtime import load
from fmnist_runtime.errors import ModelError


def refuse(tmp_path: Path, model: onnx.ModelProto, complaint: str) -> None:
    refused(tmp_path / "model.onnx", model.SerializeToString(), complaint)


def honest() -> onnx.ModelProto:
    return onnx.ModelProto.FromString(onnx_models()[-2])


def external() -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def test_weights_in_another_file(tmp_path):
    """Wherever a tensor may be: nothing of this computer is read because a file says so."""
    line = r"its weights are in the file '/etc/passwd', and only a file beside the model is read"
    model = honest()
    model.graph.initializer.append(external())
    refuse(tmp_path, model, line)
    model = honest()
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=external()))
    refuse(tmp_path, model, line)
    model = honest()
    model.graph.sparse_initializer.add().values.CopyFrom(external())
    refuse(tmp_path, model, line)
    model = honest()
    inner = helper.make_graph([], "inner", [], [], [external()])
    model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))
    refuse(tmp_path, model, line)
    model = honest()
    node = helper.make_node("Constant", [], ["c"], value=external())
    model.functions.append(helper.make_function("d", "f", [], ["c"], [node], []))
    refuse(tmp_path, model, line)


@pytest.mark.parametrize("name", ["Loop", "Scan", "SequenceMap"])
def test_loops(tmp_path, name):
    model = honest()
    model.graph.node.add(op_type=name)
    refuse(tmp_path, model, f"it has a {name}, which no image classifier needs")


def test_graphs_inside_of_graphs(tmp_path):
    inner = helper.make_graph([], "inner", [], [])
    for _ in range(20):
        inner = helper.make_graph([helper.make_node("If", ["c"], ["d"], then_branch=inner)], "g", [], [])
    model = honest()
    model.graph.node.extend(inner.node)
    refuse(tmp_path, model, "graphs inside of graphs, more than 8 deep")


def test_a_billion_laughs(tmp_path):
    """Ten functions, each of which calls the next ten times."""
    model = honest()
    for number in range(10):
        calls = [helper.make_node(f"f{number + 1}", ["x"], [f"y{n}"], domain="d") for n in range(10)]
        model.functions.append(helper.make_function("d", f"f{number}", ["x"], ["y0"], calls, []))
    model.graph.node.append(helper.make_node("f0", ["image"], ["laugh"], domain="d"))
    refuse(tmp_path, model, "more than 100,000 nodes, once its functions are written out")


def test_a_function_that_calls_itself(tmp_path):
    model = honest()
    for name, other in (("f", "g"), ("g", "f")):
        call = helper.make_node(other, ["x"], ["y"], domain="d")
        model.functions.append(helper.make_function("d", name, ["x"], ["y"], [call], []))
    model.graph.node.append(helper.make_node("f", ["image"], ["laugh"], domain="d"))
    refuse(tmp_path, model, "call each other too deeply, or themselves")


@pytest.mark.parametrize(
    ("dims", "complaint"),
    [
        ([1 << 40], "a tensor of shape 1099511627776 has 144 bytes"),
        ([-4], "a tensor of shape -4"),
        ([4, 9, 2], "has"),
    ],
)
def test_weights_of_another_length(tmp_path, dims, complaint):
    model = honest()
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    del kernel.dims[:]
    kernel.dims.extend(dims)
    refuse(tmp_path, model, complaint)


@pytest.mark.parametrize(
    ("inputs", "constant", "complaint"),
    [
        (["image", "", "cut"], np.float32([1, 1, -1e-28, 1]), "a Resize by 1.0×1.0×-"),
        (["image", "", "cut"], np.float32([1, 1, 1e-11, 1]), "a Resize by 1.0×1.0×"),
        (["image", "cut", "scales"], np.float32([0, 0, 1, 0, 1, 1, 0, 1]), "a Resize of the region"),
        (["image", "cut"], np.array([0, 0, 0, 0, 0, 0, -40, 0], np.int64), "a Pad by 0×0×0×0×0×0×-40×0"),
    ],
    ids=["negative scale", "no scale", "region", "crop"],
)
def test_what_would_have_fewer_than_no_pixels(tmp_path, inputs, constant, complaint):
    """ONNX Runtime aborts at a Slice of that."""
    model = honest()
    model.graph.initializer.append(numpy_helper.from_array(constant, "cut"))
    kind = "Pad" if len(inputs) == 2 else "Resize"
    model.graph.node.append(helper.make_node(kind, inputs, ["fewer"]))
    refuse(tmp_path, model, complaint)


def test_a_sparse_tensor_that_would_fill_the_memory(tmp_path):
    model = honest()
    sparse = model.graph.sparse_initializer.add()
    sparse.dims.extend([1 << 20, 1 << 20])
    refuse(tmp_path, model, "a sparse tensor of shape 1048576×1048576")


def test_a_tile_that_overflows(tmp_path):
    """Found by fuzzing: the engine's own assertion ended the process when it inferred the next shape."""
    model = onnx.ModelProto.FromString(onnx_models()[-1])
    repeats = next(tensor for tensor in model.graph.initializer if tensor.name == "repeats")
    repeats.raw_data = np.array([1, (1 << 63) - 1, 1], np.int64).tobytes()
    refuse(tmp_path, model, "a Tile by 1×9223372036854775807×1")


def test_no_end_of_classes(tmp_path):
    """Found by fuzzing: a name was made for each of a million million classes."""
    nodes = [helper.make_node("Reshape", ["image", "size"], ["scores"])]
    size = helper.make_tensor("size", TensorProto.INT64, [2], [-1, 1_000_000])
    ends = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 1_000_000]),
    ]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], [size])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(ModelError, match=r"has 1,000,000 classes, from 1 to 100,000 are possible"):
        load(path)


def test_what_it_takes_when_it_runs_is_bounded(tmp_path):
    """Six gigabytes of zeros: the engine is given 512 MB, and says itself that it needs more."""
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
        helper.make_node("Add", ["image", "zero"], ["scores"]),
    ]
    size = helper.make_tensor("size", TensorProto.INT64, [2], [40_000, 40_000])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("image", "scores")
    ]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], [size])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(ModelError, match=r"model\.onnx: "), load(path) as session:
        session.scores(np.zeros((1, 4), np.uint8))


def test_half_a_million_fields_are_no_message(tmp_path):
    refused(tmp_path / "model.onnx", b"\x08\x01" * 500_001, "a message of more than 500,000 fields")
