"""Foreign models: the tiny run's network with other input contracts.

Each is as accurate as the original if it is fed according to its contract, and wrong otherwise.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from fmnist_runtime import load
from fmnist_runtime.artifact.contract import parse_range
from support import TINY
from support.foreign_tflite import Builder, pack

UINT8, INT8, INT16, INT32 = 3, 9, 7, 2
"""Of TensorType."""


def weights(range: str = "0-255") -> list[NDArray[np.float32]]:
    """Return kernels ``[inputs, units]`` and biases of the tiny network, for pixels of a range."""
    with load(TINY / "export" / "model-float32.npz") as session:
        layers: Any = session
        [hidden, head] = layers.layers
    pixels = parse_range(range)
    [scale], [offset] = pixels.scale, pixels.offset
    kernel = hidden.kernel.astype(np.float64) / scale
    bias = hidden.bias - offset * kernel.sum(axis=0)
    return [kernel.astype(np.float32), bias.astype(np.float32), head.kernel, head.bias]


def tflite(
    range: str = "0-1",
    shape: tuple[int, ...] = (28, 28),
    end: str = "SOFTMAX",
    integers: tuple[int, float, int] | None = None,
    logits_too: bool = False,
    unit: int | None = None,
) -> schema.ModelT:
    """Return a TFLite model that takes one image at a time.

    Args:
        range: The input range that it was trained on.
        shape: Shape of its input without the batch, of 784 numbers.
        end: The operator after the last dense layer; empty for logits.
        integers: TensorType, scale and zero point of an integer input.
        logits_too: Whether the logits are an output, too.
        unit: A class that a single unit separates from all others.
    """
    kernel, bias, head, head_bias = weights(range)
    if unit is not None:  # the logit of a class against the others, by their mean
        others = [place for place in np.arange(10) if place != unit]
        head = (head[:, [unit]] - head[:, others].mean(axis=1, keepdims=True)).astype(np.float32)
        head_bias = (head_bias[[unit]] - head_bias[others].mean()).astype(np.float32)
    classes = len(head_bias)
    b = Builder()
    if integers:
        kind, scale, zero_point = integers
        image = b.tensor((1, *shape), kind, scale)
        b.graph.tensors[image].quantization.zeroPoint = [zero_point]
        x = b.add("DEQUANTIZE", [image], (1, *shape), "Dequantize")
    else:
        x = image = b.tensor((1, *shape))
    if len(shape) > 1:
        x = b.add("RESHAPE", [x, b.ints([1, 784])], (1, 784), "Reshape", newShape=[1, 784])
    dense = [b.constant(np.ascontiguousarray(kernel.T)), b.constant(bias)]
    x = b.add("FULLY_CONNECTED", [x, *dense], (1, 16), "FullyConnected", fusedActivationFunction=1)
    dense = [b.constant(np.ascontiguousarray(head.T)), b.constant(head_bias)]
    logits = x = b.add("FULLY_CONNECTED", [x, *dense], (1, classes), "FullyConnected")
    if end == "SOFTMAX":
        x = b.add("SOFTMAX", [x], (1, classes), "Softmax", beta=1.0)
    elif end:
        x = b.add(end, [x], (1, classes))
    for tensor in b.graph.tensors:
        tensor.shapeSignature = None
    return b.done([image], [logits, x] if logits_too else [x])


def recurrent() -> schema.ModelT:
    """Return an LSTM over the rows of an image, which keeps its state in variables, with a softmax."""
    b, units = Builder(), 8
    image = b.tensor((1, 28, 28))
    tensors = [b.floats(units, 28) for _ in range(4)] + [b.floats(units, units) for _ in range(4)]
    tensors += [-1, -1, -1, *(b.floats(units) for _ in range(4)), -1, -1]
    states = [b.tensor((1, units)), b.tensor((1, units))]
    for state in states:
        b.graph.tensors[state].isVariable = True
    inputs = [image, *tensors, *states, -1, -1, -1, -1]
    x = b.add(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        (1, 28, units),
        "UnidirectionalSequenceLSTM",
        fusedActivationFunction=4,
    )
    x = b.add("RESHAPE", [x, b.ints([1, 28 * units])], (1, 28 * units), "Reshape", newShape=[1, 28 * units])
    x = b.add("FULLY_CONNECTED", [x, b.floats(10, 28 * units), -1], (1, 10), "FullyConnected")
    for tensor in b.graph.tensors:
        tensor.shapeSignature = None
    return b.done([image], [b.add("SOFTMAX", [x], (1, 10), "Softmax", beta=1.0)])


def recurrent_int8() -> schema.ModelT:
    """Return an int8 LSTM as the converter writes it; its cell state is int16 with a power-of-two scale."""
    b, units, rng = Builder(), 8, np.random.default_rng(0)

    def integers(kind: int, *shape: int, scale: float, variable: bool = False) -> int:
        tensor = b.tensor(shape, kind, scale)
        b.graph.tensors[tensor].isVariable = variable
        return tensor

    def constant(kind: str, *shape: int, scale: float) -> int:
        return b.constant(rng.integers(-100, 100, shape).astype(kind), scale)

    image = integers(INT8, 1, 28, 28, scale=1 / 255)
    b.graph.tensors[image].quantization.zeroPoint = [-128]
    tensors = [constant("<i1", units, 28, scale=0.01) for _ in range(4)]
    tensors += [constant("<i1", units, units, scale=0.01) for _ in range(4)]
    biases = [constant("<i4", units, scale=0.01 / 255) for _ in range(4)]
    states = [
        integers(INT8, 1, units, scale=1 / 128, variable=True),
        integers(INT16, 1, units, scale=2**-11, variable=True),
    ]
    inputs = [image, *tensors, -1, -1, -1, *biases, -1, -1, *states, -1, -1, -1, -1]
    x = b.add(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        (1, 28, units),
        "UnidirectionalSequenceLSTM",
        kind=INT8,
        fusedActivationFunction=4,
        cellClip=10.0,
    )
    b.graph.tensors[x].quantization = b.graph.tensors[states[0]].quantization
    rounding = [b.tensor((0,)) for _ in range(4)] + [integers(INT8, 0, scale=1 / 128)]
    b.graph.operators[-1].intermediates = rounding
    x = b.add("DEQUANTIZE", [x], (1, 28, units), "Dequantize")
    x = b.add("RESHAPE", [x, b.ints([1, 28 * units])], (1, 28 * units), "Reshape", newShape=[1, 28 * units])
    x = b.add("FULLY_CONNECTED", [x, b.floats(10, 28 * units), -1], (1, 10), "FullyConnected")
    for tensor in b.graph.tensors:
        tensor.shapeSignature = None
    return b.done([image], [b.add("SOFTMAX", [x], (1, 10), "Softmax", beta=1.0)])


def with_metadata(
    model: schema.ModelT,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    labels: bytes | None = None,
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """Return a model with TFLite's own metadata: a metadata buffer, and a label file in an appended ZIP."""
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_metadata(mean, std, labels is not None), np.uint8)
    model.buffers.append(buffer)
    model.metadata = [entry]
    content = io.BytesIO(pack(model))
    if labels is not None:
        with zipfile.ZipFile(content, "a", method) as archive:
            archive.writestr("labels.txt", labels)
    return content.getvalue()


def _metadata(mean: Sequence[float], std: Sequence[float], labelled: bool) -> bytes:
    """Return a ModelMetadata of one graph; field numbers are those of metadata_schema.fbs."""
    b = flatbuffers.Builder(256)

    def table(fields: dict[int, Any]) -> int:
        b.StartObject(8)
        for number, (kind, value) in fields.items():
            if kind == "offset":
                b.PrependUOffsetTRelativeSlot(number, value, 0)
            else:
                b.PrependUint8Slot(number, value, 0)
        return int(b.EndObject())

    def tables(*entries: int) -> tuple[str, int]:
        b.StartVector(4, len(entries), 4)
        for place in reversed(entries):
            b.PrependUOffsetTRelative(place)
        return "offset", b.EndVector()

    def floats(values: Sequence[float]) -> tuple[str, int]:
        b.StartVector(4, len(values), 4)
        for value in reversed(values):
            b.PrependFloat32(value)
        return "offset", b.EndVector()

    image: dict[int, Any] = {}
    if mean:
        options = table({0: floats(mean), 1: floats(std)})
        image[4] = tables(table({0: ("byte", 1), 1: ("offset", options)}))
    scores: dict[int, Any] = {}
    if labelled:
        name = ("offset", b.CreateString("labels.txt"))
        scores[6] = tables(table({0: name, 2: ("byte", 2)}))
    ends = {2: tables(table(image)), 3: tables(table(scores))}
    b.Finish(table({3: tables(table(ends))}), b"M001")
    return bytes(b.Output())


def bare(content: bytes, images: NDArray[Any], output: int = 0) -> NDArray[np.float32]:
    """Return the interpreter's own scores of images, one at a time, with a fresh state for each.

    Args:
        content: A TFLite model that takes one image at a time.
        images: ``[N, …]``, in the model's type and range.
        output: Index of the output.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [image], scores = interpreter.get_input_details(), interpreter.get_output_details()[output]
    rows = []
    for pixels in images:
        interpreter.reset_all_variables()
        interpreter.set_tensor(image["index"], pixels.reshape(image["shape"]).astype(image["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(scores["index"])[0].copy())
    return np.stack(rows)


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values.astype(np.float64)))


def softmax(values: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp(values.astype(np.float64) - values.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


EPSILON = 1e-6
"""Scores near 1 in float32 are rounded by 6e-8; sums of 784 products in another order by some ten times
that."""
