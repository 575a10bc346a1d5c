"""The time of each operator, where the engine tells."""

from __future__ import annotations

import itertools
import json
import math
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import TINY

from fmnist_runtime import load
from fmnist_runtime.engines import plan
from fmnist_runtime.engines.onnx import unbounded_optimizers
from fmnist_runtime.errors import ModelError, OutputError, ShapeError
from fmnist_runtime.timing import operators
from fmnist_runtime.timing.operators import profile_operators

EXPORT = TINY / "export"
FLOAT32, NPZ = EXPORT / "model-float32.onnx", EXPORT / "model-float32.npz"
WARM_UP = 50
KERNEL = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
IMAGES = np.random.default_rng(1).integers(0, 256, (2, 2, 3), np.uint8)


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Where temporary files go; empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def foreign(path: Path, *nodes: onnx.NodeProto) -> Path:
    """A model of someone else's, from images ``x`` to scores ``y``, with weights ``w`` of 6×3."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 2, 3))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 3))],
        [numpy_helper.from_array(KERNEL, "w"), numpy_helper.from_array(np.array(True), "yes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def clock(monkeypatch, microseconds: Iterator[int]) -> None:
    """Let layers take so long, one after the other."""

    def readings() -> Iterator[int]:
        now = 0
        for took in microseconds:
            yield now
            now += took * 1000
            yield now

    monkeypatch.setattr(operators, "_CLOCK", readings().__next__)


# ONNX Runtime


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_the_operators_are_those_the_engine_makes_of_the_file(scheme, t10k, tmp_path):
    """It writes down the graph that it runs after its optimisation, if it is asked to."""
    path = EXPORT / f"model-{scheme}.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(
        str(path), options, ["CPUExecutionProvider"], disabled_optimizers=unbounded_optimizers()
    )
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    profile = profile_operators(path, t10k.images[:1])
    assert profile is not None
    listed = [(operator.name, operator.kind) for operator in profile.operators]
    assert sorted(listed) == sorted((node.name, node.op_type) for node in nodes)
    assert listed[-1] == ("probabilities/probabilities_1/Softmax", "Softmax")


def test_a_profile_of_the_float32_model(t10k):
    profile = profile_operators(FLOAT32, t10k.images[:3], inferences=20)
    assert profile is not None
    assert [operator.kind for operator in profile.operators] == ["Reshape", "FusedGemm", "Gemm", "Softmax"]
    in_file = {node.name for node in onnx.load(FLOAT32).graph.node}
    assert {operator.name.removeprefix("fused ") for operator in profile.operators} <= in_file
    assert profile.inferences == 20
    assert all(operator.mean_us >= 0 for operator in profile.operators)
    total = math.fsum(operator.mean_us for operator in profile.operators)
    for operator in profile.operators:
        assert operator.share == pytest.approx(operator.mean_us / total, rel=1e-12)  # a few roundings of 2⁻⁵³
    assert re.fullmatch(
        r"profiling makes an inference take \d+\.\d µs instead of \d+\.\d; a part of that is in these "
        "figures, about as much for each operator, so small operators take less time than shown; the "
        "profiler counts whole µs",
        profile.note,
    )


@pytest.mark.parametrize("images", [1, 32])
def test_each_inference_takes_the_whole_batch(images, t10k, monkeypatch):
    """A Gemm's work is its rows times its weights; the profiler tells the shapes that it ran on."""
    events = []

    def read(profile: Path) -> object:
        events.extend(json.loads(profile.read_text("utf-8")))
        return original(profile)

    original = operators._read_profile
    monkeypatch.setattr(operators, "_read_profile", read)
    profile_operators(FLOAT32, t10k.images[:images], inferences=4)
    shapes = [
        event["args"]["input_type_shape"][0]["float"]
        for event in events
        if event["name"].endswith("_kernel_time") and event["args"]["op_name"] == "FusedGemm"
    ]
    assert shapes == [[images, 784]] * (WARM_UP + 4)


def test_a_node_without_a_name_has_the_engines(tmp_path):
    nodes = (
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["logits"], name='a "name"'),
        helper.make_node("Softmax", ["logits"], ["y"]),
    )
    profile = profile_operators(foreign(tmp_path / "m.onnx", *nodes), IMAGES, input_range="0-255")
    assert profile is not None
    assert [operator.name for operator in profile.operators] == ["Flatten_0", 'a "name"', "Softmax_2"]


def test_the_time_of_a_branch_counts_once(tmp_path):
    """An If takes as long as the nodes in it, which are told themselves."""
    output = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    branches = [
        helper.make_graph([helper.make_node(kind, ["logits"], ["z"], name=kind)], kind, [], output)
        for kind in ("Softmax", "Sigmoid")
    ]
    nodes = (
        helper.make_node("Flatten", ["x"], ["flat"], name="flatten"),
        helper.make_node("ReduceMax", ["flat"], ["most"], name="most", keepdims=0),
        helper.make_node("Cast", ["most"], ["bright"], name="cast", to=TensorProto.BOOL),
        helper.make_node("Gemm", ["flat", "w"], ["logits"], name="gemm"),
        helper.make_node(
            "If", ["bright"], ["y"], name="if", then_branch=branches[0], else_branch=branches[1]
        ),
    )
    profile = profile_operators(foreign(tmp_path / "m.onnx", *nodes), IMAGES, input_range="0-255")
    assert profile is not None
    kinds = {operator.kind for operator in profile.operators}
    assert kinds == {"Flatten", "ReduceMax", "Cast", "Gemm", "Softmax"}


def test_nothing_is_left_of_a_profile(temporary, t10k):
    assert profile_operators(FLOAT32, t10k.images[:1], inferences=2) is not None
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_of_one_that_is_interrupted(temporary):
    def interrupt(session: object) -> None:
        [folder] = temporary.iterdir()
        assert len(list(folder.iterdir())) == 1  # the engine has begun to write
        raise KeyboardInterrupt

    with load(FLOAT32) as session, pytest.raises(KeyboardInterrupt):
        operators._record_onnx(session.info, interrupt)
    assert list(temporary.iterdir()) == []


def test_a_profile_that_is_gone_is_told(temporary):
    def sweep(session: object) -> None:
        [profile] = temporary.rglob("*.json")
        profile.unlink()

    with load(FLOAT32) as session, pytest.raises(ModelError) as caught:
        operators._record_onnx(session.info, sweep)
    version = f"onnxruntime {onnxruntime.__version__}"
    assert str(caught.value).startswith(
        f"{FLOAT32}: the profile that {version} made cannot be read ([Errno 2]"
    )


def test_a_profile_larger_than_memory_is_not_read(temporary, t10k, monkeypatch):
    monkeypatch.setattr(operators, "_MAX_BYTES", 1000)
    with pytest.raises(ModelError, match=r"bytes, at most 1,000 are read; profile fewer inferences\)$"):
        profile_operators(FLOAT32, t10k.images[:1], inferences=2)
    assert list(temporary.iterdir()) == []


def test_no_folder_for_temporary_files_is_told(tmp_path, t10k, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(OutputError, match=r"has no folder for temporary files .*; name one in TMPDIR$"):
        profile_operators(FLOAT32, t10k.images[:1])


def test_a_file_that_has_become_another_is_checked_anew(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(FLOAT32.read_bytes())
    with load(path) as session:
        path.write_bytes(FLOAT32.read_bytes()[:-1])
        with pytest.raises(ModelError, match=r"m\.onnx: "):
            operators._record_onnx(session.info, lambda session: None)


# NumPy


def test_the_layers_on_numpy(monkeypatch, t10k):
    clock(monkeypatch, itertools.cycle([3, 1]))
    profile = profile_operators(NPZ, t10k.images[:1])
    assert profile is not None
    layers = [(layer.name, layer.kind, layer.mean_us, layer.share) for layer in profile.operators]
    assert layers == [("hidden_1", "dense relu", 3, 0.75), ("probabilities", "dense softmax", 1, 0.25)]
    assert profile.inferences == 200
    assert profile.note.endswith("; each layer's figure includes the cost of reading the clock")


def test_the_warm_up_is_left_out(monkeypatch, t10k):
    clock(monkeypatch, itertools.chain([100] * 2 * WARM_UP, itertools.cycle([3, 1])))
    profile = profile_operators(NPZ, t10k.images[:1], inferences=5)
    assert profile is not None
    assert [layer.mean_us for layer in profile.operators] == [3, 1]


def test_a_clock_that_counts_whole_microseconds_is_averaged(monkeypatch, t10k):
    """2½ µs are told as 2 and 3 in turn."""
    clock(monkeypatch, itertools.cycle([2, 1, 3, 1]))
    profile = profile_operators(NPZ, t10k.images[:1])
    assert profile is not None
    assert [layer.mean_us for layer in profile.operators] == [2.5, 1]


def test_one_time_that_the_machine_did_something_else_counts_for_nothing(monkeypatch, t10k):
    took = [3, 1] * (WARM_UP + 200)
    took[-2] = 5000
    clock(monkeypatch, iter(took))
    profile = profile_operators(NPZ, t10k.images[:1])
    assert profile is not None
    assert [layer.mean_us for layer in profile.operators] == [3, 1]


def test_a_batch_that_goes_in_blocks_counts_whole(monkeypatch, t10k):
    """Of 5 images in blocks of 2 each layer runs three times: its 784, 16 and 10 values are 3,240 bytes."""
    monkeypatch.setattr(plan, "cache_bytes", lambda: 2 * 3240)
    clock(monkeypatch, itertools.cycle([3, 1]))
    profile = profile_operators(NPZ, t10k.images[:5])
    assert profile is not None
    assert [(layer.name, layer.mean_us) for layer in profile.operators] == [
        ("hidden_1", 9),
        ("probabilities", 3),
    ]


def test_any_file_that_numpy_runs_has_a_profile(t10k):
    profile = profile_operators(EXPORT / "model-float32.tflite", t10k.images[:1], engine="numpy")
    assert profile is not None
    assert [layer.kind for layer in profile.operators] == ["dense relu", "dense softmax"]


def test_what_takes_no_time_has_no_profile(monkeypatch, t10k):
    clock(monkeypatch, itertools.repeat(0))
    assert profile_operators(NPZ, t10k.images[:1]) is None


# All


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("export/model-float32.tflite", "auto"),
        ("export/model-int8.tflite", "auto"),
        ("export/model-float32.onnx", "null"),
        ("model.keras", "auto"),
    ],
)
def test_an_engine_that_does_not_tell(name, engine, t10k):
    assert profile_operators(TINY / name, t10k.images[:1], engine=engine) is None


@pytest.mark.parametrize(
    "name", ["missing.onnx", "empty.onnx", "broken.onnx", "broken.npz", "folder.onnx", "m.txt"]
)
def test_what_cannot_be_loaded_raises_the_sessions_own_error(name, tmp_path, t10k):
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "empty.onnx").touch()
    for broken in ("broken.onnx", "broken.npz"):
        (tmp_path / broken).write_bytes(b"not a model")
    path = tmp_path / name
    with pytest.raises(ModelError) as usual:
        load(path)
    with pytest.raises(ModelError) as caught:
        profile_operators(path, t10k.images[:1])
    assert (type(caught.value), str(caught.value)) == (type(usual.value), str(usual.value))


@pytest.mark.parametrize("path", [FLOAT32, NPZ], ids=["onnx", "npz"])
def test_images_of_another_shape_are_refused(path):
    with pytest.raises(ShapeError, match="takes images of shape 28×28, but these are 20×20"):
        profile_operators(path, np.zeros((1, 20, 20), np.uint8))


@pytest.mark.parametrize(("images", "inferences"), [(0, 200), (1, 0)])
def test_no_images_or_inferences_are_a_mistake(images, inferences, t10k):
    with pytest.raises(
        ValueError, match=f"{inferences} inferences of {images} images; take 1 or more of both"
    ):
        profile_operators(FLOAT32, t10k.images[:images], inferences=inferences)
