"""TFLite files that are whole but wrong: mutated by the schema, so that the engine gets to see them."""

from __future__ import annotations

import copy
import functools
import math
import random
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from support import TINY

_SIZES = (0, 1, 2, 3, 5, 8, 16, 255, 1000, 65536, 1 << 20, (1 << 31) - 1, -1, -2, -(1 << 31))
_SCALES = (0.0, -1.0, float("nan"), float("inf"), 1e-38, 1e-45, 1e38, 1.0, 0.004)
_KINDS = {0: "<f4", 1: "<f2", 2: "<i4", 3: "<u1", 4: "<i8", 6: "?", 7: "<i2", 9: "<i1", 10: "<f8"}
"""NumPy's types of tensors, by TensorType."""
_OPTIONS = {
    name: number
    for name, number in vars(schema.BuiltinOptions).items()
    if not name.startswith("_") and isinstance(number, int)
}


class Builder:
    """A small model, operator by operator."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self, shape: tuple[int, ...], kind: int = 0, scale: float | None = None, batch: bool = False
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, 0
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.shapeSignature = [-1, *shape[1:]] if batch else None
        if scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, array: np.ndarray, scale: float | None = None) -> int:
        kind = next(number for number, name in _KINDS.items() if np.dtype(name) == array.dtype)
        index = self.tensor(array.shape, kind, scale)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        self.graph.tensors[index].buffer = len(self.model.buffers) - 1
        return index

    def ints(self, *values: Any) -> int:
        return self.constant(np.array(values[0] if len(values) == 1 else values, "<i4"))

    def floats(self, *shape: int) -> int:
        return self.constant((np.random.default_rng(0).standard_normal(shape) * 0.1).astype("<f4"))

    def add(
        self,
        name: str,
        inputs: list[int],
        shape: tuple[int, ...],
        options: str = "",
        kind: int = 0,
        **values: Any,
    ) -> int:
        """An operator with one output."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 2 if name == "BROADCAST_TO" else 1
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        if options:
            operator.builtinOptions = getattr(schema, options + "OptionsT")()
            operator.builtinOptionsType = _OPTIONS[options + "Options"]
            for key, value in values.items():
                setattr(operator.builtinOptions, key, value)
        output = self.tensor(shape, kind, batch=kind == 0)
        operator.inputs, operator.outputs = inputs, [output]
        self.graph.operators.append(operator)
        return output

    def done(self, inputs: list[int], outputs: list[int]) -> schema.ModelT:
        self.graph.inputs, self.graph.outputs = inputs, outputs
        return self.model


def convolutions() -> schema.ModelT:
    """The layers of a small convolutional network."""
    b = Builder()
    x = image = b.tensor((1, 28, 28, 1), batch=True)
    x = b.add("PAD", [x, b.ints([[0, 0], [1, 1], [1, 1], [0, 0]])], (1, 30, 30, 1), "Pad")
    x = b.add(
        "CONV_2D",
        [x, b.floats(4, 3, 3, 1), b.floats(4)],
        (1, 14, 14, 4),
        "Conv2D",
        padding=1,
        strideH=2,
        strideW=2,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=1,
    )
    x = b.add(
        "DEPTHWISE_CONV_2D",
        [x, b.floats(1, 3, 3, 4), b.floats(4)],
        (1, 14, 14, 4),
        "DepthwiseConv2D",
        padding=0,
        strideH=1,
        strideW=1,
        depthMultiplier=1,
        dilationHFactor=1,
        dilationWFactor=1,
    )
    x = b.add("ADD", [x, b.floats(4)], (1, 14, 14, 4), "Add")
    x = b.add(
        "MAX_POOL_2D",
        [x],
        (1, 7, 7, 4),
        "Pool2D",
        padding=1,
        strideH=2,
        strideW=2,
        filterHeight=2,
        filterWidth=2,
    )
    y = b.add("MEAN", [x, b.ints([1, 2])], (1, 4), "Reducer", keepDims=False)
    x = b.add(
        "AVERAGE_POOL_2D",
        [x],
        (1, 3, 3, 4),
        "Pool2D",
        padding=1,
        strideH=2,
        strideW=2,
        filterHeight=2,
        filterWidth=2,
    )
    x = b.add("TRANSPOSE", [x, b.ints([0, 3, 1, 2])], (1, 4, 3, 3), "Transpose")
    x = b.add("RESHAPE", [x, b.ints([-1, 36])], (1, 36), "Reshape", newShape=[-1, 36])
    x = b.add("CONCATENATION", [x, y], (1, 40), "Concatenation", axis=1)
    x = b.add("FULLY_CONNECTED", [x, b.floats(10, 40), b.floats(10)], (1, 10), "FullyConnected")
    return b.done([image], [b.add("SOFTMAX", [x], (1, 10), "Softmax", beta=1.0)])


def shapes() -> schema.ModelT:
    """Operators that change shapes, most by a constant."""
    b = Builder()
    x = image = b.tensor((1, 8, 8), batch=True)
    x = b.add("EXPAND_DIMS", [x, b.ints(3)], (1, 8, 8, 1), "ExpandDims")
    x = b.add("RESIZE_BILINEAR", [x, b.ints([16, 16])], (1, 16, 16, 1), "ResizeBilinear")
    x = b.add("RESIZE_NEAREST_NEIGHBOR", [x, b.ints([8, 8])], (1, 8, 8, 1), "ResizeNearestNeighbor")
    x = b.add("TILE", [x, b.ints([1, 1, 1, 2])], (1, 8, 8, 2), "Tile")
    x = b.add("MIRROR_PAD", [x, b.ints([[0, 0], [1, 1], [1, 1], [0, 0]])], (1, 10, 10, 2), "MirrorPad")
    x = b.add(
        "STRIDED_SLICE",
        [x, b.ints([0, 1, 1, 0]), b.ints([0, 9, 9, 2]), b.ints([1, 1, 1, 1])],
        (1, 8, 8, 2),
        "StridedSlice",
        beginMask=1,
        endMask=1,
    )
    x = b.add(
        "SPACE_TO_BATCH_ND", [x, b.ints([2, 2]), b.ints([[0, 0], [0, 0]])], (4, 4, 4, 2), "SpaceToBatchND"
    )
    x = b.add(
        "BATCH_TO_SPACE_ND", [x, b.ints([2, 2]), b.ints([[0, 0], [0, 0]])], (1, 8, 8, 2), "BatchToSpaceND"
    )
    x = b.add("SPACE_TO_DEPTH", [x], (1, 4, 4, 8), "SpaceToDepth", blockSize=2)
    x = b.add("DEPTH_TO_SPACE", [x], (1, 8, 8, 2), "DepthToSpace", blockSize=2)
    x = b.add("GATHER", [x, b.ints([0, 1, 2, 3])], (1, 4, 8, 2), "Gather", axis=1)
    x = b.add("SLICE", [x, b.ints([0, 0, 0, 0]), b.ints([-1, 4, 5, 1])], (1, 4, 5, 1), "Slice")
    x = b.add("REDUCE_MAX", [x, b.ints([1])], (1, 5, 1), "Reducer")
    x = b.add("SQUEEZE", [x], (1, 5), "Squeeze", squeezeDims=[2])
    y = b.add("BROADCAST_TO", [b.floats(1, 5), b.ints([1, 5])], (1, 5), "BroadcastTo")
    z = b.add("FILL", [b.ints([1, 5]), b.constant(np.array(1, "<f4"))], (1, 5), "Fill")
    x = b.add("MUL", [b.add("ADD", [x, y], (1, 5), "Add"), z], (1, 5), "Mul")
    return b.done([image], [b.add("LOG_SOFTMAX", [x], (1, 5), "LogSoftmax")])


def computed_shape() -> schema.ModelT:
    """A batch that is read from the input, as Keras writes it: the shape of RESHAPE is a tensor."""
    b = Builder()
    image = b.tensor((1, 4, 4), batch=True)
    shape = b.add("SHAPE", [image], (3,), "Shape", kind=2, outType=2)
    batch = b.add(
        "STRIDED_SLICE",
        [shape, b.ints([0]), b.ints([1]), b.ints([1])],
        (),
        "StridedSlice",
        kind=2,
        shrinkAxisMask=1,
    )
    shape = b.add("PACK", [batch, b.ints(16)], (2,), "Pack", kind=2, valuesCount=2)
    x = b.add("RESHAPE", [image, shape], (1, 16), "Reshape")
    return b.done([image], [b.add("FULLY_CONNECTED", [x, b.floats(3, 16), -1], (1, 3), "FullyConnected")])


def pack(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@functools.cache
def tflite_models() -> list[bytes]:
    """Whole models to start from: ours without their metadata, and those above."""
    built = [pack(make()) for make in (convolutions, shapes, computed_shape)]
    return [*(path.read_bytes() for path in sorted((TINY / "export").glob("*.tflite"))), *built]


@functools.cache
def _parsed() -> list[schema.ModelT]:
    return [schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)) for content in tflite_models()]


def mutate_tflite(rng: random.Random) -> bytes:
    """A model with one to four things wrong in it, packed again."""
    for _ in range(20):
        model = copy.deepcopy(rng.choice(_parsed()))
        for _ in range(rng.choice((1, 1, 2, 4))):
            rng.choice(_MUTATIONS)(model, model.subgraphs[0], rng)
        try:
            return pack(model)
        except Exception:  # what no flatbuffer can hold: try another
            continue
    return b""


def _dimension(model: Any, graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.tensors)
    shape = list(tensor.shape) if tensor.shape is not None else []
    if shape:
        place = rng.randrange(len(shape))
        shape[place] = rng.choice((*_SIZES, shape[place] + 1, shape[place] * 2))
    if rng.random() < 0.2:
        shape = shape[1:] if rng.random() < 0.5 else [*shape, rng.choice((1, 2))]
    tensor.shape = shape
    if rng.random() < 0.5:
        _fill(model, tensor, rng)


def _kind(model: Any, graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.tensors)
    tensor.type = rng.choice((*_KINDS, 17, 19, rng.randrange(23)))
    if rng.random() < 0.8:
        _fill(model, tensor, rng)


def _fill(model: Any, tensor: Any, rng: random.Random) -> None:
    """A constant's bytes, as many as its shape takes."""
    if not tensor.buffer or model.buffers[tensor.buffer].data is None or tensor.shape is None:
        return
    size = math.prod(map(int, tensor.shape)) * (
        np.dtype(_KINDS[tensor.type]).itemsize if tensor.type in _KINDS else 1
    )
    if 0 <= size < 1_000_000:
        model.buffers[tensor.buffer].data = np.frombuffer(rng.randbytes(size), np.uint8)


def _constant(model: Any, graph: Any, rng: random.Random) -> None:
    """One number of a constant, oftenest of a short one, which sizes are."""
    tensors = [
        tensor for tensor in graph.tensors if tensor.buffer and model.buffers[tensor.buffer].data is not None
    ]
    tensors = [t for t in tensors if t.type == 2 and len(model.buffers[t.buffer].data) < 64] * 5 + tensors
    if not tensors:
        return
    tensor = rng.choice(tensors)
    data = bytearray(bytes(model.buffers[tensor.buffer].data))
    width = np.dtype(_KINDS[tensor.type]).itemsize if tensor.type in _KINDS else 1
    for _ in range(rng.choice((1, 1, 2))):
        if len(data) >= width:
            place = rng.randrange(len(data) // width) * width
            number = rng.choice((*_SIZES, rng.randrange(-10, 30)))
            data[place : place + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    model.buffers[tensor.buffer].data = np.frombuffer(bytes(data), np.uint8)


def _wiring(model: Any, graph: Any, rng: random.Random) -> None:
    operator = rng.choice(graph.operators)
    inputs, outputs = list(operator.inputs), list(operator.outputs)
    wires = rng.choice((inputs, inputs, inputs, outputs))
    index = rng.choice(
        (-1, rng.randrange(len(graph.tensors)), rng.randrange(len(graph.tensors)), len(graph.tensors))
    )
    match rng.randrange(4):
        case 0 | 1 if wires:
            wires[rng.randrange(len(wires))] = index
        case 2:
            wires.append(index)
        case _ if wires:
            wires.pop()
    operator.inputs, operator.outputs = inputs, outputs


def _code(model: Any, graph: Any, rng: random.Random) -> None:
    """Another operator; oftenest with the settings that belong to it, but by chance."""
    code = rng.choice(model.operatorCodes)
    code.builtinCode = rng.randrange(210)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = rng.choice((1, 1, 2, 3, 5))


def _options(model: Any, graph: Any, rng: random.Random) -> None:
    operator = rng.choice(graph.operators)
    options = operator.builtinOptions
    if options is None or rng.random() < 0.1:
        name = rng.choice(list(_OPTIONS))
        if name != "NONE":
            operator.builtinOptions, operator.builtinOptionsType = (
                getattr(schema, name + "T")(),
                _OPTIONS[name],
            )
        return
    if rng.random() < 0.05:
        operator.builtinOptions, operator.builtinOptionsType = None, 0
        return
    for key, value in vars(options).items():
        if rng.random() < 0.4 and isinstance(value, int | float | bool):
            setattr(
                options,
                key,
                rng.choice((*_SIZES, value)) if not isinstance(value, float) else rng.choice(_SCALES),
            )


def _quantization(model: Any, graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.tensors)
    quantization = tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
    match rng.randrange(5):
        case 0:
            tensor.quantization = None
        case 1:
            quantization.scale = [rng.choice(_SCALES)] * rng.choice((0, 1, 1, 2, 10))
        case 2:
            quantization.zeroPoint = [rng.choice((0, 1, -128, 127, 128, 1 << 40))] * rng.choice((0, 1, 1, 2))
        case 3:
            quantization.quantizedDimension = rng.choice(_SIZES)
        case 4:
            count = rng.choice((1, *(() if tensor.shape is None else tensor.shape)))
            quantization.scale, quantization.zeroPoint = [0.01] * int(count % 5000), [0] * int(count % 5000)
            tensor.type = rng.choice((tensor.type, 9, 3, 7, 2))


def _steps(model: Any, graph: Any, rng: random.Random) -> None:
    place = rng.randrange(len(graph.operators))
    match rng.randrange(4):
        case 0:
            graph.operators.insert(rng.randrange(len(graph.operators)), copy.deepcopy(graph.operators[place]))
        case 1:
            graph.operators.pop(place)
        case 2:
            rng.shuffle(graph.operators)
        case 3:
            graph.operators[place].opcodeIndex = rng.randrange(len(model.operatorCodes) + 1)
    if not graph.operators:
        graph.operators = [schema.OperatorT()]
        graph.operators[0].inputs, graph.operators[0].outputs = [], []


def _ends(model: Any, graph: Any, rng: random.Random) -> None:
    index = rng.randrange(-1, len(graph.tensors) + 1)
    match rng.randrange(4):
        case 0:
            graph.inputs = [index]
        case 1 | 2:
            graph.outputs = [index]
        case 3:
            rng.choice(graph.tensors).isVariable = True


_MUTATIONS = (_dimension, _dimension, _kind, _constant, _constant, _wiring, _wiring, _code, _code)
_MUTATIONS += (_options, _options, _quantization, _quantization, _steps, _ends)
