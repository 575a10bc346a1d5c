"""Whether the intervals of percentiles keep their word, whatever way latencies are distributed.

Samples are drawn of distributions whose true percentiles are known, as long-tailed and as many-peaked as
latencies are. Counted is how often the 95% interval has the true percentile in it. Its ranks are whole
numbers, so that it covers somewhat more; how much more is known exactly, and stands beside it.

Processes differ from each other, and samples of one are alike in that. So the same is counted for what six
processes found together, with the interval that spans their own figures and, for comparison, with the one
that takes all samples for independent. Exits 1 when a share is below 95% or not the exact one, by more than
four standard errors; of a p99 of processes that differ nothing is promised. Writes
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

from fmnist_runtime.timing import Samples, pooled_percentile
from fmnist_runtime.timing.samples import CONFIDENCE, interval_ranks

EXPERIMENTS, SEED, ERRORS = 4000, 0, 4
FINE = 1e9
"""Samples are whole numbers; of so small a part of a µs, hardly two are alike, as in what is drawn."""
PROCESSES, SPREADS, WITHIN = 6, (0.0, 0.01, 0.03, 0.1), 0.05
"""Six processes, by how much they differ, and by how much the calls of one do: standard deviations."""
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


@dataclass(frozen=True)
class Together:
    """How often the interval of six processes has the truth in it: that of all processes there could be."""

    spread: float
    """Standard deviation of the processes' levels, as a share."""
    percent: float
    covered: float
    standard_error: float
    taken_for_independent: float
    """What the interval of all samples alone covers."""


def together(spread: float, random: np.random.Generator) -> list[Together]:
    """Six processes of 2,000 samples: log-normal, at levels that are log-normal, too."""
    deviation = math.hypot(spread, WITHIN)
    hits: dict[float, list[tuple[bool, bool]]] = {percent: [] for percent in (50.0, 99.0)}
    for _ in range(EXPERIMENTS):
        levels = random.normal(0, spread, PROCESSES)
        drawn = [FINE * np.exp(random.normal(level, WITHIN, 2000)) for level in levels]
        parts = [Samples.of(np.rint(times).astype(np.int64)) for times in drawn]
        merged = Samples.merged(parts)
        for percent, found in hits.items():
            truth = FINE * math.exp(deviation * stats.norm.ppf(percent / 100))
            intervals = (pooled_percentile(parts, percent), merged.percentile(percent))
            spans, alone = (item is not None and item.low <= truth <= item.high for item in intervals)
            found.append((spans, alone))
    shares = {percent: np.mean(found, axis=0).tolist() for percent, found in hits.items()}
    return [
        Together(spread, percent, spans, math.sqrt(spans * (1 - spans) / EXPERIMENTS), alone)
        for percent, (spans, alone) in shares.items()
    ]


def claims(found: list[Coverage], processes: list[Together]) -> list[Claim]:
    """An interval must cover as it says, and as it must, but for the simulation's own chance."""
    least = min((item.covered - CONFIDENCE) / item.standard_error for item in found)
    furthest = max(abs(item.covered - item.exact) / item.standard_error for item in found)
    return [
        Claim("the least coverage, from 95%", least, "standard errors", -ERRORS, at_least=True),
        Claim("coverage furthest from the exact", furthest, "standard errors", ERRORS),
        Claim(
            "the least coverage of p50 of six processes, from 95%",
            min(
                (item.covered - CONFIDENCE) / item.standard_error for item in processes if item.percent == 50
            ),
            "standard errors",
            -ERRORS,
            at_least=True,
        ),
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
    report(f"95% intervals of percentiles, {EXPERIMENTS:,} experiments each", header, rows)
    processes = [item for spread in SPREADS for item in together(spread, random)]
    rows = [
        [
            f"{100 * item.spread:g}%",
            f"p{item.percent:g}",
            f"{100 * item.covered:.2f} ± {100 * item.standard_error:.2f}",
            f"{100 * item.taken_for_independent:.2f}",
        ]
        for item in processes
    ]
    header = ["processes differ by", "percentile", "covered %", "if taken for independent"]
    report(f"{PROCESSES} processes of 2,000 samples, {EXPERIMENTS:,} experiments each", header, rows)
    shares = [asdict(item) for item in found]
    figures = {"seed": SEED, "shares": shares, "processes": [asdict(item) for item in processes]}
    conclude("percentile_coverage", claims(found, processes), figures)


if __name__ == "__main__":
    main()
