"""Rounds weights to int8 so that the errors of one unit's weights cancel on real images.

The nearest integer is best for each weight alone, not for their sum: neighbouring pixels are similar, so the
next weight can compensate the error of one. GPTQ does that (Frantar et al. 2022,
https://arxiv.org/abs/2210.17323, algorithm 1, in one block).

The weights stay float32, but lie on the grid to which the TFLite and ONNX quantisers round: per output
channel, multiples of max|w| / 127. Both then store exactly the integers chosen here.

Test images in 10,000 whose class changes (default network, average of five seeds, 500 calibration images):

    ==================================== ======= =========
    quantised to int8                    nearest this file
    ==================================== ======= =========
    weights                                 12.8       3.4
    output of the hidden layer               8.0
    both, in TFLite and in ONNX alike       14.6       8.0
    ==================================== ======= =========

The rest is due to the hidden layer's output, which has one scale for all units. Scaling each unit to the
whole range was tried and rejected: of 10,000 training images, 8.9 that change become 7.7 with powers of two
and 6.4 with any factor, at best, and the hidden layer would no longer be the original's.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.original.keras_private import call_count
from fmnist_exporters.original.layers import images_at_once

DAMPING = 0.01
"""Share of the inputs' mean variance that is added to the variance of each, as in GPTQ. Measured as above:
values from 0.01 to 0.1 differ by one image in 10,000; 0.001 changes three more."""

MAX_INPUTS = 4096
"""Layers with more inputs are rounded to the nearest. Their second moments, n² numbers inverted in n³ steps,
would take gigabytes and minutes."""


def round_weights(model: keras.Model, calibration: NDArray[np.uint8]) -> None:
    """Round the dense layers of a reduced model in place, except the last, which int8 leaves in float.

    Each layer is rounded for the inputs from the layers before it, rounded. The bias of a layer compensates
    the mean error. Layers that are called twice, and convolutions, are rounded to the nearest: in a small
    network of two convolutions 42 images change, and 40 with rounding as here.

    Args:
        model: A Keras classifier of raw pixels 0–255, with nothing left to fold into its weights.
        calibration: uint8 ``[N, *image_shape]``, training images.
    """
    images = calibration.astype(np.float32)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer in dense[:-1]:
        if layer.kernel.shape[0] <= MAX_INPUTS and call_count(layer) == 1:
            inputs = _outputs(keras.Model(model.inputs, layer.input), images)
            _round_dense(layer, inputs.reshape(-1, inputs.shape[-1]))


def _outputs(model: keras.Model, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the output of a model, computed in blocks."""
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
    """Round a kernel to its int8 grid so that ``inputs @ kernel`` changes little.

    Each row is rounded, and the following rows are shifted to compensate the error best, by the inverse of
    the inputs' second moments. The largest weight of each column stays at 127 steps, as it defines the grid.

    Args:
        kernel: float ``[inputs, units]``.
        inputs: float ``[N, inputs]``; centred if a bias compensates the mean.

    Returns:
        float32 ``[inputs, units]``; each column holds integer multiples of its largest absolute value / 127.
    """
    peak, largest = np.abs(kernel).argmax(axis=0), np.abs(kernel).max(axis=0)
    scale = np.where(largest > 0, largest, 127) / 127  # 1 for a column of zeros
    shifted, rounded = kernel / scale, np.empty_like(kernel)
    factor = _inverse_factor(inputs)
    for row in range(len(kernel)):
        steps = np.clip(np.rint(shifted[row]), -127, 127)
        rounded[row] = np.where(peak == row, np.sign(kernel[row]) * 127, steps)
        error = (shifted[row] - rounded[row]) / factor[row, row]
        shifted[row + 1 :] -= np.outer(factor[row, row + 1 :], error)
    return (rounded * scale).astype(np.float32)


def _inverse_factor(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper triangular ``U`` with ``UᵀU = (inputsᵀ·inputs + damping)⁻¹``."""
    moments = inputs.T @ inputs
    moments[np.diag_indices(len(moments))] += DAMPING * np.diag(moments).mean() or 1.0
    return np.linalg.cholesky(np.linalg.inv(moments)).T
