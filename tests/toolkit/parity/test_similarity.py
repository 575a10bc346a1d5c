"""How far apart arrays are, on arrays whose distance is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fmnist.parity.layers import Similarity, compare_values

SIGNAL = np.array([[3, 0], [0, 4]], np.float32)


def test_equal_arrays_have_no_noise():
    assert compare_values(SIGNAL, SIGNAL.copy()) == Similarity(math.inf, 0, 1)


def test_a_tenth_of_error_is_20_db():
    """10 · log10(1 / 0.1²). What is only longer has the same direction."""
    similarity = compare_values(SIGNAL, SIGNAL.astype(np.float64) * 1.1)
    assert similarity.snr_db == pytest.approx(20)
    assert similarity.max_difference == pytest.approx(0.4)
    assert similarity.cosine == pytest.approx(1)


def test_noise_across_the_signal():
    """Noise as large as the signal is 0 dB; at a right angle to it, it turns it by 45 degrees."""
    similarity = compare_values(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    assert similarity.snr_db == 0
    assert similarity.cosine == pytest.approx(math.sqrt(0.5))
    assert compare_values(np.array([1.0, 0.0]), np.array([-1.0, 0.0])).cosine == -1


def test_a_layer_of_zeros():
    """As of units that never fire: it is right only when it is zero there, too."""
    zeros = np.zeros(3, np.float32)
    assert compare_values(zeros, zeros) == Similarity(math.inf, 0, 1)
    assert compare_values(zeros, np.array([0, 0, 0.5])) == Similarity(-math.inf, 0.5, 0)
    assert compare_values(np.array([0, 0, 0.5]), zeros) == Similarity(0, 0.5, 0)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_no_number_is_no_match(broken):
    assert not compare_values(SIGNAL, np.full_like(SIGNAL, broken)).snr_db > -math.inf
