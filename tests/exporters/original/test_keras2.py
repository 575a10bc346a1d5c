"""A file of Keras 2, in which one model lies inside another, as Teachable Machine writes it."""

from __future__ import annotations

import numpy as np
from support import ROOT

from fmnist_exporters.original.session import KerasSession, load_keras

FILE = ROOT / "tests" / "models" / "keras2.h5"
EXPECTED = [[0.90511775, 0.01270653, 0.08217569], [0.92577016, 0.00835848, 0.06587141]]
"""What Keras 2 itself answers (``tests/models/generate_keras2.py``)."""


def test_it_answers_as_keras_2_does():
    raw = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3))
    before = FILE.read_bytes()
    # Rounding of float32 in sums of 27 products and less, as of two builds of TensorFlow.
    assert np.abs(np.asarray(load_keras(FILE)(raw.astype(np.float32) / 255)) - EXPECTED).max() < 1e-5
    with KerasSession(FILE, input_range="0-1") as session:
        assert np.abs(session.scores(raw.astype(np.uint8)) - EXPECTED).max() < 1e-5
    assert FILE.read_bytes() == before
