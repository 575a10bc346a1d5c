"""Checks that the C of a network stays within its arrays and its integers, whoever made the network."""

from __future__ import annotations

import math
import re

import numpy as np

from fmnist_runtime.native.kernels import KERNELS, WINDOW, taps
from fmnist_runtime.native.network import MOST_VALUES, Kind, Layer, Network, NetworkTensor

_ARRAY_TYPES = {
    "u8": {"weights": "int8", "biases": "int32", "scales": "float32", "table": "uint8", "b": "uint8"},
    "f32": {"weights": "float32", "biases": "float32", "table": "float32", "b": "float32"},
}
_READS: dict[str, Kind] = {"pixels_f32": "uint8", "float_f32": "uint8", "quantize_u8": "float32"}
"""Types of numbers of kernels that read others than they write."""
_REALS = {"factor", "scale", "slope"}
_FLOAT_LIMITS = {"low", "high", "empty"}
"""Limits, which are of the type that the kernel writes."""
_BYTES = {"zero_point", "low", "high", "zero", "a_zero", "b_zero", "empty"}
"""Numbers that are values of uint8."""
_RANGES = {
    **dict.fromkeys(("top", "left"), (-MOST_VALUES, MOST_VALUES)),
    **dict.fromkeys(("offset", "b_step"), (0, MOST_VALUES)),
    **dict.fromkeys(("bias", "a_factor", "b_factor"), (-(2**31) + 1, 2**31 - 1)),
    **dict.fromkeys(_BYTES, (0, 255)),
    "shift": (0, 30),
}
"""Least and largest values of numbers; others count something."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_NOTE = re.compile(r"[\w ×→.,:;()+-]{0,100}", re.ASCII)
_MOST_LAYERS = 256
"""A compiler takes seconds for so many, and minutes for thousands."""
_MOST_CLASSES = 10_000
_MOST_WORK = 2**34
"""Multiplications for an image. A processor does a billion or more a second."""
_LARGEST = 2**31 - 2**9
"""Largest sum, so that a rounded float of it is in the range of int32, too."""


def check_network(network: Network) -> None:
    """Check a network that is not trusted.

    Raises:
        ValueError: Its C would leave its arrays or its integers, or take too long.
    """
    if not _NAME.fullmatch(network.name) or not 0 < len(network.layers) <= _MOST_LAYERS:
        raise ValueError(f"it has no name, or not 1 to {_MOST_LAYERS} layers")
    if not 0 < len(network.tensors) <= 2 * _MOST_LAYERS:
        raise ValueError(f"it has {len(network.tensors):,} tensors")
    for tensor in network.tensors:
        _check_tensor(tensor)
    if network.image.kind != "uint8":
        raise ValueError("its image is not of bytes")
    written, work = _Written(), 0
    for number, layer in enumerate(network.layers, 1):
        try:
            work += _check_layer(network, layer)
            written.add(layer)
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"layer {number} ({layer.kernel[:40]}) does not fit ({error})") from error
    last = network.tensors[network.output]
    if last.kind != "float32" or last.elements > _MOST_CLASSES or network.output not in written.whole:
        raise ValueError("its output is no probabilities")
    if work > _MOST_WORK:
        raise ValueError(f"an image takes {work:,} multiplications")


def _check_tensor(tensor: NetworkTensor) -> None:
    sizes = tensor.shape
    if tensor.kind not in ("uint8", "float32") or not sizes or min(sizes) < 1:
        raise ValueError(f"a tensor of {str(tensor.kind)[:20]} of {len(sizes)} dimensions")
    if tensor.elements > MOST_VALUES or not math.isfinite(tensor.scale) or not 0 <= tensor.zero_point <= 255:
        raise ValueError(
            f"a tensor of {tensor.kind} of {tensor.elements:,} elements, or with an absurd scale"
        )


class _Written:
    """The tensors that layers have written: each by one layer, or by copies that fill it from its start."""

    def __init__(self) -> None:
        self.whole = {0}
        self._parts: dict[int, tuple[int, int, int]] = {}
        """By a tensor: rows, length of a row, and how much of each row is filled."""

    def add(self, layer: Layer) -> None:
        """Add a layer.

        Raises:
            ValueError: It reads what nothing has written, or writes what another has.
        """
        if not self.whole.issuperset(layer.inputs) or layer.output in self.whole:
            raise ValueError("it reads what nothing writes, or writes what another does")
        if not layer.kernel.startswith("copy_"):
            if layer.output in self._parts:
                raise ValueError("it writes what a copy does")
            self.whole.add(layer.output)
            return
        rows, length, step, offset = (layer.numbers[name] for name in ("rows", "length", "step", "offset"))
        before = self._parts.get(layer.output, (rows, step, 0))
        if before != (rows, step, offset):
            raise ValueError("it does not continue what the copy before it has written")
        self._parts[layer.output] = rows, step, offset + length
        if offset + length == step:
            self.whole.add(layer.output)


def _check_layer(network: Network, layer: Layer) -> int:
    """Check a layer, and return its multiplications."""
    kernel, kind = KERNELS[layer.kernel], layer.kernel.rpartition("_")[2]
    if not _NOTE.fullmatch(layer.note):
        raise ValueError("its note could end a comment")
    types = _ARRAY_TYPES[kind] | ({"table": "float32"} if layer.kernel == "softmax_u8" else {})
    arrays = kernel.fields & types.keys()
    reals = kernel.fields & _REALS | ({"offset"} if layer.kernel == "mean_u8" else set())
    if kind == "f32":
        reals |= kernel.fields & _FLOAT_LIMITS
    numbers = kernel.fields - arrays - reals | (set(WINDOW) if "{window}" in kernel.call else set())
    if "b" in arrays and len(layer.inputs) == 2:
        arrays = arrays - {"b"}
    wanted_inputs = 2 if "{b}" in kernel.call and "b" not in arrays else 1
    if (set(layer.numbers), set(layer.reals), set(layer.arrays)) != (numbers, reals, arrays):
        raise ValueError(f"it needs {', '.join(sorted(numbers | reals | arrays))}")
    if len(layer.inputs) != wanted_inputs or not 0 < layer.output < len(network.tensors):
        raise ValueError(f"it has {len(layer.inputs)} inputs, or an output that is none")
    if min(layer.inputs) < 0:
        raise ValueError("it has an input that is none")
    ins, out = [network.tensors[index] for index in layer.inputs], network.tensors[layer.output]
    wanted: Kind = "uint8" if kind == "u8" else "float32"
    if any(each.kind != _READS.get(layer.kernel, wanted) for each in ins) or out.kind != wanted:
        raise ValueError("it reads or writes another type")
    for name, array in layer.arrays.items():
        if array.dtype.name != types[name] or not np.isfinite(array).all():
            raise ValueError(f"its {name} are {array.dtype}, or not finite")
    _check_numbers(layer)
    if "{window}" in kernel.call:
        _check_window(layer.numbers)
    if not kernel.check(layer, ins, out):
        raise ValueError("its sizes do not fit together")
    if _largest_sum(layer) > _LARGEST:
        raise ValueError("its sums can leave the 32 bits of an integer")
    each = taps(layer) if "filter_height" in layer.numbers else layer.numbers.get("inputs", 1)
    return out.elements * each


def _check_numbers(layer: Layer) -> None:
    for name, value in layer.numbers.items():
        least, most = _RANGES.get(name, (1, MOST_VALUES))
        if not least <= value <= most:
            raise ValueError(f"its {name} is out of range")
    for name, real in layer.reals.items():
        with np.errstate(over="ignore"):
            rounded = float(np.float32(real))
        if not math.isfinite(rounded) or rounded != real:
            raise ValueError(f"its {name} is {real:g}")
    limits = layer.reals if "low" in layer.reals else layer.numbers
    if limits.get("low", 0) > limits.get("high", 255):
        raise ValueError("its limits are in the wrong order")


def _check_window(numbers: dict[str, int]) -> None:
    """Check that no place that a filter looks at leaves an integer."""
    for axis, side, start in (("height", "y", "top"), ("width", "x", "left")):
        steps = (numbers[f"out_{axis}"] - 1) * numbers[f"stride_{side}"]
        reach = (numbers[f"filter_{axis}"] - 1) * numbers[f"dilation_{side}"]
        if steps + reach + abs(numbers[start]) > _LARGEST:
            raise ValueError("its filters move too far")


def _largest_sum(layer: Layer) -> int:
    """Return the largest absolute value that a sum of a layer's integers can have."""
    numbers = layer.numbers
    if layer.kernel in ("dense_u8", "conv_u8", "depthwise_u8"):
        biases, weights = (layer.arrays[name].astype(np.int64) for name in ("biases", "weights"))
        if layer.kernel == "depthwise_u8":
            weights = weights.reshape(-1, biases.size).T
        return int((255 * np.abs(weights.reshape(biases.size, -1)).sum(axis=1) + np.abs(biases)).max())
    if layer.kernel == "add_u8":
        return abs(numbers["bias"]) + 255 * (abs(numbers["a_factor"]) + abs(numbers["b_factor"]))
    if layer.kernel == "mean_u8":
        return 255 * numbers["places"]
    if layer.kernel == "average_pool_u8":
        return 256 * numbers["filter_height"] * numbers["filter_width"]
    if layer.kernel == "softmax_u8":
        table = layer.arrays["table"].reshape(-1)
        exact = table.size == 256 and table[255] == 1 and table.min() >= 0 and table.max() <= 1
        return 0 if exact and layer.reals["scale"] >= 2**-16 else _LARGEST + 1
    return 0
