"""Whether the intervals of percentiles keep their word, whatever way latencies are distributed.

Samples are drawn of distributions whose true percentiles are known, as long-tailed and as many-peaked as
latencies are. Counted is how often the 95 % interval has the true percentile in it. Its ranks are whole
numbers, so that it covers somewhat more; how much more is known exactly, and stands beside it. Exits 1 when a
share is below 95 % or not the exact one, by more than four standard errors. Writes
results/percentile_coverage.json.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from claims import Claim, conclude
from numpy.typing import NDArray
from scipy import stats
from side_by_side import report

from fmnist_runtime.latency import Samples
from fmnist_runtime.percentiles import CONFIDENCE, interval_ranks

EXPERIMENTS, SEED, ERRORS = 4000, 0, 4
FINE = 1e9
"""Samples are whole numbers; of so small a part of a µs, hardly two are alike, as in what is drawn."""
PERCENTS, COUNTS = (50.0, 90.0, 99.0, 99.9), (400, 2000, 5000)


@dataclass(frozen=True)
class Distribution:
    """Latencies in µs that are known."""

    name: str
    draw: Callable[[np.random.Generator, int], NDArray[np.float64]]
    quantile: Callable[[float], float]


def two_peaks(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Seven in ten around 3 µs, the others around 9."""
    slow = random.random(count) < 0.3
    return np.where(slow, 9.0, 3.0) + random.random(count)


def quantile_of_two_peaks(share: float) -> float:
    """Its inverse: uniform from 3 to 4, and from 9 to 10."""
    return 3 + share / 0.7 if share <= 0.7 else 9 + (share - 0.7) / 0.3


DISTRIBUTIONS = (
    Distribution(
        "log-normal", lambda random, n: random.lognormal(1, 0.5, n), stats.lognorm(0.5, 0, math.e).ppf
    ),
    Distribution(
        "Pareto tail", lambda random, n: 3 * (1 + random.pareto(1.5, n)), stats.pareto(1.5, 0, 3).ppf
    ),
    Distribution("two peaks", two_peaks, quantile_of_two_peaks),
)


@dataclass(frozen=True)
class Coverage:
    """How often an interval has the truth in it."""

    distribution: str
    samples: int
    percent: float
    covered: float
    standard_error: float
    exact: float
    """By the binomial distribution alone, the same for every continuous one."""


def claims(found: list[Coverage]) -> list[Claim]:
    """An interval must cover as it says, and as it must, but for the simulation's own chance."""
    least = min((item.covered - CONFIDENCE) / item.standard_error for item in found)
    furthest = max(abs(item.covered - item.exact) / item.standard_error for item in found)
    return [
        Claim("the least coverage, from 95 %", least, "standard errors", -ERRORS, at_least=True),
        Claim("coverage furthest from the exact", furthest, "standard errors", ERRORS),
    ]


def measure(distribution: Distribution, count: int, percent: float, random: np.random.Generator) -> Coverage:
    """Draw samples again and again, and count."""
    truth, hits = FINE * distribution.quantile(percent / 100), 0
    for _ in range(EXPERIMENTS):
        drawn = np.rint(FINE * distribution.draw(random, count)).astype(np.int64)
        found = Samples.of(drawn).percentile(percent)
        assert found is not None
        hits += found.low <= truth <= found.high
    low, high = interval_ranks(count, percent) or (0, 0)
    below = stats.binom(count, percent / 100)
    share = hits / EXPERIMENTS
    error = math.sqrt(share * (1 - share) / EXPERIMENTS)
    return Coverage(
        distribution.name, count, percent, share, error, float(below.cdf(high - 1) - below.cdf(low - 1))
    )


def main() -> None:
    """Measure, print, record, judge."""
    random = np.random.default_rng(SEED)
    found = [
        measure(distribution, count, percent, random)
        for distribution in DISTRIBUTIONS
        for count in COUNTS
        for percent in PERCENTS
        if interval_ranks(count, percent)
    ]
    rows = [
        [
            item.distribution,
            f"{item.samples:,}",
            f"p{item.percent:g}",
            f"{100 * item.covered:.2f} ± {100 * item.standard_error:.2f}",
            f"{100 * item.exact:.2f}",
        ]
        for item in found
    ]
    header = ["latencies", "samples", "percentile", "covered %", "exactly"]
    report(f"95 % intervals of percentiles, {EXPERIMENTS:,} experiments each", header, rows)
    conclude("percentile_coverage", claims(found), {"seed": SEED, "shares": [asdict(item) for item in found]})


if __name__ == "__main__":
    main()
