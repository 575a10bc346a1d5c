"""Whether values go up or down in the course of time, and by how much."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MOST = 600
"""Values of which all pairs are looked at; of more, as many at even distances, which show a trend as well."""


def kendall_tau(values: ArrayLike) -> float:
    """How steadily values rise (1) or fall (-1) with time; 0 when there is no trend.

    Kendall's tau-b of the values against their order: how many more pairs rise than fall, as a share of all
    pairs, with a correction for pairs that are equal (M. G. Kendall, A New Measure of Rank Correlation,
    Biometrika 30, 1938, and The Treatment of Ties in Ranking Problems, Biometrika 33, 1945).

    Args:
        values: Finite numbers ``[n]`` in order of time; of more than 600, some are looked at.

    Returns:
        From -1 to 1; 0 when all values are equal, or there are fewer than two.
    """
    signs = np.sign(_rises(_thinned(values))[0])
    unequal = np.count_nonzero(signs)
    return float(signs.sum() / np.sqrt(unequal * signs.size)) if unequal else 0.0


def relative_change(values: ArrayLike) -> float:
    """How far the values get from first to last, as a fraction of their median.

    Along the line whose slope is the median of the slopes between all pairs, which single values do not tilt
    (P. K. Sen, Estimates of the Regression Coefficient Based on Kendall's Tau, JASA 63, 1968).

    Args:
        values: Finite numbers ``[n]`` at even distances of time; of more than 600, some are looked at.

    Returns:
        0.1 for a rise by 10% of the median. 0 when there are fewer than two, and when the median is 0, of
        which nothing is a fraction.
    """
    numbers = _thinned(values)
    rises, steps = _rises(numbers)
    middle = np.median(numbers) if len(numbers) > 1 else 0.0
    return float(np.median(rises / steps) * (len(numbers) - 1) / middle) if middle else 0.0


def _thinned(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    return numbers[:: max(1, -(-len(numbers) // _MOST))]


def _rises(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """For each pair of an earlier and a later value: the difference, and how many steps lie between."""
    earlier, later = np.triu_indices(len(values), k=1)
    return values[later] - values[earlier], later - earlier
