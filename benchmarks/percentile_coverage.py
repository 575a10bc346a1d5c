"""Check the coverage of the intervals of percentiles, for several distributions of latencies.

The distributions have known percentiles, and long tails and several peaks like latencies. The simulation
counts how often the 95% interval contains the true percentile. The interval's ranks are whole numbers, so it
covers somewhat more; the exact coverage is known and reported beside it.

Processes differ from each other, and the samples of one process share its level. Therefore the same is
counted for six processes together, with the interval that spans their own figures and, for comparison, with
the one that treats all samples as independent. Exits 1 if a share is below 95% or differs from the exact one
by more than four standard errors; a p99 of differing processes has no limit. Writes
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
"""Samples are whole numbers; in units this small, hardly two are equal, as in the distributions."""
PROCESSES, SPREADS, WITHIN = 6, (0.0, 0.01, 0.03, 0.1), 0.05
"""Number of processes, and standard deviations between processes and within one."""
PERCENTS, COUNTS = (50.0, 90.0, 99.0, 99.9), (400, 2000, 5000)


@dataclass(frozen=True)
class Distribution:
    """Latencies in µs with a known distribution."""

    name: str
    draw: Callable[[np.random.Generator, int], NDArray[np.float64]]
    quantile: Callable[[float], float]


def two_peaks(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw seven in ten around 3 µs, and the others around 9 µs."""
    slow = random.random(count) < 0.3
    return np.where(slow, 9.0, 3.0) + random.random(count)


def quantile_of_two_peaks(share: float) -> float:
    """Return the inverse of the distribution: uniform from 3 to 4, and from 9 to 10."""
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
    """Share of intervals that contain the truth."""

    distribution: str
    samples: int
    percent: float
    covered: float
    standard_error: float
    exact: float
    """Coverage by the binomial distribution, the same for every continuous distribution."""


@dataclass(frozen=True)
class Together:
    """Share of intervals of six processes that contain the percentile over all possible processes."""

    spread: float
    """Standard deviation of the processes' levels, as a fraction."""
    percent: float
    covered: float
    standard_error: float
    taken_for_independent: float
    """Coverage of the interval that treats all samples as independent."""


def together(spread: float, random: np.random.Generator) -> list[Together]:
    """Simulate six processes of 2,000 samples: log-normal, at log-normal levels."""
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
    """Return the claims: coverage is 95% and exact, except for the simulation's own chance."""
    least = min((item.covered - CONFIDENCE) / item.standard_error for item in found)
    furthest = max(abs(item.covered - item.exact) / item.standard_error for item in found)
    return [
        Claim("minimum coverage, relative to 95%", least, "standard errors", -ERRORS, at_least=True),
        Claim("largest deviation from the exact coverage", furthest, "standard errors", ERRORS),
        Claim(
            "minimum coverage of p50 over six processes, relative to 95%",
            min(
                (item.covered - CONFIDENCE) / item.standard_error for item in processes if item.percent == 50
            ),
            "standard errors",
            -ERRORS,
            at_least=True,
        ),
    ]


def measure(distribution: Distribution, count: int, percent: float, random: np.random.Generator) -> Coverage:
    """Draw samples repeatedly, and count."""
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
    """Measure, print and record; exit 1 if a limit is broken."""
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
    header = ["latencies", "samples", "percentile", "covered %", "exact"]
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
    header = ["processes differ by", "percentile", "covered %", "if treated as independent"]
    report(f"{PROCESSES} processes of 2,000 samples, {EXPERIMENTS:,} experiments each", header, rows)
    shares = [asdict(item) for item in found]
    figures = {"seed": SEED, "shares": shares, "processes": [asdict(item) for item in processes]}
    conclude("percentile_coverage", claims(found, processes), figures)


if __name__ == "__main__":
    main()
