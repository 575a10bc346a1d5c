"""What the kernels of convolutions, dense layers and pools take for granted of their weights and settings."""

from __future__ import annotations

from typing import NamedTuple

from fmnist_runtime.safety.tflite.graph import Operator
from fmnist_runtime.safety.tflite.operators import MAX_SIZE, POOLS
from fmnist_runtime.safety.tflite.tensors import Tensor
from fmnist_runtime.safety.tflite.types import check_weight_types


class Weights(NamedTuple):
    """What is known of the weights of an operator."""

    rank: int
    """How many dimensions they have."""
    channels: int
    """Axis of the output channels."""
    pixels: int = 0
    """Place of the input that they are multiplied with. The weights themselves are in place 1."""
    bias: int = 2
    """Place of the bias."""


WEIGHTS = {
    "CONV_2D": Weights(rank=4, channels=0),
    "DEPTHWISE_CONV_2D": Weights(rank=4, channels=3),
    "FULLY_CONNECTED": Weights(rank=2, channels=0),
    "TRANSPOSE_CONV": Weights(rank=4, channels=0, pixels=2, bias=3),
    "CONV_3D": Weights(rank=5, channels=4),
}
"""By the operator's name."""
_STEPS = {
    **{pool: {1: 0, 2: 0, 3: 0, 4: 0} for pool in POOLS},
    "CONV_2D": {1: 0, 2: 0, 4: 1, 5: 1},
    "DEPTHWISE_CONV_2D": {1: 0, 2: 0, 5: 1, 6: 1},
    "TRANSPOSE_CONV": {1: 0, 2: 0},
    "CONV_3D": {1: 0, 2: 0, 3: 0, 5: 1, 6: 1, 7: 1},
    "DEPTH_TO_SPACE": {0: 0},
    "SPACE_TO_DEPTH": {0: 0},
}
"""By the operator's name, the fields of its options that must be from 1 on, and what stands for one that is
left out: strides, windows and sizes of blocks, for which 0 does, and dilations, for which 1 does.

Pool2DOptions, Conv2DOptions, DepthwiseConv2DOptions, TransposeConvOptions, Conv3DOptions,
DepthToSpaceOptions and SpaceToDepthOptions in the schema."""


def check_weights(operator: Operator, tensors: tuple[Tensor, ...]) -> None:
    """Check that weights have a number, a scale and a bias for each output channel.

    Raises:
        ValueError: They have not.
    """
    expected = WEIGHTS.get(operator.name)
    if expected is None:
        return
    weights = tensors[operator.inputs[1]]
    if len(weights.shape) != expected.rank or (weights.constant and not weights.elements):
        raise ValueError(f"a {operator.name} with weights of shape {weights.shape}")
    if weights.scales > 1 and weights.axis != expected.channels:
        raise ValueError(f"a {operator.name} with scales along axis {weights.axis}")
    index = operator.inputs[expected.bias] if expected.bias < len(operator.inputs) else -1
    bias = tensors[index] if index >= 0 else None
    check_weight_types(operator, tensors[operator.inputs[expected.pixels]], weights, bias)
    channels = weights.shape[expected.channels]
    if bias is not None and bias.elements != channels:
        raise ValueError(f"a {operator.name} of {channels:,} channels with {bias.elements:,} biases")


def check_steps(operator: Operator) -> None:
    """Check that what a kernel divides by is not zero, nor anything so large that it overflows.

    Raises:
        ValueError: It is.
    """
    for field, default in _STEPS.get(operator.name, {}).items():
        number = operator.options.number(field, "i", default) if operator.options else 0
        if not 1 <= number <= MAX_SIZE:
            raise ValueError(f"a {operator.name} in steps of {number:,}")
