"""Each kind of attack by name: refused in one line, before an engine sees it."""

from __future__ import annotations

import contextlib
import copy
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from mutants_onnx import onnx_models
from mutants_tflite import Builder, computed_shape, convolutions, pack, shapes, tflite_models
from onnx import TensorProto, helper
from support import TINY

from fmnist_runtime import load
from fmnist_runtime.carriers import is_intact, read_carried, seal
from fmnist_runtime.errors import ModelError, ResultError
from fmnist_runtime.reference import read_reference
from fmnist_runtime.soundness import require_sound
from fmnist_runtime.structure.tflite import MAX_BYTES, has_fixed_shapes, largest_batch
from fmnist_runtime.structure.tflite_graph import read_graph
from fmnist_runtime.structure.tflite_shapes import cost

ARTIFACTS = sorted(path for path in (TINY / "export").iterdir() if path.suffix != ".json")


def refused(path: Path, content: bytes, complaint: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError, match=complaint) as caught:
        require_sound(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(ModelError, match=complaint):
        load(path)


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
def test_what_fmnist_exports_is_sound(path):
    require_sound(path)


@pytest.mark.parametrize("number", range(6))
def test_an_honest_foreign_tflite_is_used(tmp_path, number):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(tflite_models()[number])
    with load(path) as session:
        images = np.zeros((300, *session.info.input_shape), np.uint8)
        assert session.scores(images).shape == (300, len(session.info.labels))


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
@pytest.mark.parametrize("rejected", ["", ".rejected"])
def test_an_artifact_whose_seal_is_broken_is_not_run(path, rejected, tmp_path):
    content = bytearray(path.read_bytes())
    carried = read_carried(path)
    assert carried is not None
    content[carried.model_bytes // 2] ^= 1
    copy = tmp_path / (path.name + rejected)
    refused(copy, bytes(content), "its bytes are not those it was sealed with; copy it again, or export")


class TestTflite:
    @staticmethod
    def refuse(tmp_path: Path, model: object, complaint: str) -> None:
        refused(tmp_path / "model.tflite", pack(model), complaint)

    def test_every_cut_is_refused(self, tmp_path):
        """The interpreter itself reads on behind the end of the file."""
        content = pack(convolutions())
        for length in range(8, len(content), 61):
            refused(tmp_path / "cut.tflite", content[:length], "not a TFLite classifier|too short")

    @pytest.mark.parametrize("number", [0, 3, 7, 1 << 31, (1 << 32) - 1])
    def test_no_offset_leads_out_of_the_file(self, tmp_path, number):
        """Every four bytes of the flatbuffer's own structure, each in turn."""
        content = pack(computed_shape())
        path = tmp_path / "model.tflite"
        for place in range(0, len(content) - 3, 4):
            wrong = bytearray(content)
            struct.pack_into("<I", wrong, place, number)
            path.write_bytes(wrong)
            with contextlib.suppress(ModelError):
                require_sound(path)

    def test_another_version(self, tmp_path):
        model = convolutions()
        model.version = 4
        self.refuse(tmp_path, model, "it is of version 4, this reads 3")

    @pytest.mark.parametrize("name", ["WHILE", "IF", "CALL_ONCE", "HASHTABLE", "STABLEHLO_WHILE"])
    def test_what_runs_other_graphs_or_keeps_state(self, tmp_path, name):
        b = Builder()
        image = b.tensor((1, 8), batch=True)
        self.refuse(
            tmp_path, b.done([image], [b.add(name, [image], (1, 8))]), "which no image classifier needs"
        )

    def test_a_custom_operator_is_named(self, tmp_path):
        model = convolutions()
        model.operatorCodes[0].customCode = "FlexErf"
        self.refuse(tmp_path, model, "it has the operator FlexErf")

    def test_a_constant_of_another_length(self, tmp_path):
        model = convolutions()
        model.subgraphs[0].tensors[1].shape = [4, 3]
        self.refuse(tmp_path, model, "has 32 bytes, its shape takes 48")

    def test_a_negative_dimension(self, tmp_path):
        model = convolutions()
        model.subgraphs[0].tensors[2].shape = [1, -3, 30, 1]
        self.refuse(tmp_path, model, "has the shape")

    @pytest.mark.parametrize("index", [-1, 99, 1 << 30])
    def test_an_index_of_no_tensor(self, tmp_path, index):
        model = convolutions()
        model.subgraphs[0].operators[3].inputs = [index, 9]
        self.refuse(tmp_path, model, "tensor .* of |lacks a tensor")

    def test_a_tensor_that_is_read_before_it_is_made(self, tmp_path):
        model = convolutions()
        model.subgraphs[0].operators.reverse()
        self.refuse(tmp_path, model, "of a tensor that is not there yet")

    def test_an_output_that_is_a_constant(self, tmp_path):
        model = convolutions()
        model.subgraphs[0].outputs = [1]
        self.refuse(tmp_path, model, "its output is never made")

    def test_a_constant_that_is_written_to(self, tmp_path):
        model = convolutions()
        model.subgraphs[0].operators[3].outputs = [9]
        self.refuse(tmp_path, model, "into a tensor that is there already")

    def test_a_shape_of_a_thousand_dimensions(self, tmp_path):
        """Found by fuzzing: the interpreter wrote them behind the end of its eight."""
        b = Builder()
        image = b.tensor((1, 8), batch=True)
        x = b.add("RESHAPE", [image, b.ints([1] * 1000)], (1, 8), "Reshape")
        self.refuse(tmp_path, b.done([image], [x]), r"a RESHAPE of sizes \(1000,\)")

    def test_a_tensor_that_is_left_out(self, tmp_path):
        """Found by fuzzing: RESHAPE read the shape at address 0."""
        model = convolutions()
        reshape = next(o for o in model.subgraphs[0].operators if o.builtinOptionsType == 17)
        reshape.inputs = [reshape.inputs[0], -1]
        self.refuse(tmp_path, model, "a RESHAPE that lacks a tensor")

    def test_a_depthwise_convolution_without_bias(self, tmp_path):
        """Found by fuzzing: the kernel read the bias at address 0."""
        model = convolutions()
        model.subgraphs[0].operators[2].inputs = list(model.subgraphs[0].operators[2].inputs)[:2]
        self.refuse(tmp_path, model, "a DEPTHWISE_CONV_2D of 2 tensors")

    def test_integers_without_a_scale(self, tmp_path):
        """Found by fuzzing: the interpreter aborts where it would divide by the scale."""
        b = Builder()
        image = b.tensor((1, 8), 9, 0.1, batch=True)
        x = b.add("LOGISTIC", [image], (1, 8), kind=9)
        self.refuse(tmp_path, b.done([image], [x]), "a LOGISTIC of integers without a scale")

    def test_floats_into_integers(self, tmp_path):
        """Found by fuzzing: SOFTMAX wrote four bytes for each byte of its output."""
        b = Builder()
        image = b.tensor((1, 8), batch=True)
        x = b.add("SOFTMAX", [image], (1, 8), "Softmax", kind=9, beta=1.0)
        self.refuse(tmp_path, b.done([image], [x]), "a SOFTMAX from type 0 to type 9")

    @pytest.mark.parametrize("field", ["strideW", "filterHeight"])
    @pytest.mark.parametrize("number", [0, -1, 1 << 30])
    def test_steps_that_cannot_be_divided_by(self, tmp_path, field, number):
        model = convolutions()
        pool = next(o for o in model.subgraphs[0].operators if o.builtinOptionsType == 5)
        setattr(pool.builtinOptions, field, number)
        self.refuse(tmp_path, model, "a MAX_POOL_2D in steps of")

    @pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e-38])
    def test_a_scale_that_is_none(self, tmp_path, scale):
        b = Builder()
        image = b.tensor((1, 8), 9, 0.1, batch=True)
        b.graph.tensors[image].quantization.scale = [scale]
        x = b.add("LOGISTIC", [image], (1, 8), kind=9)
        self.refuse(tmp_path, b.done([image], [x]), "a scale that is no positive number")

    @pytest.mark.parametrize(
        ("name", "sizes"), [("Tile", [2000, 60_000]), ("Pad", [[0, 30_000], [0, 60_000]])]
    )
    def test_what_asks_for_gigabytes_in_a_kilobyte(self, tmp_path, name, sizes):
        """The shapes that are declared are small; the interpreter would make others of them."""
        b = Builder()
        image = b.tensor((1, 8), batch=True)
        x = b.add(name.upper(), [image, b.ints(sizes)], (1, 8), name)
        self.refuse(tmp_path, b.done([image], [x]), "bytes for an image, at most 268,435,456 are given")

    @pytest.mark.parametrize("times", [25, 60])
    def test_a_tensor_that_is_doubled_again_and_again(self, tmp_path, times):
        b = Builder()
        x = image = b.tensor((1, 8), batch=True)
        for _ in range(times):
            x = b.add("CONCATENATION", [x, x], (1, 8), "Concatenation", axis=1)
        self.refuse(tmp_path, b.done([image], [x]), "bytes for an image")

    def test_constants_alone_can_ask_for_too_much(self, tmp_path):
        """Such are worked out when the model is loaded: a delegate took 2.3 GB that nothing showed."""
        b = Builder()
        image = b.tensor((1, 8), batch=True)
        large = b.add("ADD", [b.floats(30_000, 1), b.floats(1, 20_000)], (1, 8), "Add")
        small = b.add("REDUCE_MAX", [large, b.ints([0, 1])], (1,), "Reducer")
        x = b.add("ADD", [image, small], (1, 8), "Add")
        self.refuse(tmp_path, b.done([image], [x]), "bytes for an image")

    def test_a_size_that_the_image_decides(self, tmp_path):
        b = Builder()
        image = b.tensor((1, 8), batch=True)
        row = b.add("CAST", [image], (1, 8), "Cast", kind=2)
        times = b.add("ARG_MAX", [row, b.ints(0)], (8,), "ArgMax", kind=2)
        times = b.add("SLICE", [times, b.ints([0]), b.ints([2])], (2,), "Slice", kind=2)
        x = b.add("TILE", [image, times], (1, 8), "Tile")
        self.refuse(
            tmp_path,
            b.done([image], [x]),
            "a TILE whose size is computed; convert the model with a fixed batch",
        )

    def test_a_split_along_an_axis_that_is_computed(self, tmp_path):
        """Found by fuzzing: the interpreter split a constant while it was loading, and ended the process."""
        b = Builder()
        image = b.tensor((1, 8), batch=True)
        axis = b.add("SLICE", [b.add("SHAPE", [image], (2,), kind=2), b.ints([0]), b.ints([1])], (1,), kind=2)
        x = b.add("SPLIT", [axis, image], (1, 8), "Split", numSplits=1)
        self.refuse(tmp_path, b.done([image], [x]), "a SPLIT along an axis that is computed")

    def test_a_batch_that_is_fixed_counts_in_full(self, tmp_path):
        b = Builder()
        image = b.tensor((100_000, 8))
        x = b.add("TILE", [image, b.ints([1, 1000])], (1, 8), "Tile")
        self.refuse(tmp_path, b.done([image], [x]), "it takes 3,203,200,000 bytes")

    def test_an_endless_convolution(self, tmp_path):
        b = Builder()
        x = image = b.tensor((1, 1000, 1000, 1), batch=True)
        steps = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        x = b.add("CONV_2D", [x, b.floats(8, 100, 100, 1), b.floats(8)], (1, 1, 1, 8), "Conv2D", **steps)
        self.refuse(tmp_path, b.done([image], [x]), "80,000,000,000 products|products for an image")

    @pytest.mark.parametrize("make", [convolutions, shapes, computed_shape])
    def test_what_it_takes_is_never_less_than_what_is_declared(self, make):
        """In an honest model the declared shapes are true. The first tensor is the image."""
        content = pack(make())
        graph = read_graph(content)
        made = {index for operator in graph.operators for index in operator.outputs} | set(graph.inputs)
        assert cost(graph, content, 1).bytes == sum(graph.tensors[index].size for index in made)

    def test_shapes_that_are_fixed(self, tmp_path):
        """Pointers into an interpreter are safe only where no tensor is made while it runs."""
        for make, fixed in ((convolutions, True), (shapes, False), (computed_shape, False)):
            path = tmp_path / "model.tflite"
            path.write_bytes(pack(make()))
            assert has_fixed_shapes(path) is fixed
        for path in ARTIFACTS:
            if path.suffix == ".tflite":
                assert has_fixed_shapes(path)

    @pytest.mark.parametrize("number", range(6))
    def test_where_shapes_are_fixed_every_tensor_has_a_place(self, number, tmp_path):
        """Before the interpreter runs, and without a delegate that would keep some to itself."""
        path = tmp_path / "model.tflite"
        path.write_bytes(tflite_models()[number])
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=plain)
        graph = read_graph(path.read_bytes())
        interpreter.resize_tensor_input(graph.inputs[0], (5, *graph.tensors[graph.inputs[0]].shape[1:]))
        interpreter.allocate_tensors()
        if has_fixed_shapes(path):
            for operator in graph.operators:
                interpreter.tensor(operator.outputs[0])()  # raises where there is none

    def test_a_batch_is_as_large_as_the_memory_allows(self, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(pack(convolutions()))
        assert largest_batch(path, 256) == 256
        b = Builder()
        image = b.tensor((1, 1000, 1000, 1), batch=True)
        x = b.add("MEAN", [b.add("RELU", [image], (1, 1000, 1000, 1)), b.ints([1, 2])], (1, 1), "Reducer")
        path.write_bytes(pack(b.done([image], [x])))
        batch = largest_batch(path, 256)
        assert batch == 32  # 8 MB an image, and two more of a few bytes: 256 MB hold 32 or 33
        assert batch * 8_000_004 <= MAX_BYTES


class TestOnnx:
    @staticmethod
    def refuse(tmp_path: Path, model: onnx.ModelProto, complaint: str) -> None:
        refused(tmp_path / "model.onnx", model.SerializeToString(), complaint)

    @staticmethod
    def model() -> onnx.ModelProto:
        return onnx.ModelProto.FromString(onnx_models()[-2])

    @staticmethod
    def external() -> TensorProto:
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
        return tensor

    def test_weights_in_another_file(self, tmp_path):
        """Wherever a tensor may be: nothing of this computer is read because a file says so."""
        line = "its weights are in another file; save the model with all of them in one"
        model = self.model()
        model.graph.initializer.append(self.external())
        self.refuse(tmp_path, model, line)
        model = self.model()
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=self.external()))
        self.refuse(tmp_path, model, line)
        model = self.model()
        model.graph.sparse_initializer.add().values.CopyFrom(self.external())
        self.refuse(tmp_path, model, line)
        model = self.model()
        inner = helper.make_graph([], "inner", [], [], [self.external()])
        model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))
        self.refuse(tmp_path, model, line)
        model = self.model()
        node = helper.make_node("Constant", [], ["c"], value=self.external())
        model.functions.append(helper.make_function("d", "f", [], ["c"], [node], []))
        self.refuse(tmp_path, model, line)

    @pytest.mark.parametrize("name", ["Loop", "Scan", "SequenceMap"])
    def test_loops(self, tmp_path, name):
        model = self.model()
        model.graph.node.add(op_type=name)
        self.refuse(tmp_path, model, f"it has a {name}, which no image classifier needs")

    def test_graphs_inside_of_graphs(self, tmp_path):
        inner = helper.make_graph([], "inner", [], [])
        for _ in range(20):
            inner = helper.make_graph([helper.make_node("If", ["c"], ["d"], then_branch=inner)], "g", [], [])
        model = self.model()
        model.graph.node.extend(inner.node)
        self.refuse(tmp_path, model, "graphs inside of graphs, more than 8 deep")

    def test_a_billion_laughs(self, tmp_path):
        """Ten functions, each of which calls the next ten times."""
        model = self.model()
        for number in range(10):
            calls = [helper.make_node(f"f{number + 1}", ["x"], [f"y{n}"], domain="d") for n in range(10)]
            model.functions.append(helper.make_function("d", f"f{number}", ["x"], ["y0"], calls, []))
        model.graph.node.append(helper.make_node("f0", ["image"], ["laugh"], domain="d"))
        self.refuse(tmp_path, model, "more than 100,000 nodes, once its functions are written out")

    def test_a_function_that_calls_itself(self, tmp_path):
        model = self.model()
        for name, other in (("f", "g"), ("g", "f")):
            call = helper.make_node(other, ["x"], ["y"], domain="d")
            model.functions.append(helper.make_function("d", name, ["x"], ["y"], [call], []))
        model.graph.node.append(helper.make_node("f", ["image"], ["laugh"], domain="d"))
        self.refuse(tmp_path, model, "call each other too deeply, or themselves")

    @pytest.mark.parametrize(
        ("dims", "complaint"),
        [
            ([1 << 40], "a tensor of shape 1099511627776 has 144 bytes"),
            ([-4], "a tensor of shape -4"),
            ([4, 9, 2], "has"),
        ],
    )
    def test_weights_of_another_length(self, tmp_path, dims, complaint):
        model = self.model()
        kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
        del kernel.dims[:]
        kernel.dims.extend(dims)
        self.refuse(tmp_path, model, complaint)

    def test_a_sparse_tensor_that_would_fill_the_memory(self, tmp_path):
        model = self.model()
        sparse = model.graph.sparse_initializer.add()
        sparse.dims.extend([1 << 20, 1 << 20])
        self.refuse(tmp_path, model, "a sparse tensor of shape 1048576×1048576")

    def test_a_tile_that_overflows(self, tmp_path):
        """Found by fuzzing: the engine's own assertion ended the process when it inferred the next shape."""
        model = onnx.ModelProto.FromString(onnx_models()[-1])
        repeats = next(tensor for tensor in model.graph.initializer if tensor.name == "repeats")
        repeats.raw_data = np.array([1, (1 << 63) - 1, 1], np.int64).tobytes()
        self.refuse(tmp_path, model, "a Tile by 1×9223372036854775807×1")

    def test_no_end_of_classes(self, tmp_path):
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

    def test_what_it_takes_when_it_runs_is_bounded(self, tmp_path):
        """Six gigabytes of zeros: the engine is given 512 MB, and says itself that it needs more."""
        nodes = [
            helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", ["image", "zero"], ["scores"]),
        ]
        size = helper.make_tensor("size", TensorProto.INT64, [2], [40_000, 40_000])
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])
            for name in ("image", "scores")
        ]
        graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], [size])
        path = tmp_path / "model.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        with pytest.raises(ModelError, match=r"model\.onnx: "), load(path) as session:
            session.scores(np.zeros((1, 4), np.uint8))


def test_a_million_fields_are_no_message(tmp_path):
    refused(
        tmp_path / "model.onnx", b"\x08\x01" * 1_000_000, "a message of more than 200,000 fields|not an ONNX"
    )


def test_an_artifact_that_is_sealed_again_is_what_its_bytes_say(tmp_path):
    """A seal tells damage, not malice: whoever can write the file can seal it."""
    content = (TINY / "export" / "model-float32.tflite").read_bytes()
    path = tmp_path / "model.tflite"
    path.write_bytes(content[:-64] + seal(content[:-64]))
    assert is_intact(path)
    require_sound(path)


class TestArchives:
    def test_a_reference_that_unfolds_to_gigabytes(self, tmp_path):
        path = tmp_path / "reference.npz"
        np.savez_compressed(path, header=np.array("{}"), scores=np.zeros((1 << 27, 4), np.uint8))
        assert path.stat().st_size < 1_000_000
        with pytest.raises(ResultError, match=r"unfold to 536,[\d,]+ bytes, at most 268,435,456 are read"):
            read_reference(path)

    def test_a_table_of_contents_without_end(self, tmp_path):
        path = tmp_path / "model.npz"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(1001):
                archive.writestr(str(number), b"")
        with pytest.raises(ModelError, match="more than 1,000 entries"):
            load(path)

    def test_entries_that_lie_over_each_other(self, tmp_path):
        """A kernel for every one of a thousand layers, all of the same bytes."""
        content = (TINY / "export" / "model-float32.npz").read_bytes()
        path = tmp_path / "model.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", content)
            for number in range(3):
                entry = copy.copy(archive.getinfo("a"))
                entry.filename = entry.orig_filename = f"b{number}"
                archive.filelist.append(entry)
                archive.NameToInfo[entry.filename] = entry
            archive._didModify = True
        with pytest.raises(ModelError, match="lie over each other"):
            load(path)
