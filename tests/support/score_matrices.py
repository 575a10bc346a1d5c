"""Small arrays of scores for Hypothesis: ties, zeros and ones, in floats and in integer levels."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

quick = settings(max_examples=100, deadline=None, derandomize=True, database=None)
"""Use the same examples every time, so that results are reproducible."""

FLOATS = st.floats(0, 1, width=32) | st.sampled_from([0.0, 1e-30, 0.25, 0.5, 1.0])
LEVELS_OF_8_BITS = st.integers(0, 255).map(lambda level: level / 2**8)
LEVELS_OF_16_BITS = st.integers(0, 2**15 - 1).map(lambda level: level / 2**15)


@st.composite
def models(draw, count: int = 2) -> tuple[np.ndarray, ...]:
    """Draw scores of several models for a few images, each in its own number format, and the true classes."""
    images, classes = draw(st.integers(1, 12)), draw(st.integers(2, 5))
    arrays = []
    for _ in range(count):
        values = draw(st.sampled_from([FLOATS, LEVELS_OF_8_BITS, LEVELS_OF_16_BITS]))
        rows = draw(st.lists(values, min_size=images * classes, max_size=images * classes))
        arrays.append(np.array(rows, np.float32).reshape(images, classes))
    targets = draw(st.lists(st.integers(0, classes - 1), min_size=images, max_size=images))
    return *arrays, np.array(targets, np.uint8)


def answer(row) -> int:
    """Return the class with the highest score; of equal scores the lowest class."""
    best = 0
    for index, score in enumerate(row):
        if score > row[best]:
            best = index
    return best
