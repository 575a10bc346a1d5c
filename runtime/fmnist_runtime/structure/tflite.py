"""What must hold of a TFLite file before the interpreter sees it, which trusts nearly all that is in it."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from fmnist_runtime.structure.flatbuffer import Content
from fmnist_runtime.structure.tflite_graph import MAX_RANK, Graph, Operator, Tensor, read_graph
from fmnist_runtime.structure.tflite_operators import OPERATORS
from fmnist_runtime.structure.tflite_shapes import Cost, cost
from fmnist_runtime.structure.tflite_types import check_types, check_weight_types

MAX_BYTES = 2**28
"""What all tensors of a model that are no constants may take, for one image: 256 MB, of which the largest
usual classifiers of 224×224 pixels take half."""
_MAX_PRODUCTS = 2**36
"""Three times what the largest usual classifiers take for an image of 224×224 pixels: some ten seconds."""
_MAX_SIZE = 2**16
"""Largest number that decides a shape: no image has more pixels in a row."""
_INTEGERS = {2: "i", 4: "q"}
"""INT32 and INT64, as ``struct`` calls them."""


def check(content: Content) -> None:
    """Check all that the interpreter takes for granted.

    Raises:
        ValueError: It does not hold.
    """
    graph = read_graph(content)
    _check_order(graph)
    for operator in graph.operators:
        check_types(operator, graph.tensors)
        _check_sizes(operator, graph.tensors, content)
        _check_weights(operator, graph.tensors)
        _check_steps(operator)
    batch = max(
        (graph.tensors[index].shape[0] for index in graph.inputs if graph.tensors[index].shape), default=1
    )
    _require_affordable(cost(graph, content, batch))
    declared = sum(tensor.size for tensor in graph.tensors if not tensor.constant)
    _require_affordable(Cost(declared, 0))  # the interpreter may make room for it before it knows better


def has_fixed_shapes(path: Path) -> bool:
    """Whether every tensor's shape follows from the input's, so that running the model moves none in memory.

    False also where that is not certain.

    Args:
        path: A TFLite file that is sound.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        graph = read_graph(content)
    return all(_is_fixed(operator, graph.tensors) for operator in graph.operators)


_FIXED = {
    *(
        "FULLY_CONNECTED",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "AVERAGE_POOL_2D",
        "MAX_POOL_2D",
        "RESHAPE",
        "SOFTMAX",
    ),
    *(
        "ADD",
        "SUB",
        "MUL",
        "DIV",
        "MAXIMUM",
        "MINIMUM",
        "QUANTIZE",
        "DEQUANTIZE",
        "PAD",
        "MEAN",
        "CONCATENATION",
    ),
    *(
        "RELU",
        "RELU6",
        "LOGISTIC",
        "TANH",
        "ELU",
        "LEAKY_RELU",
        "HARD_SWISH",
        "GELU",
        "PRELU",
        "EXP",
        "RSQRT",
    ),
    *("LOG_SOFTMAX", "CONCATENATION", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "CAST", "SQUARED_DIFFERENCE"),
}
"""Operators whose output has its place before they are run, when their sizes are constants. Of the others
some have not: a SLICE of a batch of any size is worked out anew each time."""


def _is_fixed(operator: Operator, tensors: tuple[Tensor, ...]) -> bool:
    if operator.name not in _FIXED:
        return False
    sizes = OPERATORS[operator.code].sizes
    deciding = [operator.inputs[place] for place in sizes if place < len(operator.inputs)]
    return all(index >= 0 and tensors[index].constant for index in deciding)


def largest_batch(path: Path, most: int) -> int:
    """How many images a model may be given at once, for what it takes then.

    Args:
        path: A TFLite file that is sound.
        most: How many are wanted.

    Returns:
        ``most``, or the largest power of two below it that the memory allows; at least 1.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        graph = read_graph(content)
        batch = most
        while batch > 1 and cost(graph, content, batch).bytes > MAX_BYTES:
            batch = 1 << (batch - 1).bit_length() - 1
    return batch


def _require_affordable(needed: Cost) -> None:
    if needed.bytes > MAX_BYTES:
        raise ValueError(
            f"it takes {needed.bytes:,} bytes for an image, at most {MAX_BYTES:,} are given to a model"
        )
    if needed.products > _MAX_PRODUCTS:
        raise ValueError(
            f"it takes {needed.products:,} products for an image, at most {_MAX_PRODUCTS:,} are allowed"
        )


def _check_order(graph: Graph) -> None:
    """Every tensor is made once, and before it is used."""
    tensors = graph.tensors
    known = {index for index, tensor in enumerate(tensors) if tensor.constant or tensor.variable}
    if not known.isdisjoint(graph.inputs):
        raise ValueError("its input is a constant")
    known |= {index for index, tensor in enumerate(tensors) if not tensor.elements} | set(graph.inputs)
    made: set[int] = set()
    for operator in graph.operators:
        kind = OPERATORS[operator.code]
        if not kind.fewest <= len(operator.inputs) <= kind.most or not operator.outputs:
            raise ValueError(f"a {kind.name} of {len(operator.inputs)} tensors")
        if -1 in operator.inputs[: _needed(operator)]:
            raise ValueError(f"a {kind.name} that lacks a tensor")
        if not known.issuperset(index for index in operator.inputs if index >= 0):
            raise ValueError(f"a {kind.name} of a tensor that is not there yet")
        if not known.isdisjoint(operator.outputs) or len(set(operator.outputs)) < len(operator.outputs):
            raise ValueError(f"a {kind.name} into a tensor that is there already")
        known.update(operator.outputs)
        made.update(operator.outputs)
    if not made.issuperset(graph.outputs):
        raise ValueError("its output is never made")


def _needed(operator: Operator) -> int:
    """How many inputs, from the first, may not be left out: all but a bias and the parts of an LSTM."""
    if operator.code == _LSTM:
        return 1
    return OPERATORS[operator.code].fewest if operator.code in _CHANNEL_AXIS else len(operator.inputs)


def _check_sizes(operator: Operator, tensors: tuple[Tensor, ...], content: Content) -> None:
    """The inputs whose values decide a shape are few whole numbers, and small where the file has them."""
    for place in OPERATORS[operator.code].sizes:
        if place >= len(operator.inputs):
            continue
        tensor = tensors[operator.inputs[place]]
        if tensor.kind not in _INTEGERS or tensor.elements > 2 * MAX_RANK:
            raise ValueError(f"a {operator.name} of sizes {tensor.shape}")
        if not tensor.constant and operator.name in _ALONG:
            raise ValueError(f"a {operator.name} along an axis that is computed")
        if tensor.constant and operator.code not in _CUTTING:
            kind = _INTEGERS[tensor.kind]
            values = struct.unpack_from(f"<{tensor.elements}{kind}", content, tensor.data[0])
            if max(map(abs, values)) > _MAX_SIZE:
                raise ValueError(f"a {operator.name} by {max(values, key=abs):,}")


_ALONG = {"SPLIT", "SPLIT_V", "TRANSPOSE", "EXPAND_DIMS", "ARG_MAX", "ARG_MIN", "MEAN", "SUM", "CUMSUM"}
_ALONG |= {"REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"}
"""Operators along axes, which no converter ever computes."""
_LSTM, _TRANSPOSE_CONV = 44, 67
"""UNIDIRECTIONAL_SEQUENCE_LSTM is run in parts."""
_CUTTING = {45, 65}
"""STRIDED_SLICE and SLICE, which only ever make smaller; the largest number there is stands for the end."""
_CHANNEL_AXIS = {3: 0, 4: 3, 9: 0, 67: 0, 132: 4}
"""Axis of the output channels in the weights, by operator: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED,
TRANSPOSE_CONV, CONV_3D."""
_RANK = {3: 4, 4: 4, 9: 2, 67: 4, 132: 5}
"""Dimensions of their weights."""


def _check_weights(operator: Operator, tensors: tuple[Tensor, ...]) -> None:
    """Kernels have a number, a scale and a bias for each output channel."""
    axis = _CHANNEL_AXIS.get(operator.code)
    if axis is None:
        return
    weights = tensors[operator.inputs[1]]
    if len(weights.shape) != _RANK[operator.code] or (weights.constant and not weights.elements):
        raise ValueError(f"a {operator.name} with weights of shape {weights.shape}")
    if weights.scales > 1 and weights.axis != axis:
        raise ValueError(f"a {operator.name} with scales along axis {weights.axis}")
    place = 3 if operator.code == _TRANSPOSE_CONV else 2
    index = operator.inputs[place] if place < len(operator.inputs) else -1
    bias = tensors[index] if index >= 0 else None
    pixels = tensors[operator.inputs[2 if operator.code == _TRANSPOSE_CONV else 0]]
    check_weight_types(operator, pixels, weights, bias)
    channels = weights.shape[axis]
    if bias is not None and bias.elements != channels:
        raise ValueError(f"a {operator.name} of {channels:,} channels with {bias.elements:,} biases")


_STEPS = {
    1: (1, 2, 3, 4),
    12: (1, 2, 3, 4),
    17: (1, 2, 3, 4),
    3: (1, 2),
    4: (1, 2),
    67: (1, 2),
    132: (1, 2, 3),
}
"""Fields of the options that must be from 1 on, by operator: strides, and sizes of a pool's window.

Pool2DOptions, Conv2DOptions, DepthwiseConv2DOptions, TransposeConvOptions and Conv3DOptions in the schema."""
_DILATIONS = {3: (4, 5), 4: (5, 6), 132: (5, 6, 7)}
"""The same of dilations, which are 1 where they are left out."""
_BLOCKS = {5, 26}
"""DEPTH_TO_SPACE and SPACE_TO_DEPTH, whose first field is the size of a block."""


def _check_steps(operator: Operator) -> None:
    """What a kernel divides by is not zero, nor is anything so large that it overflows."""
    fields = [(field, 0) for field in _STEPS.get(operator.code, ())]
    fields += [(field, 1) for field in _DILATIONS.get(operator.code, ())]
    fields += [(0, 0)] if operator.code in _BLOCKS else []
    for field, default in fields:
        number = operator.options.number(field, "i", default) if operator.options else 0
        if not 1 <= number <= _MAX_SIZE:
            raise ValueError(f"a {operator.name} in steps of {number:,}")
