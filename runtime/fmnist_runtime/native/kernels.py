"""The kernels: for each its C, how a layer calls it, and what a layer must have, so that it stays in bounds.

A kernel's C lies in ``kernels/NAME.c``. One for both types of numbers is written once, with KIND for ``u8``
and ``f32`` and TYPE for ``uint8_t`` and ``float``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.native.network import Kind, Layer, Network, NetworkTensor

_FOLDER, _FAST = (Path(__file__).parent / name for name in ("kernels", "fast"))
_PANEL, _VECTOR, _GROUP = 8, 16, 4
"""Vectors of a panel, units of a vector, and inputs of a group in ``fast/dense_u8.c``."""
_TYPES = {"u8": "uint8_t", "f32": "float"}
_MAX = 2**24
WINDOW = (
    *("in_height", "in_width", "channels", "out_height", "out_width", "filter_height", "filter_width"),
    *("stride_y", "stride_x", "dilation_y", "dilation_x", "top", "left"),
)
"""Numbers of a layer that moves a filter, in the order of ``kernels/window.c``."""
_REQUANTISED = "{zero_point}, {low}, {high}"
_PER_UNIT = ("biases", "scales")


@dataclass(frozen=True)
class Kernel:
    """A function in C for layers of one kind."""

    call: str
    """Its arguments: ``{images}``, ``{in0}``, ``{in1}``, ``{out}``, ``{patch}`` and ``{window}``, and the
    layer's own numbers and arrays by their names."""
    needs: Sequence[str]
    """Functions that it calls."""
    check: Callable[[Layer, Sequence[NetworkTensor], NetworkTensor], bool]
    """Whether a layer's numbers, arrays and tensors fit together; its inputs and output are given."""

    @property
    def fields(self) -> set[str]:
        """Names of the layer's own numbers and arrays."""
        names = {name for _, name, _, _ in Formatter().parse(self.call) if name}
        return names - {"images", "in0", "in1", "out", "patch", "window"}


def _dense(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    rows, inputs, units = (layer.numbers[name] for name in ("rows", "inputs", "units"))
    fits = ins[0].elements == rows * inputs and out.elements == rows * units
    return fits and _weights_fit(layer, units * inputs, units)


def _weights_fit(layer: Layer, weights: int, units: int) -> bool:
    per_unit = [layer.arrays[name] for name in _PER_UNIT if name in layer.arrays]
    return layer.arrays["weights"].size == weights and all(array.size == units for array in per_unit)


def _moves(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor, units: int) -> bool:
    window = layer.numbers
    image = window["in_height"] * window["in_width"] * window["channels"]
    return ins[0].elements == image and out.elements == window["out_height"] * window["out_width"] * units


def taps(layer: Layer) -> int:
    """Return the number of values that a filter sees at a place."""
    return math.prod(layer.numbers[name] for name in ("filter_height", "filter_width", "channels"))


def _conv(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    units = layer.numbers["units"]
    return _moves(layer, ins, out, units) and _weights_fit(layer, units * taps(layer), units)


def _depthwise(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    units = layer.numbers["filters"] * layer.numbers["channels"]
    fits = _weights_fit(layer, layer.numbers["filters"] * taps(layer), units)
    return fits and _moves(layer, ins, out, units)


def _pool(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    window = layer.numbers
    padded = window["top"] < window["filter_height"] and window["left"] < window["filter_width"]
    last_y = (window["out_height"] - 1) * window["stride_y"] - window["top"]
    last_x = (window["out_width"] - 1) * window["stride_x"] - window["left"]
    filled = last_y < window["in_height"] and last_x < window["in_width"]  # no window is empty
    return padded and filled and _moves(layer, ins, out, window["channels"])


def _pad(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    return _moves(layer, ins, out, layer.numbers["channels"])


def _mean(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    channels = layer.numbers["channels"]
    return ins[0].elements == layer.numbers["places"] * channels and out.elements == channels


def _two(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    length, period = layer.numbers["length"], layer.numbers["period"]
    second = layer.arrays["b"].size if "b" in layer.arrays else ins[1].elements
    step = 0 if "b" in layer.arrays else second
    fits = layer.numbers["b_step"] == step and second == period
    return fits and ins[0].elements == out.elements == length


def _each(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    tables = layer.arrays.get("table")
    fits = tables is None or tables.size == 256 * layer.numbers.get("channels", 1)
    return fits and ins[0].elements == out.elements == layer.numbers["length"]


def _rows(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    table = layer.arrays.get("table")
    fits = table is None or table.size == 256
    return fits and ins[0].elements == out.elements == layer.numbers["rows"] * layer.numbers["length"]


def _copy(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:
    rows, length, step, offset = (layer.numbers[name] for name in ("rows", "length", "step", "offset"))
    inside = ins[0].elements == rows * length and out.elements == rows * step
    return inside and 0 <= offset <= step - length


def _one(layer: Layer, ins: Sequence[NetworkTensor], out: NetworkTensor) -> bool:  # noqa: ARG001 - as the others
    return ins[0].elements == 1 and out.elements == 2


_U8_LIMITS, _F32_LIMITS = "{zero_point}, {low}, {high}", "{low}, {high}"
_TWO = "{images}, {length}, {period}, {b_step}, {in0}, {b}"
_DENSE = "{images} * {rows}, {inputs}, {units}, {in0}, {weights}, {biases}"
_CONV = "{images}, {window}, {units}, {in0}, {weights}, {biases}"
_DEPTHWISE = "{images}, {window}, {filters}, {in0}, {weights}, {biases}"
_LENGTH = "{images} * {length}, {in0}"
_U8, _F32 = ("rounded",), ("clamped",)
KERNELS = {
    "pixels_u8": Kernel("{images} * {length}, {channels}, {in0}, {table}, {out}", (), _each),
    "pixels_f32": Kernel("{images} * {length}, {channels}, {in0}, {table}, {out}", (), _each),
    "quantize_u8": Kernel(f"{_LENGTH}, {{factor}}, {{zero_point}}, {{out}}", _U8, _each),
    "float_f32": Kernel(f"{_LENGTH}, {{zero_point}}, {{scale}}, {{out}}", (), _each),
    "lookup_u8": Kernel(f"{_LENGTH}, {{table}}, {{out}}", (), _each),
    "dense_u8": Kernel(f"{_DENSE}, {{scales}}, {_U8_LIMITS}, {{out}}", _U8, _dense),
    "dense_f32": Kernel(f"{_DENSE}, {_F32_LIMITS}, {{out}}", _F32, _dense),
    "conv_u8": Kernel(
        f"{_CONV}, {{scales}}, {{empty}}, {_U8_LIMITS}, {{patch}}, {{out}}",
        ("window", "gather_u8", "rounded", "dense_u8"),
        _conv,
    ),
    "conv_f32": Kernel(
        f"{_CONV}, {_F32_LIMITS}, {{patch}}, {{out}}", ("window", "gather_f32", "clamped", "dense_f32"), _conv
    ),
    "depthwise_u8": Kernel(
        f"{_DEPTHWISE}, {{scales}}, {{empty}}, {_U8_LIMITS}, {{patch}}, {{out}}",
        ("window", "gather_u8", "rounded"),
        _depthwise,
    ),
    "depthwise_f32": Kernel(
        f"{_DEPTHWISE}, {_F32_LIMITS}, {{patch}}, {{out}}", ("window", "gather_f32", "clamped"), _depthwise
    ),
    "max_pool_u8": Kernel("{images}, {window}, {in0}, {low}, {high}, {out}", ("window",), _pool),
    "max_pool_f32": Kernel("{images}, {window}, {in0}, {low}, {high}, {out}", ("window",), _pool),
    "average_pool_u8": Kernel("{images}, {window}, {in0}, {zero}, {low}, {high}, {out}", ("window",), _pool),
    "average_pool_f32": Kernel(
        "{images}, {window}, {in0}, {low}, {high}, {out}", ("window", "clamped"), _pool
    ),
    "mean_u8": Kernel(
        "{images}, {places}, {channels}, {in0}, {zero}, {scale}, {offset}, {zero_point}, {out}", _U8, _mean
    ),
    "mean_f32": Kernel("{images}, {places}, {channels}, {in0}, {out}", (), _mean),
    "add_u8": Kernel(
        f"{_TWO}, {{bias}}, {{a_factor}}, {{b_factor}}, {{shift}}, {_U8_LIMITS}, {{out}}", (), _two
    ),
    "add_f32": Kernel(f"{_TWO}, {_F32_LIMITS}, {{out}}", _F32, _two),
    "sub_f32": Kernel(f"{_TWO}, {_F32_LIMITS}, {{out}}", _F32, _two),
    "mul_u8": Kernel(f"{_TWO}, {{a_zero}}, {{b_zero}}, {{scale}}, {_U8_LIMITS}, {{out}}", _U8, _two),
    "mul_f32": Kernel(f"{_TWO}, {_F32_LIMITS}, {{out}}", _F32, _two),
    "pad_u8": Kernel("{images}, {window}, {in0}, {empty}, {out}", ("window",), _pad),
    "pad_f32": Kernel("{images}, {window}, {in0}, {empty}, {out}", ("window",), _pad),
    "copy_u8": Kernel("{images} * {rows}, {length}, {step}, {in0}, {out} + {offset}", (), _copy),
    "copy_f32": Kernel("{images} * {rows}, {length}, {step}, {in0}, {out} + {offset}", (), _copy),
    "clamp_f32": Kernel(f"{_LENGTH}, {_F32_LIMITS}, {{out}}", _F32, _each),
    "leaky_relu_f32": Kernel(f"{_LENGTH}, {{slope}}, {{out}}", (), _each),
    "hard_swish_f32": Kernel(f"{_LENGTH}, {{out}}", _F32, _each),
    "logistic_f32": Kernel(f"{_LENGTH}, {{out}}", ("exponential",), _each),
    "tanh_f32": Kernel(f"{_LENGTH}, {{out}}", ("exponential",), _each),
    "softmax_u8": Kernel(
        "{images} * {rows}, {length}, {in0}, {table}, {scale}, {zero_point}, {out}", (), _rows
    ),
    "softmax_f32": Kernel("{images} * {rows}, {length}, {in0}, {out}", ("exponential",), _rows),
    "pair_f32": Kernel("{images}, {in0}, {out}", (), _one),
}
"""All kernels, by name."""


_ARRAY_TYPES = {
    "u8": {"weights": "int8", "biases": "int32", "scales": "float32", "table": "uint8", "b": "uint8"},
    "f32": {"weights": "float32", "biases": "float32", "table": "float32", "b": "float32"},
}
_READS: dict[str, Kind] = {"pixels_f32": "uint8", "float_f32": "uint8", "quantize_u8": "float32"}
"""Types of numbers of kernels that read others than they write."""
_BYTES = ("zero_point", "low", "high", "zero", "a_zero", "b_zero", "empty")
"""Numbers that are values of uint8 in kernels of it."""
_SIGNED = (*_BYTES, "top", "left", "offset", "bias", "a_factor", "b_factor", "shift", "b_step")
"""Numbers that may be 0 or negative; others count something."""
_MOST_WORK = 2**34
"""Multiplications for an image. A processor does a billion or more a second."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_NOTE = re.compile(r"[\w ×→.,:;()+-]{0,100}", re.ASCII)


def check_network(network: Network) -> None:
    """Check that the C of a network stays within its arrays and its integers, whoever made it.

    Raises:
        ValueError: It does not.
    """
    if not _NAME.fullmatch(network.name) or not network.layers or not network.tensors:
        raise ValueError("it has no name, or no layers")
    for tensor in network.tensors:
        if (
            tensor.kind not in ("uint8", "float32")
            or not 0 < tensor.elements <= _MAX
            or min(tensor.shape) < 1
        ):
            raise ValueError(f"a tensor of {tensor.kind} of shape {tensor.shape}")
    if network.image.kind != "uint8":
        raise ValueError("its image is not of bytes")
    written, work = {0}, 0
    for number, layer in enumerate(network.layers, 1):
        try:
            work += _check_layer(network, layer, written)
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"layer {number} ({layer.kernel}) does not fit ({error})") from error
        written.add(layer.output)
    if network.tensors[network.output].kind != "float32" or work > _MOST_WORK:
        raise ValueError("its output is no probabilities, or takes too long")


def _check_layer(network: Network, layer: Layer, written: set[int]) -> int:
    """Check a layer, and return its multiplications."""
    kernel, kind = KERNELS[layer.kernel], layer.kernel.rpartition("_")[2]
    if not _NOTE.fullmatch(layer.note):
        raise ValueError("its note could end a comment")
    own = [*layer.numbers, *layer.reals, *layer.arrays]
    if "{window}" in kernel.call:
        own = [name for name in own if name not in WINDOW]
        for name in WINDOW:
            layer.numbers[name]
    named = set(own) | ({"b"} if "{b}" in kernel.call else set())
    if len(own) != len(set(own)) or named != kernel.fields:
        raise ValueError(f"it has {sorted(own)}")
    second = "{b}" in kernel.call and "b" not in layer.arrays
    if len(layer.inputs) != 1 + second or not written.issuperset(layer.inputs) or layer.output < 1:
        raise ValueError("it reads what nothing writes")
    ins, out = [network.tensors[index] for index in layer.inputs], network.tensors[layer.output]
    wanted: Kind = "uint8" if kind == "u8" else "float32"
    if any(each.kind != _READS.get(layer.kernel, wanted) for each in ins) or out.kind != wanted:
        raise ValueError("it reads or writes another type")
    types = _ARRAY_TYPES[kind] | ({"table": "float32"} if layer.kernel == "softmax_u8" else {})
    for name, array in layer.arrays.items():
        if array.dtype.name != types[name] or not np.isfinite(array).all():
            raise ValueError(f"its {name} are {array.dtype}, or not finite")
    _check_numbers(layer, kind)
    if not kernel.check(layer, ins, out):
        raise ValueError("its sizes do not fit together")
    _check_sums(layer)
    return out.elements * (
        taps(layer) if "filter_height" in layer.numbers else layer.numbers.get("inputs", 1)
    )


def _check_numbers(layer: Layer, kind: str) -> None:
    for name, value in layer.numbers.items():
        least, most = (-(2**31) + 1, 2**31 - 1) if name in _SIGNED else (1, _MAX)
        if name in ("top", "left"):
            least, most = -_MAX, _MAX
        if name == "shift":
            least, most = 0, 30
        if name in _BYTES and (kind == "u8" or name == "zero_point"):
            least, most = 0, 255
        if not least <= value <= most:
            raise ValueError(f"its {name} is {value}")
    for name, real in layer.reals.items():
        if not math.isfinite(real) or np.float32(real) != real:
            raise ValueError(f"its {name} is {real}")
    if layer.numbers.get("low", 0) > layer.numbers.get("high", 255):
        raise ValueError("its limits are in the wrong order")


def _check_sums(layer: Layer) -> None:
    """Check that no sum of integers leaves int32."""
    numbers, most = layer.numbers, 0
    if layer.kernel in ("dense_u8", "conv_u8", "depthwise_u8"):
        biases, weights = (layer.arrays[name].astype(np.int64) for name in ("biases", "weights"))
        if layer.kernel == "depthwise_u8":
            weights = weights.reshape(-1, biases.size).T
        most = int((255 * np.abs(weights.reshape(biases.size, -1)).sum(axis=1) + np.abs(biases)).max())
    elif layer.kernel == "add_u8":
        most = abs(numbers["bias"]) + 255 * (abs(numbers["a_factor"]) + abs(numbers["b_factor"]))
    elif layer.kernel == "mean_u8":
        most = 255 * numbers["places"]
    elif layer.kernel == "average_pool_u8":
        most = 256 * numbers["filter_height"] * numbers["filter_width"]
    elif layer.kernel == "softmax_u8":
        table = layer.arrays["table"]
        exact = table[255] == 1 and table.min() >= 0 and table.max() <= 1
        most = 0 if exact and layer.reals["scale"] >= 2**-16 else 2**31
    if most > 2**31 - 2**9:
        raise ValueError("its sums can leave the 32 bits of an integer")


@cache
def kernel_source(name: str, fast: bool = False) -> str:
    """Return a function's C, or if there is one, that of the same function for the engine's library."""
    if fast and (text := fast_source(name)):
        return text
    exact = _FOLDER / f"{name}.c"
    if exact.is_file():
        return exact.read_text(encoding="ascii")
    stem, _, kind = name.rpartition("_")
    text = (_FOLDER / f"{stem}_KIND.c").read_text(encoding="ascii")
    return text.replace("KIND", kind).replace("TYPE", _TYPES[kind])


def fast_source(name: str) -> str:
    """Return the C of a function for the engine's library; empty if it has the portable one."""
    path = _FAST / f"{name}.c"
    return path.read_text(encoding="ascii") if path.is_file() else ""


def packed(weights: NDArray[np.int8], units: int) -> NDArray[np.int8]:
    """Return the weights of a layer as ``fast/dense_u8.c`` reads them.

    Args:
        weights: int8 ``[units, ...]``.
        units: Number of units.
    """
    rows = weights.reshape(units, -1)
    vectors, groups = -(-units // _VECTOR), -(-rows.shape[1] // _GROUP)
    filled = np.zeros((vectors * _VECTOR, groups * _GROUP), np.int8)
    filled[:units, : rows.shape[1]] = rows
    blocks = filled.reshape(vectors, _VECTOR, groups, _GROUP).transpose(2, 0, 1, 3)
    panels = [blocks[:, first : first + _PANEL].reshape(-1) for first in range(0, vectors, _PANEL)]
    return np.concatenate(panels)


def used_functions(network: Network) -> list[str]:
    """Return the names of the functions that a network needs, each after those it calls."""
    found: dict[str, None] = {}
    for layer in network.layers:
        for name in (*KERNELS[layer.kernel].needs, layer.kernel):
            found[name] = None
    order = {name: place for place, name in enumerate(("window", "rounded", "clamped", "exponential"))}
    return sorted(
        found, key=lambda name: (order.get(name, 4), not name.startswith(("gather", "dense")), name)
    )
