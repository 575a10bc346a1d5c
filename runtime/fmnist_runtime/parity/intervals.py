"""Confidence intervals and a test for counts of paired answers, all at 95%."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054
"""97.5th percentile of the standard normal distribution."""
_TAIL = 0.025
"""Probability beyond each end of an interval."""
_HALVINGS = 60
"""Bisections of a bracket of at most 2, after which it is smaller than a float's precision."""


@dataclass(frozen=True)
class Interval:
    """A 95% confidence interval, in the unit of its quantity."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""


def tango_interval(worse: int, better: int, images: int) -> Interval:
    """Return the score interval of a difference of paired proportions, ``(better - worse) / images``.

    It consists of all differences that a score test does not reject at 5%, with the other parameter at its
    most likely value for that difference: Tango, Statistics in Medicine 17 (1998), 891-908. Unlike Wald's it
    has a width if nothing is discordant, and it has the right coverage for a handful of pairs.

    Args:
        worse: Pairs of which only the first succeeded.
        better: Pairs of which only the second did.
        images: All pairs.
    """
    estimate = (better - worse) / images
    low = _bisect(worse, better, images, inside=estimate, outside=-1.0)
    return Interval(low, _bisect(worse, better, images, inside=estimate, outside=1.0))


def _bisect(worse: int, better: int, images: int, inside: float, outside: float) -> float:
    """Return the difference between the two at which the score test begins to reject."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if _rejects(worse, better, images, middle):
            outside = middle
        else:
            inside = middle
    return inside


def _rejects(worse: int, better: int, images: int, difference: float) -> bool:
    """Return whether the score test rejects a difference. It is squared to avoid a division."""
    spread = difference * (1 - difference)
    a = 2 * images
    b = (2 * images - better + worse) * difference - better - worse
    share = (math.sqrt(max(b * b + 4 * a * worse * spread, 0.0)) - b) / (2 * a)  # of worse pairs, most likely
    variance = images * max(2 * share + spread, 0.0)
    return (better - worse - images * difference) ** 2 > Z * Z * variance


def wilson_interval(count: int, images: int) -> Interval:
    """Return the score interval of a proportion, ``count / images``: Wilson, JASA 22 (1927), 209-212."""
    share, square = count / images, Z * Z / images
    centre = share + square / 2
    half = Z * math.sqrt(share * (1 - share) / images + square / (4 * images))
    return Interval(max(0.0, (centre - half) / (1 + square)), min(1.0, (centre + half) / (1 + square)))


def agreement_interval(agreeing: int, images: int) -> Interval:
    """Return the interval of a share of agreeing answers; if all agree, by the rule of three.

    None of n images disagreed, so with 95% confidence less than ``1 - 0.05 ** (1 / n)``, about 3 / n, of all
    do. Hanley and Lippman-Hand, JAMA 249 (1983), 1743-1745.
    """
    if agreeing == images:
        return Interval(0.05 ** (1 / images), 1.0)
    return wilson_interval(agreeing, images)


def exact_low(count: int, images: int) -> float:
    """Return the lower end of the exact 95% interval of a proportion, ``count / images``.

    Clopper and Pearson, Biometrika 26 (1934), 404-413. With a smaller share, less than 2.5% of all samples
    would have so many or more. Unlike Wilson's, it keeps that for a handful, where Wilson's is too high.
    """
    steps = np.arange(1, count, dtype=np.float64)
    choices = np.concatenate([[0.0], np.cumsum(np.log((images + 1 - steps) / steps))])  # log of C(n, k)
    fewer = np.arange(count)
    low, high = 0.0, count / images
    for _ in range(_HALVINGS if count else 0):
        share = (low + high) / 2
        likelihood = choices + fewer * math.log(share) + (images - fewer) * math.log1p(-share)
        low, high = (share, high) if 1 - np.exp(likelihood).sum() < _TAIL else (low, share)
    return low


def mcnemar_p(worse: int, better: int) -> float:
    """Return the exact two-sided p-value of McNemar's test, that as many pairs got better as worse.

    It is twice the smaller tail of a binomial distribution of the discordant pairs, each way with probability
    1/2; 1 if there are none. McNemar, Psychometrika 12 (1947), 153-157.
    """
    discordant, fewer = worse + better, min(worse, better)
    steps = np.arange(1, fewer + 1, dtype=np.float64)
    choices = np.concatenate([[0.0], np.cumsum(np.log((discordant + 1 - steps) / steps))])  # log of C(n, k)
    return min(1.0, 2 * float(np.exp(choices - discordant * math.log(2)).sum()))
