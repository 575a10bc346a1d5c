from __future__ import annotations

import numpy as np
import pytest

from fmnist_runtime.quantization import pixel_encoder, score_decoder

PIXELS = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)


def test_pixels_map_one_to_one_onto_int8():
    encoded = pixel_encoder(np.int8, 1.0, -128)(PIXELS)
    assert encoded.dtype == np.int8
    assert encoded.reshape(-1).tolist() == list(range(-128, 128))


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [(np.int8, 0.7, -100), (np.uint8, 2.0, 0), (np.int8, 0.01, 0)]
)
def test_other_inputs_are_rounded_and_clipped(dtype, scale, zero_point):
    limits = np.iinfo(dtype)
    expected = [min(max(round(pixel / scale) + zero_point, limits.min), limits.max) for pixel in range(256)]
    encoded = pixel_encoder(dtype, scale, zero_point)(PIXELS)
    assert encoded.dtype == dtype
    assert encoded.shape == PIXELS.shape
    assert encoded.reshape(-1).tolist() == expected


def test_float_pixels_keep_their_value():
    encoded = pixel_encoder(np.float32, 0.0, 0)(PIXELS)
    assert encoded.dtype == np.float32
    assert np.array_equal(encoded, PIXELS)


@pytest.mark.parametrize(("dtype", "zero_point"), [(np.int8, -128), (np.uint8, 0)])
def test_scores_are_decoded(dtype, zero_point):
    """A softmax of scale 1/256: the integers are 256ths, counted from the zero point."""
    every = np.arange(256, dtype=np.uint8).view(dtype).reshape(2, 128)
    decoded = score_decoder(dtype, 1 / 256, zero_point)(every)
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, (every.astype(np.float32) - zero_point) / 256)


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.int16, 1.0), (np.int8, 0.0), (np.int8, np.nan), (np.int8, -1.0)]
)
def test_what_cannot_be_encoded_is_refused(dtype, scale):
    with pytest.raises(ValueError, match=r"not supported|positive scale"):
        pixel_encoder(dtype, scale, 0)
    with pytest.raises(ValueError, match=r"not supported|positive scale"):
        score_decoder(dtype, scale, 0)
