"""Each kind of attack by a .tflite file: refused in one line, before the interpreter sees it."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator, TensorType
from support.attacks import refused
from support.foreign_tflite import Builder, computed_shape, convolutions, pack

from fmnist_runtime.artifact.checked import check_file
from fmnist_runtime.errors import ModelError
from fmnist_runtime.safety.tflite.graph import type_name
from fmnist_runtime.safety.tflite.operators import OPERATORS, VARIABLES


def refuse(tmp_path: Path, model: object, complaint: str) -> None:
    refused(tmp_path / "model.tflite", pack(model), complaint)


def test_every_cut_is_refused(tmp_path):
    """The interpreter itself reads on behind the end of the file."""
    content = pack(convolutions())
    for length in range(8, len(content), 61):
        refused(tmp_path / "cut.tflite", content[:length], "not a TFLite classifier|too short")


@pytest.mark.parametrize("number", [0, 3, 7, 1 << 31, (1 << 32) - 1])
def test_no_offset_leads_out_of_the_file(tmp_path, number):
    """Every four bytes of the flatbuffer's own structure, each in turn."""
    content = pack(computed_shape())
    path = tmp_path / "model.tflite"
    for place in range(0, len(content) - 3, 4):
        wrong = bytearray(content)
        struct.pack_into("<I", wrong, place, number)
        path.write_bytes(wrong)
        with contextlib.suppress(ModelError):
            check_file(path)


def test_another_version(tmp_path):
    model = convolutions()
    model.version = 4
    refuse(tmp_path, model, "it is of version 4, this reads 3")


def test_weights_in_variables(tmp_path):
    """As TensorFlow writes them from a function that was not frozen."""
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    model = b.done([image], [b.add("READ_VARIABLE", [image], (1, 8))])
    refuse(tmp_path, model, "it keeps its weights in variables; freeze them, or use")


def test_every_operator_of_the_schema_has_its_name(tmp_path):
    numbers = [number for name, number in vars(BuiltinOperator).items() if not name.startswith("_")]
    for number in set(numbers) - set(OPERATORS) - set(VARIABLES) - {BuiltinOperator.CUSTOM, 127}:
        model = convolutions()
        model.operatorCodes[0].builtinCode = number
        model.operatorCodes[0].deprecatedBuiltinCode = min(number, 127)
        [name] = (name for name, known in vars(BuiltinOperator).items() if known == number)
        refuse(tmp_path, model, f"has the operator {name}, which is not run here")


@pytest.mark.parametrize("name", ["WHILE", "IF", "CALL_ONCE", "HASHTABLE", "STABLEHLO_WHILE"])
def test_what_runs_other_graphs_or_keeps_state(tmp_path, name):
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    refuse(
        tmp_path,
        b.done([image], [b.add(name, [image], (1, 8))]),
        f"has the operator {name}, which is not run here",
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("FlexErf", "has the operator FlexErf of TensorFlow itself; convert the model without"),
        ("edgetpu-custom-op", "is compiled for an Edge TPU, and nothing else runs it; take the file that"),
        (
            "TFLite_Detection_PostProcess",
            "detects objects, as its operator TFLite_Detection_PostProcess shows",
        ),
        (
            "Mine" * 100,
            f"has the operator {'Mine' * 15}, which is not a part of TFLite; convert the model without",
        ),
    ],
)
def test_a_custom_operator_is_named(tmp_path, name, complaint):
    model = convolutions()
    model.operatorCodes[0].customCode = name
    refuse(tmp_path, model, complaint)


def test_a_constant_of_another_length(tmp_path):
    model = convolutions()
    model.subgraphs[0].tensors[1].shape = [4, 3]
    refuse(tmp_path, model, "has 32 bytes, its shape takes 48")


def test_a_negative_dimension(tmp_path):
    model = convolutions()
    model.subgraphs[0].tensors[2].shape = [1, -3, 30, 1]
    refuse(tmp_path, model, "has the shape")


@pytest.mark.parametrize("index", [-1, 99, 1 << 30])
def test_an_index_of_no_tensor(tmp_path, index):
    model = convolutions()
    model.subgraphs[0].operators[3].inputs = [index, 9]
    refuse(tmp_path, model, "tensor .* of |lacks a tensor")


def test_a_tensor_that_is_read_before_it_is_made(tmp_path):
    model = convolutions()
    model.subgraphs[0].operators.reverse()
    refuse(tmp_path, model, "of a tensor that is not there yet")


@pytest.mark.parametrize("last", range(11))
def test_operators_behind_the_output(tmp_path, last):
    """Found by fuzzing: the XNNPACK of ai-edge-litert 1.2 ends the process over some that nothing uses."""
    model = convolutions()
    model.subgraphs[0].outputs = model.subgraphs[0].operators[last].outputs
    refuse(tmp_path, model, "a [A-Z0-9_]+ whose output nothing uses; convert the model without it")


def test_an_output_that_is_a_constant(tmp_path):
    model = convolutions()
    model.subgraphs[0].outputs = [1]
    refuse(tmp_path, model, "its output is never made")


def test_a_constant_that_is_written_to(tmp_path):
    model = convolutions()
    model.subgraphs[0].operators[3].outputs = [9]
    refuse(tmp_path, model, "into a tensor that is there already")


def test_a_shape_of_a_thousand_dimensions(tmp_path):
    """Found by fuzzing: the interpreter wrote them behind the end of its eight."""
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    x = b.add("RESHAPE", [image, b.ints([1] * 1000)], (1, 8), "Reshape")
    refuse(tmp_path, b.done([image], [x]), r"a RESHAPE of sizes \(1000,\)")


def test_a_tensor_that_is_left_out(tmp_path):
    """Found by fuzzing: RESHAPE read the shape at address 0."""
    model = convolutions()
    reshape = next(o for o in model.subgraphs[0].operators if o.builtinOptionsType == 17)
    reshape.inputs = [reshape.inputs[0], -1]
    refuse(tmp_path, model, "a RESHAPE that lacks a tensor")


def test_a_depthwise_convolution_without_bias(tmp_path):
    """Found by fuzzing: the kernel read the bias at address 0."""
    model = convolutions()
    model.subgraphs[0].operators[2].inputs = list(model.subgraphs[0].operators[2].inputs)[:2]
    refuse(tmp_path, model, "a DEPTHWISE_CONV_2D of 2 tensors")


def test_integers_without_a_scale(tmp_path):
    """Found by fuzzing: the interpreter aborts where it would divide by the scale."""
    b = Builder()
    image = b.tensor((1, 8), 9, 0.1, batch=True)
    x = b.add("LOGISTIC", [image], (1, 8), kind=9)
    refuse(tmp_path, b.done([image], [x]), "a LOGISTIC of integers without a scale")


def test_floats_into_integers(tmp_path):
    """Found by fuzzing: SOFTMAX wrote four bytes for each byte of its output."""
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    x = b.add("SOFTMAX", [image], (1, 8), "Softmax", kind=9, beta=1.0)
    refuse(tmp_path, b.done([image], [x]), "a SOFTMAX from FLOAT32 to INT8")


@pytest.mark.parametrize("field", ["strideW", "filterHeight"])
@pytest.mark.parametrize("number", [0, -1, 1 << 30])
def test_steps_that_cannot_be_divided_by(tmp_path, field, number):
    model = convolutions()
    pool = next(o for o in model.subgraphs[0].operators if o.builtinOptionsType == 5)
    setattr(pool.builtinOptions, field, number)
    refuse(tmp_path, model, "a MAX_POOL_2D in steps of")


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e-38])
def test_a_scale_that_is_none(tmp_path, scale):
    b = Builder()
    image = b.tensor((1, 8), 9, 0.1, batch=True)
    b.graph.tensors[image].quantization.scale = [scale]
    x = b.add("LOGISTIC", [image], (1, 8), kind=9)
    refuse(tmp_path, b.done([image], [x]), "a scale that is no positive number")


@pytest.mark.parametrize(("name", "sizes"), [("Tile", [2000, 60_000]), ("Pad", [[0, 30_000], [0, 60_000]])])
def test_what_asks_for_gigabytes_in_a_kilobyte(tmp_path, name, sizes):
    """The shapes that are declared are small; the interpreter would make others of them."""
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    x = b.add(name.upper(), [image, b.ints(sizes)], (1, 8), name)
    refuse(tmp_path, b.done([image], [x]), "bytes for an image, at most 268,435,456 are given")


@pytest.mark.parametrize("times", [25, 60])
def test_a_tensor_that_is_doubled_again_and_again(tmp_path, times):
    b = Builder()
    x = image = b.tensor((1, 8), batch=True)
    for _ in range(times):
        x = b.add("CONCATENATION", [x, x], (1, 8), "Concatenation", axis=1)
    refuse(tmp_path, b.done([image], [x]), "bytes for an image")


def test_constants_alone_can_ask_for_too_much(tmp_path):
    """Such are worked out when the model is loaded: a delegate took 2.3 GB that nothing showed."""
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    large = b.add("ADD", [b.floats(30_000, 1), b.floats(1, 20_000)], (1, 8), "Add")
    small = b.add("REDUCE_MAX", [large, b.ints([0, 1])], (1,), "Reducer")
    x = b.add("ADD", [image, small], (1, 8), "Add")
    refuse(tmp_path, b.done([image], [x]), "bytes for an image")


def test_a_size_that_the_image_decides(tmp_path):
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    row = b.add("CAST", [image], (1, 8), "Cast", kind=2)
    times = b.add("ARG_MAX", [row, b.ints(0)], (8,), "ArgMax", kind=2)
    times = b.add("SLICE", [times, b.ints([0]), b.ints([2])], (2,), "Slice", kind=2)
    x = b.add("TILE", [image, times], (1, 8), "Tile")
    refuse(
        tmp_path,
        b.done([image], [x]),
        "a TILE whose size is computed; convert the model with a fixed batch",
    )


def test_a_split_along_an_axis_that_is_computed(tmp_path):
    """Found by fuzzing: the interpreter split a constant while it was loading, and ended the process."""
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    axis = b.add("SLICE", [b.add("SHAPE", [image], (2,), kind=2), b.ints([0]), b.ints([1])], (1,), kind=2)
    x = b.add("SPLIT", [axis, image], (1, 8), "Split", numSplits=1)
    refuse(tmp_path, b.done([image], [x]), "a SPLIT along an axis that is computed")


@pytest.mark.parametrize("begin", [9, 65_536, -1, -65_536])
def test_a_slice_of_what_is_not_there(tmp_path, begin):
    """Found by fuzzing: ai-edge-litert 1.2 read there; later versions say so when they run it."""
    b = Builder()
    image = b.tensor((1, 8), batch=True)
    x = b.add("SLICE", [image, b.ints([0, begin]), b.ints([-1, -1])], (1, 8), "Slice")
    refuse(tmp_path, b.done([image], [x]), "a SLICE that begins outside of its tensor")


def test_a_batch_that_is_fixed_counts_in_full(tmp_path):
    b = Builder()
    image = b.tensor((100_000, 8))
    x = b.add("TILE", [image, b.ints([1, 1000])], (1, 8), "Tile")
    refuse(tmp_path, b.done([image], [x]), "it takes 3,203,200,000 bytes")


def test_an_endless_convolution(tmp_path):
    b = Builder()
    x = image = b.tensor((1, 1000, 1000, 1), batch=True)
    steps = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    x = b.add("CONV_2D", [x, b.floats(8, 100, 100, 1), b.floats(8)], (1, 1, 1, 8), "Conv2D", **steps)
    refuse(tmp_path, b.done([image], [x]), "80,000,000,000 products|products for an image")


def test_types_have_the_names_of_the_schema():
    for name, number in vars(TensorType).items():
        if not name.startswith("_"):
            assert type_name(number) == name
    assert type_name(99) == "number 99"
