"""TFLite → the network of a C file, with the arithmetic of LiteRT's integers.

The formulas are those of XNNPACK, which runs LiteRT's layers (https://github.com/google/XNNPACK,
``src/microparams-init.c``, ``src/operators``), or where it has none, of LiteRT's own kernels
(https://github.com/google-ai-edge/LiteRT, ``tflite/kernels/internal``). Numbers of fields are those of the
schema that `fmnist_runtime.safety.tflite.graph` names.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.contract import RAW, InputContract, parse_range
from fmnist_runtime.artifact.metadata import Head
from fmnist_runtime.engines.quantization import pixel_writer
from fmnist_runtime.errors import UnsupportedError
from fmnist_runtime.native.check import check_network
from fmnist_runtime.native.kernels import WINDOW
from fmnist_runtime.native.network import Layer, Network, NetworkTensor
from fmnist_runtime.safety.flatbuffer import root
from fmnist_runtime.safety.tflite.graph import (
    FLOAT16,
    FLOAT32,
    INT8,
    INT32,
    INT64,
    UINT8,
    TfliteOperator,
    read_graph,
    type_name,
)

_DTYPES = {FLOAT32: "<f4", FLOAT16: "<f2", INT8: "i1", UINT8: "u1", INT32: "<i4", INT64: "<i8"}
_MOST = float(np.finfo(np.float32).max)
_NO_LIMITS = {"low": -_MOST, "high": _MOST}
_SIGNED = 128
"""What is added to a signed 8-bit number to hold it as uint8."""
_FUSED = {0: "", 1: "relu", 3: "relu6"}
"""Values of ActivationFunctionType."""
_ONE = 0x3F800000
"""The bits of 1 in float32."""


class _Quantized(NamedTuple):
    scales: NDArray[np.float32]
    zero_point: int
    """As uint8."""


def read_tflite(
    content: bytes, name: str, contract: InputContract, image_shape: tuple[int, ...], head: Head
) -> Network:
    """Return the network of a TFLite model.

    Args:
        content: The bytes of a file that was checked.
        name: Prefix of names in C.
        contract: The model's input contract, with its range.
        image_shape: Shape of one image.
        head: What is added after the model.

    Raises:
        UnsupportedError: It has a layer that C has no kernel for.
    """
    try:
        network = _Reader(content, name, contract, image_shape).read(head)
        check_network(network)
    except (ValueError, LookupError) as error:
        raise UnsupportedError(f"C cannot hold it: {error}") from error
    return network


def c_name(text: str) -> str:
    """Return a prefix for names in C, from the name of a file."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name[:60] if name[:1].isalpha() else f"model_{name}"[:60].strip("_")


class _Reader:
    """Builds the layers, operator by operator."""

    def __init__(
        self, content: bytes, name: str, contract: InputContract, image_shape: tuple[int, ...]
    ) -> None:
        self._graph, self._content, self._name = read_graph(content), content, name
        self._tables = root(content).tables(2)[0].tables(0)
        self._contract = contract
        self._tensors = [NetworkTensor(image_shape, "uint8")]
        self._layers: list[Layer] = []
        self._places: dict[int, int] = {}
        """The tensor of the network for each of the file that was computed."""
        self._constants: dict[int, NDArray[np.float32]] = {}
        """float32 constants that are stored in another type."""
        self._operator = ""

    def read(self, head: Head) -> Network:
        if len(self._graph.inputs) != 1 or len(self._graph.outputs) != 1:
            raise ValueError("it has several inputs or outputs")
        [source], [result] = self._graph.inputs, self._graph.outputs
        if self._graph.tensors[source].shape[:1] != (1,):
            raise ValueError("it takes several images at once")
        self._image(source)
        for number, operator in enumerate(self._graph.operators):
            self._operator = f"layer {number}, {operator.name}"
            try:
                self._follow(operator)
            except (ValueError, LookupError) as error:
                raise ValueError(f"{self._operator}: {error}") from error
        self._operator = "its output"
        if result not in self._places:
            raise ValueError("its output is not computed")
        self._finish(self._places[result], head)
        return Network(self._name, tuple(self._tensors), tuple(self._layers))

    # What the file holds

    def _shape(self, index: int) -> tuple[int, ...]:
        """Return a tensor's shape without the batch."""
        return self._graph.tensors[index].shape[1:]

    def _quantized(self, index: int) -> _Quantized:
        tensor, quantization = self._graph.tensors[index], self._tables[index].table(4)
        scales = quantization.numbers(2, "f") if quantization else ()
        if tensor.kind not in (INT8, UINT8) or not quantization or not scales:
            kind = type_name(tensor.kind).lower()
            raise ValueError(f"it computes with {kind}, and C with float32 or int8 throughout a layer")
        zero_points = set(quantization.numbers(3, "q")) or {0}
        if len(zero_points) > 1:
            raise ValueError("its channels have several zero points")
        return _Quantized(
            np.array(scales, np.float32), zero_points.pop() + (_SIGNED if tensor.kind == INT8 else 0)
        )

    def _is_float(self, index: int) -> bool:
        return self._graph.tensors[index].kind == FLOAT32

    def _constant(self, index: int) -> NDArray[Any] | None:
        """Return a constant as it is stored; None if the tensor is computed."""
        if index in self._constants:
            return self._constants[index]
        tensor = self._graph.tensors[index]
        if not tensor.constant or tensor.kind not in _DTYPES:
            return None
        start, _ = tensor.data
        dtype = np.dtype(_DTYPES[tensor.kind])
        values = np.frombuffer(self._content, dtype, tensor.elements, start).reshape(tensor.shape)
        return values.astype(dtype.newbyteorder("="))

    def _weights(self, index: int) -> NDArray[Any]:
        values = self._constant(index)
        if values is None:
            tensor = self._graph.tensors[index]
            what = type_name(tensor.kind).lower() if tensor.constant else "computed"
            raise ValueError(f"its weights are {what}")
        return values

    def _input(self, index: int) -> int:
        """Return the network's tensor for one of the file."""
        if index not in self._places:
            raise ValueError("it takes a constant")
        return self._places[index]

    # What the network gets

    def _add(
        self, kernel: str, inputs: Sequence[int], tensor: NetworkTensor, note: str = "", /, **own: Any
    ) -> int:
        """Add a layer, and return its output."""
        self._tensors.append(tensor)
        return self._add_into(len(self._tensors) - 1, kernel, inputs, note, **own)

    def _add_into(
        self, output: int, kernel: str, inputs: Sequence[int], note: str = "", /, **own: Any
    ) -> int:
        arrays = {name: value for name, value in own.items() if isinstance(value, np.ndarray)}
        reals = {name: float(np.float32(v)) for name, v in own.items() if isinstance(v, float | np.floating)}
        numbers = {name: int(v) for name, v in own.items() if name not in arrays and name not in reals}
        self._layers.append(Layer(kernel, tuple(inputs), output, numbers, reals, arrays, note))
        return output

    def _tensor(self, index: int) -> NetworkTensor:
        """Return what the network holds for a tensor of the file."""
        if self._is_float(index):
            return NetworkTensor(self._shape(index), "float32")
        kind = self._graph.tensors[index].kind
        if kind in (UINT8, INT8) and not self._graph.tensors[index].scales:  # integers as such, to be cast
            return NetworkTensor(self._shape(index), "uint8", 1.0, _SIGNED if kind == INT8 else 0)
        quantized = self._quantized(index)
        [scale] = quantized.scales.tolist()
        return NetworkTensor(self._shape(index), "uint8", scale, quantized.zero_point)

    def _image(self, source: int) -> None:
        """Add what makes the model's input of raw pixels."""
        contract, image = self._contract, self._tensors[0]
        pixels = parse_range(contract.range or RAW)
        if contract.layout == "CHW" and contract.shape[0] != 1:
            raise ValueError("its input has channels first; convert it with channels last")
        if pixels.bgr:
            raise ValueError("its first channel is blue; convert it to take red first")
        tensor = self._tensor(source)
        channels = 3 if image.shape[-1] == 3 and len(image.shape) == 3 else 1
        stored = np.dtype(_DTYPES[self._graph.tensors[source].kind]).newbyteorder("=")
        rows = np.empty((256, 1, channels), stored)
        signed = stored == np.int8
        zero_point = tensor.zero_point - (_SIGNED if signed else 0)
        pixel_writer(rows, tensor.scale, zero_point, pixels)(
            np.arange(256, dtype=np.uint8)[:, None, None].repeat(channels, 2)
        )
        table = rows.astype(np.int32) + _SIGNED if signed else rows
        table = np.ascontiguousarray(table.reshape(256, channels).T)
        if tensor.kind == "uint8":
            table = table.astype(np.uint8)
        raw = bool((table == np.arange(256)).all())
        if raw and tensor.kind == "uint8":
            self._tensors[0] = NetworkTensor(image.shape, "uint8", tensor.scale, tensor.zero_point)
            self._places[source] = 0
        elif raw:
            self._places[source] = self._add(
                "float_f32", [0], tensor, "pixels", length=tensor.elements, zero_point=0, scale=1.0
            )
        else:
            if (table == table[:1]).all():
                table = table[:1]
            kernel = "pixels_u8" if tensor.kind == "uint8" else "pixels_f32"
            note = f"pixels as {pixels.text}".replace("=", " ")
            self._places[source] = self._add(
                kernel, [0], tensor, note, length=tensor.elements, channels=len(table), table=table
            )

    def _finish(self, place: int, head: Head) -> None:
        """Add what makes probabilities, float32, of the model's output."""
        tensor = self._tensors[place]
        length, floats = tensor.elements, NetworkTensor((tensor.elements,), "float32")
        if tensor.kind == "uint8":
            place = self._add(
                "float_f32",
                [place],
                floats,
                "",
                length=length,
                zero_point=tensor.zero_point,
                scale=tensor.scale,
            )
        if head == "softmax":
            place = self._add("softmax_f32", [place], floats, "", rows=1, length=length)
        if head == "logistic pair":
            place = self._add("logistic_f32", [place], floats, "", length=length)
        if head == "tanh pair":
            for kernel, value in (("add_f32", 1.0), ("mul_f32", 0.5)):
                b = np.array([value], np.float32)
                own = {"length": length, "period": 1, "b_step": 0, "b": b, **_NO_LIMITS}
                place = self._add(kernel, [place], floats, "", **own)
        if head != "none" and head != "softmax":
            place = self._add("pair_f32", [place], NetworkTensor((2,), "float32"))
        elif place != self._layers[-1].output:
            raise ValueError("its output is not what its last layer gives")

    # Operators

    def _follow(self, operator: TfliteOperator) -> None:
        source = operator.inputs[0]
        if operator.name == "DEQUANTIZE" and (stored := self._constant(source)) is not None:
            self._constants[operator.outputs[0]] = self._widened(source, stored)
            return
        if all(self._graph.tensors[index].kind in (INT32, INT64) for index in operator.outputs):
            return  # it computes a shape, which is known for one image
        read = _OPERATORS.get(operator.name)
        if read is None:
            raise ValueError("there is no kernel for it")
        read(self, operator)

    def _widened(self, index: int, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return a constant of float16 or integers as float32."""
        if stored.dtype.kind == "f":
            return stored.astype(np.float32)
        quantized = self._quantized(index)
        signed = _SIGNED if stored.dtype == np.int8 else 0
        shape = [1] * stored.ndim
        shape[self._graph.tensors[index].axis if len(quantized.scales) > 1 else 0] = len(quantized.scales)
        scales = quantized.scales.reshape(shape)
        return np.asarray((stored.astype(np.float32) - (quantized.zero_point - signed)) * scales, np.float32)

    def alias(self, operator: TfliteOperator) -> None:
        """A reshape: the same numbers in the same order."""
        place = self._input(operator.inputs[0])
        if self._tensors[place].elements != math.prod(self._shape(operator.outputs[0])):
            raise ValueError("it mixes images")
        if self._tensors[place].kind == "uint8" and self._graph.tensors[operator.outputs[0]].scales:
            self._require_same_scale(operator.inputs[0], operator.outputs[0])
        self._places[operator.outputs[0]] = place

    def _limits(self, index: int, activation: str) -> dict[str, Any]:
        """Return the limits of a layer's output with an activation."""
        top = {"relu6": 6.0}.get(activation, math.inf)
        if self._is_float(index):
            return {"low": 0.0 if activation else -_MOST, "high": min(top, _MOST)}
        quantized = self._quantized(index)
        high = np.rint(np.float32(top) / quantized.scales[0]) + quantized.zero_point
        low = quantized.zero_point if activation else 0
        return {"low": low, "high": int(min(255, high)), "zero_point": quantized.zero_point}

    def _activation(self, operator: TfliteOperator, field: int) -> str:
        number = operator.options.number(field, "b") if operator.options else 0
        if number not in _FUSED:
            raise ValueError("its activation is neither relu nor relu6")
        return _FUSED[number]

    def _linear(self, operator: TfliteOperator, units: int) -> dict[str, Any]:
        """Return weights, biases, scales and limits, without the activation's."""
        source, weights_index, *rest = operator.inputs
        output = operator.outputs[0]
        weights = self._weights(weights_index)
        bias_index = next((index for index in rest if index >= 0), None)
        biases = np.zeros(units, np.int64) if bias_index is None else self._weights(bias_index)
        if self._is_float(source):
            if weights.dtype != np.float32:
                raise ValueError(
                    "its weights are integers and its activations float32, which C does not mix; export int8 "
                    "or float32"
                )
            return {"weights": weights, "biases": biases.astype(np.float32)}
        if weights.dtype != np.int8 or self._is_float(output):
            raise ValueError("its weights are not int8, or its output is not; export int8")
        taken, held, given = (self._quantized(index) for index in (source, weights_index, output))
        if held.zero_point != _SIGNED:
            raise ValueError("its weights have a zero point other than 0")
        # In float32, in this order, as XNNPACK does.
        scales = taken.scales[0] * np.broadcast_to(held.scales, (units,)) / given.scales[0]
        return {"weights": weights, "biases": biases.astype(np.int64), "scales": scales.astype(np.float32)}

    def _folded(self, linear: dict[str, Any], zero_point: int) -> dict[str, Any]:
        """Return biases that include the zero point of the input, times the weights of each unit."""
        biases = linear["biases"] - zero_point * linear["weights"].astype(np.int64).reshape(
            len(linear["biases"]), -1
        ).sum(axis=1)
        return linear | {"biases": _int32(biases)}

    def dense(self, operator: TfliteOperator) -> None:
        source, weights, output = operator.inputs[0], operator.inputs[1], operator.outputs[0]
        place = self._input(source)
        units, inputs = self._graph.tensors[weights].shape
        if operator.options and operator.options.number(1, "b"):
            raise ValueError("its weights are shuffled")
        activation, linear = self._activation(operator, 0), self._linear(operator, units)
        kind = "f32" if self._is_float(source) else "u8"
        if kind == "u8":
            linear = self._folded(linear, self._quantized(source).zero_point)
        rows = self._tensors[place].elements // inputs
        self._places[output] = self._add(
            f"dense_{kind}",
            [place],
            self._tensor(output),
            f"{inputs} → {units} {activation}".strip(),
            rows=rows,
            inputs=inputs,
            units=units,
            **linear,
            **self._limits(output, activation),
        )

    def _window(
        self, operator: TfliteOperator, filters: tuple[int, int], dilation: tuple[int, int] = (1, 1)
    ) -> dict[str, int]:
        """Return how a filter moves. Fields 0 to 2 of the options are padding and strides."""
        options = operator.options
        if options is None:
            raise ValueError("it has no settings")
        height, width, channels = self._shape(operator.inputs[0])
        out_height, out_width, _ = self._shape(operator.outputs[0])
        strides = options.number(2, "i"), options.number(1, "i")
        pads = [0, 0]
        if options.number(0, "b") == 0:  # SAME
            for axis, (size, out) in enumerate(((height, out_height), (width, out_width))):
                covered = (out - 1) * strides[axis] + (filters[axis] - 1) * dilation[axis] + 1
                pads[axis] = max(0, covered - size) // 2
        values = (height, width, channels, out_height, out_width, *filters, *strides, *dilation, *pads)
        return dict(zip(WINDOW, values, strict=True))

    def conv(self, operator: TfliteOperator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        units, *filters, channels = self._graph.tensors[operator.inputs[1]].shape
        if channels != self._shape(source)[2]:
            raise ValueError("its filters are in groups")
        options = operator.options
        dilation = (options.number(5, "i", 1), options.number(4, "i", 1)) if options else (1, 1)
        window = self._window(operator, (filters[0], filters[1]), dilation)
        activation, linear = self._activation(operator, 3), self._linear(operator, units)
        note = f"{filters[0]}×{filters[1]}, {channels} → {units} {activation}".strip()
        if not self._is_float(source):
            linear = self._folded(linear, self._quantized(source).zero_point)
        own = linear | self._limits(output, activation)
        kind, place = "f32" if self._is_float(source) else "u8", self._input(source)
        pointwise = all(window[name] == 1 for name in WINDOW[5:11]) and not window["top"] + window["left"]
        if pointwise:
            rows = window["out_height"] * window["out_width"]
            own |= {"rows": rows, "inputs": channels, "units": units}
            self._places[output] = self._add(f"dense_{kind}", [place], self._tensor(output), note, **own)
            return
        if kind == "u8":
            own["empty"] = self._quantized(source).zero_point
        self._places[output] = self._add(
            f"conv_{kind}", [place], self._tensor(output), note, units=units, **window, **own
        )

    def depthwise(self, operator: TfliteOperator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        _, height, width, units = self._graph.tensors[operator.inputs[1]].shape
        options = operator.options
        dilation = (options.number(6, "i", 1), options.number(5, "i", 1)) if options else (1, 1)
        window = self._window(operator, (height, width), dilation)
        activation, own = self._activation(operator, 4), self._linear(operator, units)
        kind = "f32" if self._is_float(source) else "u8"
        if kind == "u8":
            zero_point = self._quantized(source).zero_point
            per_unit = own["weights"].astype(np.int64).reshape(-1, units).sum(axis=0)
            own |= {"biases": _int32(own["biases"] - zero_point * per_unit), "empty": zero_point}
        self._places[output] = self._add(
            f"depthwise_{kind}",
            [self._input(source)],
            self._tensor(output),
            f"{height}×{width} {activation}".strip(),
            filters=units // window["channels"],
            **window,
            **own,
            **self._limits(output, activation),
        )

    def pool(self, operator: TfliteOperator) -> None:
        source, output, options = operator.inputs[0], operator.outputs[0], operator.options
        if options is None:
            raise ValueError("it has no settings")
        filters = options.number(4, "i"), options.number(3, "i")
        window, limits = self._window(operator, filters), self._limits(output, self._activation(operator, 5))
        kind = "f32" if self._is_float(source) else "u8"
        limits.pop("zero_point", None)
        if kind == "u8":
            self._require_same_scale(source, output)
        if operator.name == "AVERAGE_POOL_2D" and kind == "u8":
            limits["zero"] = _SIGNED if self._graph.tensors[source].kind == INT8 else 0
        kernel = "average_pool" if operator.name == "AVERAGE_POOL_2D" else "max_pool"
        note = f"{filters[0]}×{filters[1]}"
        self._places[output] = self._add(
            f"{kernel}_{kind}", [self._input(source)], self._tensor(output), note, **window, **limits
        )

    def _require_same_scale(self, source: int, output: int) -> None:
        taken, given = self._quantized(source), self._quantized(output)
        if taken.scales[0] != given.scales[0] or taken.zero_point != given.zero_point:
            raise ValueError("its output is scaled otherwise than its input")

    def mean(self, operator: TfliteOperator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        shape, axes = self._graph.tensors[source].shape, self._constant(operator.inputs[1])
        if axes is None or sorted(int(axis) % len(shape) for axis in axes.reshape(-1)) != [
            *range(1, len(shape) - 1)
        ]:
            raise ValueError("it is no mean over height and width")
        places, channels = math.prod(shape[1:-1]), shape[-1]
        own: dict[str, Any] = {"places": places, "channels": channels}
        kind = "f32" if self._is_float(source) else "u8"
        if kind == "u8":
            taken, given = self._quantized(source), self._quantized(output)
            scale = taken.scales[0] / given.scales[0] * (np.float32(1) / np.float32(places))
            # XNNPACK adds int8 without the zero point, and puts that into the output's.
            zero = np.float32(places * (taken.zero_point - _SIGNED)) * scale
            offset = np.float32(given.zero_point - _SIGNED) - zero
            own |= {"zero": _SIGNED, "scale": scale, "offset": offset, "zero_point": _SIGNED}
        self._places[output] = self._add(
            f"mean_{kind}", [self._input(source)], self._tensor(output), "", **own
        )

    def two(self, operator: TfliteOperator) -> None:
        """ADD, SUB and MUL of two tensors, or of one and a constant."""
        first, second, output = *operator.inputs, operator.outputs[0]
        negative = operator.name == "SUB"
        if self._sizes(first) < self._sizes(second) or first not in self._places:
            first, second = second, first
            if negative:
                raise ValueError("it takes from a constant, or from a shorter tensor")
        shape, other = self._shape(first), self._graph.tensors[second].shape
        other = other[next((place for place, size in enumerate(other) if size != 1), len(other)) :]
        if other != shape[len(shape) - len(other) :]:
            raise ValueError(f"it spreads {other} over {shape}")
        period, limits = math.prod(other), self._limits(output, self._activation(operator, 0))
        own: dict[str, Any] = {"length": math.prod(shape), "period": period, **limits}
        inputs, constant = [self._input(first)], self._constant(second)
        own["b_step"] = 0 if constant is not None else period
        if constant is None:
            inputs.append(self._input(second))
        kernel = {"ADD": "add", "SUB": "sub", "MUL": "mul"}[operator.name]
        if self._is_float(first):
            if constant is not None:
                own["b"] = constant.astype(np.float32).reshape(-1)
            self._places[output] = self._add(f"{kernel}_f32", inputs, self._tensor(output), "", **own)
            return
        if constant is not None:
            signed = _SIGNED if constant.dtype == np.int8 else 0
            own["b"] = (constant.astype(np.int32) + signed).astype(np.uint8).reshape(-1)
        a, b, given = (self._quantized(index) for index in (first, second, output))
        if kernel == "mul":
            scale = a.scales[0] * b.scales[0] / given.scales[0]
            own |= {"a_zero": a.zero_point, "b_zero": b.zero_point, "scale": scale}
        else:
            own |= _sum_factors(a, b, given, negative)
        kernel = "mul" if kernel == "mul" else "add"
        self._places[output] = self._add(f"{kernel}_u8", inputs, self._tensor(output), "", **own)

    def _sizes(self, index: int) -> int:
        return self._graph.tensors[index].elements

    def pad(self, operator: TfliteOperator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        pads = self._constant(operator.inputs[1])
        shape = self._shape(source)
        if pads is None or pads.shape != (4, 2) or len(shape) != 3 or pads[[0, 3]].any() or pads.min() < 0:
            raise ValueError("it pads another axis than height and width")
        kind = "f32" if self._is_float(source) else "u8"
        empty: float | int = 0.0
        if len(operator.inputs) > 2:
            empty = float(self._weights(operator.inputs[2]).reshape(-1)[0])
        if kind == "u8":
            self._require_same_scale(source, output)
            signed = _SIGNED if self._graph.tensors[source].kind == INT8 else 0
            empty = int(empty) + signed if len(operator.inputs) > 2 else self._quantized(source).zero_point
        out = self._shape(output)
        values = (*shape, *out[:2], 1, 1, 1, 1, 1, 1, int(pads[1, 0]), int(pads[2, 0]))
        window = dict(zip(WINDOW, values, strict=True))
        self._places[output] = self._add(
            f"pad_{kind}", [self._input(source)], self._tensor(output), "", empty=empty, **window
        )

    def concatenate(self, operator: TfliteOperator) -> None:
        output, options = operator.outputs[0], operator.options
        if self._activation(operator, 1):
            raise ValueError("it has an activation")
        shape = self._graph.tensors[output].shape
        axis = (options.number(0, "i") if options else 0) % len(shape)
        if axis == 0:
            raise ValueError("it puts images together")
        self._tensors.append(self._tensor(output))
        place, offset = len(self._tensors) - 1, 0
        step = math.prod(shape[axis:])
        for index in operator.inputs:
            source = self._input(index)
            if not self._is_float(output):
                source = self._converted(source, self._tensors[place])
            length = math.prod(self._graph.tensors[index].shape[axis:])
            kind = "f32" if self._is_float(output) else "u8"
            rows = math.prod(shape[1:axis])
            own = {"rows": rows, "length": length, "step": step, "offset": offset}
            self._add_into(place, f"copy_{kind}", [source], "concatenation", **own)
            offset += length
        self._places[output] = place

    def _converted(self, source: int, wanted: NetworkTensor) -> int:
        """Return a tensor with the scale and zero point of another."""
        held = self._tensors[source]
        if (held.scale, held.zero_point) == (wanted.scale, wanted.zero_point):
            return source
        table = _requantized(held, wanted)
        tensor = NetworkTensor(held.shape, "uint8", wanted.scale, wanted.zero_point)
        return self._add("lookup_u8", [source], tensor, "to another scale", length=held.elements, table=table)

    def quantize(self, operator: TfliteOperator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        place, tensor = self._input(source), self._tensor(output)
        if not self._is_float(source):
            self._places[output] = self._converted(place, tensor)
            return
        factor = np.float32(1) / np.float32(tensor.scale)
        own = {"length": tensor.elements, "factor": factor, "zero_point": tensor.zero_point}
        self._places[output] = self._add("quantize_u8", [place], tensor, "", **own)

    def dequantize(self, operator: TfliteOperator) -> None:
        place, tensor = self._input(operator.inputs[0]), self._tensor(operator.outputs[0])
        held = self._tensors[place]
        own = {"length": tensor.elements, "zero_point": held.zero_point, "scale": held.scale}
        self._places[operator.outputs[0]] = self._add("float_f32", [place], tensor, "", **own)

    def cast(self, operator: TfliteOperator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        if self._graph.tensors[source].scales or not self._is_float(output):
            raise ValueError("it is no cast of integers to float32")
        self.dequantize(operator)

    def unary(self, operator: TfliteOperator) -> None:
        """A function of each number: computed in float32, a table for integers."""
        source, output = operator.inputs[0], operator.outputs[0]
        place, tensor = self._input(source), self._tensor(output)
        length, name = tensor.elements, operator.name.lower()
        slope = 0.0
        if name == "leaky_relu" and operator.options:
            [slope] = struct.unpack("<f", struct.pack("<I", operator.options.number(0, "I")))
        if tensor.kind == "uint8":
            table = _table(name, self._tensors[place], tensor, slope)
            self._places[output] = self._add("lookup_u8", [place], tensor, name, length=length, table=table)
            return
        if name in ("relu", "relu6"):
            limits = self._limits(output, name)
            self._places[output] = self._add("clamp_f32", [place], tensor, name, length=length, **limits)
            return
        own = {"slope": slope} if name == "leaky_relu" else {}
        self._places[output] = self._add(f"{name}_f32", [place], tensor, "", length=length, **own)

    def softmax(self, operator: TfliteOperator) -> None:
        source, output = operator.inputs[0], operator.outputs[0]
        place, tensor = self._input(source), self._tensor(output)
        if not operator.options or operator.options.number(0, "I") != _ONE:
            raise ValueError("its beta is not 1")
        length = self._graph.tensors[source].shape[-1]
        own: dict[str, Any] = {"rows": tensor.elements // length, "length": length}
        if tensor.kind == "uint8":
            below = np.arange(255, -1, -1, dtype=np.float32)
            own["table"] = np.exp(np.float32(-self._tensors[place].scale) * below)
            own |= {"scale": tensor.scale, "zero_point": tensor.zero_point}
        kind = "u8" if tensor.kind == "uint8" else "f32"
        self._places[output] = self._add(f"softmax_{kind}", [place], tensor, "", **own)


_OPERATORS: dict[str, Callable[[_Reader, TfliteOperator], None]] = {
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _Reader.alias),
    **dict.fromkeys(("ADD", "SUB", "MUL"), _Reader.two),
    **dict.fromkeys(("PAD", "PADV2"), _Reader.pad),
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), _Reader.pool),
    **dict.fromkeys(("RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "LOGISTIC", "TANH"), _Reader.unary),
    "FULLY_CONNECTED": _Reader.dense,
    "CONV_2D": _Reader.conv,
    "DEPTHWISE_CONV_2D": _Reader.depthwise,
    "MEAN": _Reader.mean,
    "CONCATENATION": _Reader.concatenate,
    "QUANTIZE": _Reader.quantize,
    "DEQUANTIZE": _Reader.dequantize,
    "CAST": _Reader.cast,
    "SOFTMAX": _Reader.softmax,
}


def _int32(values: NDArray[np.int64]) -> NDArray[np.int32]:
    if np.abs(values).max() >= 2**31:
        raise ValueError("its biases leave the 32 bits of an integer")
    return values.astype(np.int32)


def _sum_factors(a: _Quantized, b: _Quantized, given: _Quantized, negative: bool) -> dict[str, int]:
    """Return XNNPACK's integers for a sum, of which the larger has 21 bits (``qs8_add_minmax_scalar``)."""
    ratios = [each.scales[0] / given.scales[0] for each in (a, b)]
    shift = 20 - (math.frexp(max(ratios))[1] - 1)
    if not 12 <= shift <= 30:
        raise ValueError("its scales are too far apart")
    a_factor, b_factor = (int(np.rint(ratio * np.float32(2.0**shift))) for ratio in ratios)
    b_factor = -b_factor if negative else b_factor
    bias = (1 << (shift - 1)) - a_factor * a.zero_point - b_factor * b.zero_point
    return {"bias": bias, "a_factor": a_factor, "b_factor": b_factor, "shift": shift}


def _requantized(held: NetworkTensor, wanted: NetworkTensor) -> NDArray[np.uint8]:
    """Return the table from one scale to another, with 8 bits behind the point as XNNPACK (``qs8_cvt``)."""
    factor = int(np.rint(np.float32(256) * (np.float32(held.scale) / np.float32(wanted.scale))))
    values = ((np.arange(256) - held.zero_point) * factor + (wanted.zero_point << 8) + 0x80) >> 8
    return values.clip(0, 255).astype(np.uint8)


def _table(name: str, held: NetworkTensor, given: NetworkTensor, slope: float) -> NDArray[np.uint8]:
    """Return an activation of integers as a table, rounded as XNNPACK does."""
    ratio = np.float32(held.scale) / np.float32(given.scale)
    integers = np.arange(256) - held.zero_point
    if name == "leaky_relu":
        factors = [int(np.rint(np.float32(256) * each)) for each in (ratio, ratio * np.float32(slope))]
        values = (integers * np.where(integers >= 0, *factors) + (given.zero_point << 8) + 0x80) >> 8
        return values.clip(0, 255).astype(np.uint8)
    x = integers.astype(np.float32) * np.float32(held.scale)
    functions: dict[str, Callable[[], NDArray[np.floating[Any]]]] = {
        "relu": lambda: np.maximum(x, 0),
        "relu6": lambda: x.clip(0, 6),
        "tanh": lambda: np.tanh(x),
        "logistic": lambda: 1 / (1 + np.exp(-x)),
        "hard_swish": lambda: x * (x + 3).clip(0, 6) / 6,
    }
    y = functions[name]() * (np.float32(1) / np.float32(given.scale)) + given.zero_point
    return np.asarray(np.rint(y).clip(0, 255), np.uint8)
