"""Changes of training images that keep their class, made anew in every epoch: shifts, mirrors, turns."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import tensorflow as tf

_SHIFT = 14
"""Shifts are of up to a 14th of the height and width: 2 pixels of 28, the margin that MNIST's digits have."""
_TURN = math.radians(10)


def augment(images: Any, seed: Any, kinds: Collection[str]) -> Any:
    """Return changed images.

    Args:
        images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``.
        seed: int32 ``[2]``; the same gives the same changes.
        kinds: Any of ``shift``, ``flip`` (left and right) and ``rotate``, each for every image by itself.

    Returns:
        Images of the same shape and type.
    """
    if "shift" in kinds:
        images = _shifted(images, tf.add(seed, [0, 1]))
    if "flip" in kinds:
        is_flipped = tf.random.stateless_uniform([tf.shape(images)[0]], tf.add(seed, [0, 2])) < 0.5
        is_flipped = tf.reshape(is_flipped, [-1, *[1] * (len(images.shape) - 1)])
        images = tf.where(is_flipped, tf.reverse(images, [2]), images)
    if "rotate" in kinds:
        images = _rotated(images, tf.add(seed, [0, 3]))
    return images


def _shifted(images: Any, seed: Any) -> Any:
    """Shift images; what enters is 0."""
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    most = height // _SHIFT, width // _SHIFT
    padding = [[0, 0], [most[0], most[0]], [most[1], most[1]], *[[0, 0]] * (len(images.shape) - 3)]
    padded = tf.pad(images, padding)
    offsets = [
        tf.random.stateless_uniform([count], tf.add(seed, [axis, 0]), 0, 2 * limit + 1, tf.int32)
        for axis, limit in enumerate(most)
    ]
    rows = tf.gather(padded, offsets[0][:, None] + tf.range(height)[None], batch_dims=1)
    return tf.gather(rows, offsets[1][:, None] + tf.range(width)[None], axis=2, batch_dims=1)


def _rotated(images: Any, seed: Any) -> Any:
    """Turn images around their centre; what enters is 0."""
    height, width = images.shape[1], images.shape[2]
    angles = tf.random.stateless_uniform([tf.shape(images)[0]], seed, -_TURN, _TURN)
    cos, sin = tf.cos(angles), tf.sin(angles)
    x, y = (width - 1) / 2, (height - 1) / 2
    zero = tf.zeros_like(angles)
    transforms = [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, zero, zero]
    has_channels = len(images.shape) == 4
    turned = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images if has_channels else images[..., None], tf.float32),
        transforms=tf.stack(transforms, axis=1),
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    turned = tf.cast(tf.round(turned), images.dtype)
    return turned if has_channels else turned[..., 0]
