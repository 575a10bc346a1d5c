from __future__ import annotations

import numpy as np
import pytest

from fmnist_runtime.engines.quantization import pixel_writer, score_reader

PIXELS = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)


def written(dtype: type, scale: float, zero_point: int) -> np.ndarray:
    tensor = np.empty(PIXELS.shape, dtype)
    pixel_writer(tensor, scale, zero_point)(PIXELS)
    return tensor


def test_pixels_map_one_to_one_onto_int8():
    encoded = written(np.int8, 1.0, -128)
    assert encoded.reshape(-1).tolist() == list(range(-128, 128))


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [(np.int8, 0.7, -100), (np.uint8, 2.0, 0), (np.int8, 0.01, 0)]
)
def test_other_inputs_are_rounded_and_clipped(dtype, scale, zero_point):
    limits = np.iinfo(dtype)
    expected = [min(max(round(pixel / scale) + zero_point, limits.min), limits.max) for pixel in range(256)]
    encoded = written(dtype, scale, zero_point)
    assert encoded.reshape(-1).tolist() == expected


def test_float_pixels_keep_their_value():
    assert np.array_equal(written(np.float32, 0.0, 0), PIXELS)


def test_unquantised_bytes_keep_their_value():
    """Of a model that takes uint8 and converts it itself; TFLite gives the scale it lacks as 0."""
    assert np.array_equal(written(np.uint8, 0.0, 0), PIXELS)


@pytest.mark.parametrize(("dtype", "zero_point"), [(np.int8, -128), (np.uint8, 0)])
def test_scores_are_decoded(dtype, zero_point):
    """A softmax of scale 1/256: the integers are 256ths, counted from the zero point."""
    every = np.arange(256, dtype=np.uint8).view(dtype).reshape(2, 128)
    tensor = np.empty_like(every)
    read, decoded = score_reader(tensor, 1 / 256, zero_point)
    tensor[:] = every  # bound first, filled later, as an engine does
    assert read is not None
    read()
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, (every.astype(np.float32) - zero_point) / 256)


def test_scores_of_16_bits_are_decoded():
    """A softmax of scale 1/32768, as TFLite has it beside activations of 16 bits."""
    tensor = np.arange(2**16, dtype=np.uint16).view(np.int16).reshape(256, 256)
    read, decoded = score_reader(tensor, 1 / 32768, 0)
    assert read is not None
    read()
    assert np.array_equal(decoded, tensor.astype(np.float32) / 32768)


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.bool_, 0.0), (np.int8, np.inf), (np.int8, np.nan), (np.int8, -1.0)]
)
def test_what_cannot_be_encoded_is_refused(dtype, scale):
    with pytest.raises(ValueError, match=r"not supported|positive scale"):
        written(dtype, scale, 0)
    with pytest.raises(ValueError, match=r"not supported|positive scale"):
        score_reader(np.empty((1, 10), dtype), scale, 0)
