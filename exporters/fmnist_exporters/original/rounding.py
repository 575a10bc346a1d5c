"""Rounds weights to int8 so that the errors of one unit's weights cancel on real images.

The nearest integer is the best for each weight alone, not for their sum: neighbouring pixels are alike, so
an error made in one weight can be made good in the next. GPTQ does that (Frantar et al. 2022,
https://arxiv.org/abs/2210.17323, algorithm 1, in one block).

The weights stay float32, but lie on the grid to which TFLite's converter and ONNX Runtime's quantiser
round: per output channel, multiples of max|w| / 127. Both then store exactly the integers chosen here.

Measured on the default network, five seeds, 500 calibration images: test images in 10,000 whose class
changes, on average.

    ==================================== ======= =========
    what is int8                         nearest this file
    ==================================== ======= =========
    weights                                 12.8       3.4
    output of the hidden layer               8.0
    both, in TFLite and in ONNX alike       14.6       8.0
    ==================================== ======= =========

What remains is the hidden layer's output, which has one scale for all units. To stretch each unit over the
whole range was tried and left: of 10,000 training images, 8.9 that change become 7.7 by powers of two and
6.4 by any factor, at their best; the hidden layer would no longer be the original's.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.layers import images_at_once

DAMPING = 0.01
"""Share of the inputs' mean variance that is added to the variance of each, as in GPTQ. Measured as above:
from 0.01 to 0.1 the changed images differ by one in 10,000; 0.001 changes three more."""

MAX_INPUTS = 4096
"""Of more inputs to a layer, the second moments, n² numbers that are inverted in n³ steps, would take
gigabytes and minutes; such a layer is left to the nearest integers."""


def round_weights(model: keras.Model, calibration: NDArray[np.uint8]) -> None:
    """Round the dense layers of a reduced model, in place, all but the last, which int8 leaves in float.

    Each layer is rounded for the inputs that the layers before it give it once they are rounded. Where a
    layer has a bias, the bias takes up the mean error. A layer that is called twice is left to the nearest
    integers, as convolutions are: of a small network of two, 42 images change, and rounding them so, too,
    makes it 40.

    Args:
        model: A Keras classifier that takes raw pixels 0–255, with nothing left to fold into its weights.
        calibration: uint8 ``[N, *image_shape]``, training images.
    """
    images = calibration.astype(np.float32)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer in dense[:-1]:
        if layer.kernel.shape[0] <= MAX_INPUTS and len(layer._inbound_nodes) == 1:
            inputs = _outputs(keras.Model(model.inputs, layer.input), images)
            _round_dense(layer, inputs.reshape(-1, inputs.shape[-1]))


def _outputs(model: keras.Model, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a model gives for images, a few of them at a time."""
    blocks = np.array_split(images, range(0, len(images), images_at_once(model))[1:])
    return np.concatenate([np.asarray(model([block]), np.float64) for block in blocks])


def _round_dense(layer: keras.layers.Dense, inputs: NDArray[np.float64]) -> None:
    kernel = np.asarray(layer.kernel, np.float64)
    if not layer.use_bias:
        layer.set_weights([round_kernel(kernel, inputs)])
        return
    mean = inputs.mean(axis=0)
    rounded = round_kernel(kernel, inputs - mean)
    layer.set_weights([rounded, np.asarray(layer.bias, np.float64) + mean @ (kernel - rounded)])


def round_kernel(kernel: NDArray[np.float64], inputs: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round a kernel to its int8 grid such that ``inputs @ kernel`` changes little.

    Row by row: round, then shift the rows that follow by what makes up best for the error, which the
    inverse of the inputs' second moments tells. The largest weight of each column is 127 steps and stays
    so, as it is what the grid is made from.

    Args:
        kernel: float ``[inputs, units]``.
        inputs: float ``[N, inputs]``; centred if a bias takes up the mean.

    Returns:
        float32 ``[inputs, units]``, in each column whole multiples of its largest absolute value / 127.
    """
    peak, scale = np.abs(kernel).argmax(axis=0), _grid(kernel)
    shifted, rounded = kernel / scale, np.empty_like(kernel)
    factor = _inverse_factor(inputs)
    for row in range(len(kernel)):
        steps = np.clip(np.rint(shifted[row]), -127, 127)
        rounded[row] = np.where(peak == row, np.sign(kernel[row]) * 127, steps)
        error = (shifted[row] - rounded[row]) / factor[row, row]
        shifted[row + 1 :] -= np.outer(factor[row, row + 1 :], error)
    return (rounded * scale).astype(np.float32)


def _grid(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The step of each column's grid; 1 for a column of zeros, which any step fits."""
    largest = np.abs(kernel).max(axis=0)
    return np.asarray(np.where(largest > 0, largest, 127) / 127)


def _inverse_factor(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper triangular ``U`` with ``UᵀU = (inputsᵀ·inputs + damping)⁻¹``."""
    moments = inputs.T @ inputs
    moments[np.diag_indices(len(moments))] += DAMPING * np.diag(moments).mean() or 1.0
    return np.linalg.cholesky(np.linalg.inv(moments)).T
