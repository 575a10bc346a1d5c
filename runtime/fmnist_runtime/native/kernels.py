"""The kernels: for each its C, how a layer calls it, and how its sizes fit together.

A kernel's C lies in ``kernels/NAME.c``. One for both types of numbers is written once, with KIND for ``u8``
and ``f32`` and TYPE for ``uint8_t`` and ``float``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.native.network import Layer, Network, NetworkTensor

_FOLDER, _FAST = (Path(__file__).parent / name for name in ("kernels", "fast"))
_PANEL, _VECTOR, _GROUP = 8, 16, 4
"""Vectors of a panel, units of a vector, and inputs of a group in ``fast/dense_u8.c``."""
_TYPES = {"u8": "uint8_t", "f32": "float"}
WINDOW = (
    *("in_height", "in_width", "channels", "out_height", "out_width", "filter_height", "filter_width"),
    *("stride_y", "stride_x", "dilation_y", "dilation_x", "top", "left"),
)
"""Numbers of a layer that moves a filter, in the order of ``kernels/window.c``."""
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
