"""TFLite models as other people build them, operator by operator."""

from __future__ import annotations

import functools
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from support import TINY

KINDS = {0: "<f4", 1: "<f2", 2: "<i4", 3: "<u1", 4: "<i8", 6: "?", 7: "<i2", 9: "<i1", 10: "<f8"}
"""NumPy's dtypes of tensors, by TensorType."""
OPTIONS = {
    name: number
    for name, number in vars(schema.BuiltinOptions).items()
    if not name.startswith("_") and isinstance(number, int)
}
"""BuiltinOptions by name."""


class Builder:
    """Builds a small model, operator by operator."""

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
        kind = next(number for number, name in KINDS.items() if np.dtype(name) == array.dtype)
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
        """Add an operator with one output."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 2 if name == "BROADCAST_TO" else 1
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        if options:
            operator.builtinOptions = getattr(schema, options + "OptionsT")()
            operator.builtinOptionsType = OPTIONS[options + "Options"]
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
    """Return operators that change shapes, mostly by a constant."""
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
    """Return a model that reads the batch size from the input, as Keras does: RESHAPE's shape is a tensor."""
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
    """Return whole models to start from: ours without their metadata, and those above."""
    from support.strangers import (
        INT8,
        recurrent,
        recurrent_int8,
        tflite,
        with_metadata,
    )  # which are built of this module's parts

    built = [pack(make()) for make in (convolutions, shapes, computed_shape, recurrent, recurrent_int8)]
    built.append(with_metadata(tflite(), (127.5,), (127.5,), "\n".join("abcdefghij").encode()))
    built.append(with_metadata(tflite(integers=(INT8, 1 / 255, -128)), (0,), (255,), b"0 Cats\n1 Dogs\n"))
    return [*(path.read_bytes() for path in sorted((TINY / "export").glob("*.tflite"))), *built]
