"""What is told of a sound .tflite file: what it takes, and how it may be run."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from support import TINY
from support.foreign_tflite import Builder, computed_shape, convolutions, pack, shapes, tflite_models

from fmnist_runtime import load
from fmnist_runtime.safety.tflite.checks import check
from fmnist_runtime.safety.tflite.cost import MAX_BYTES, cost
from fmnist_runtime.safety.tflite.graph import read_graph


@pytest.mark.parametrize("number", range(6))
def test_an_honest_foreign_tflite_is_used(tmp_path, number):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(tflite_models()[number])
    with load(path, input_range="0-255") as session:
        images = np.zeros((300, *session.info.input_shape), np.uint8)
        assert session.scores(images).shape == (300, len(session.info.labels))


@pytest.mark.parametrize("make", [convolutions, shapes, computed_shape])
def test_what_it_takes_is_never_less_than_what_is_declared(make):
    """In an honest model the declared shapes are true. The first tensor is the image."""
    content = pack(make())
    graph = read_graph(content)
    made = {index for operator in graph.operators for index in operator.outputs} | set(graph.inputs)
    assert cost(graph, 1).bytes == sum(graph.tensors[index].size for index in made)


@pytest.mark.parametrize(("make", "fixed"), [(convolutions, True), (shapes, False), (computed_shape, False)])
def test_shapes_that_are_fixed(make, fixed):
    """Pointers into an interpreter are safe only where no tensor is made while it runs."""
    assert check(pack(make())).fixed_shapes is fixed


@pytest.mark.parametrize("path", sorted((TINY / "export").glob("*.tflite")), ids=lambda path: path.name)
def test_the_shapes_of_what_fmnist_exports_are_fixed(path):
    assert check(path.read_bytes()).fixed_shapes


@pytest.mark.parametrize("number", range(6))
def test_where_shapes_are_fixed_every_tensor_has_a_place(number):
    """Before the interpreter runs, and without a delegate that would keep some to itself."""
    content = tflite_models()[number]
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    graph = read_graph(content)
    interpreter.resize_tensor_input(graph.inputs[0], (5, *graph.tensors[graph.inputs[0]].shape[1:]))
    interpreter.allocate_tensors()
    if check(content).fixed_shapes:
        for operator in graph.operators:
            interpreter.tensor(operator.outputs[0])()  # raises where there is none


def test_a_batch_is_as_large_as_the_memory_allows():
    assert check(pack(convolutions())).largest_batch == 256
    b = Builder()
    image = b.tensor((1, 1000, 1000, 1), batch=True)
    x = b.add("MEAN", [b.add("RELU", [image], (1, 1000, 1000, 1)), b.ints([1, 2])], (1, 1), "Reducer")
    batch = check(pack(b.done([image], [x]))).largest_batch
    assert batch == 32  # 8 MB an image, and two more of a few bytes: 256 MB hold 32 or 33
    assert batch * 8_000_004 <= MAX_BYTES
