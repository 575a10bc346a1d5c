"""Measure how often `fmnist compare` reports a difference that does not exist, and how often one that does.

Each process has a level. Levels are log-normal around the run's level; with some probability, a process takes
1.5 times as long, as with badly placed memory. The run also has a level that its processes share: constant,
or log-normal with 1%. The simulation counts how often the 95% interval contains the truth for runs without a
level of their own, how often the same model is called faster or slower, by `fmnist compare` and by the
interval alone, and how often a model that takes 10% or 20% longer is called slower. Exits 1 if an interval
with enough processes for a verdict covers less than 95% by more than four standard errors, or if the same
model is called different too often. Writes results/compare_coverage.json.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from claims import Claim, conclude
from numpy.typing import NDArray
from side_by_side import progress, report

from fmnist.bench.compare import LEAST_CHANGE, MIN_PROCESSES, median_interval
from fmnist_runtime.timing.samples import CONFIDENCE

EXPERIMENTS, SEED, ERRORS = 2000, 0, 4
RESAMPLES = 999
"""A tenth of the resamples of `fmnist compare`, so that this takes minutes instead of an hour."""
MOST_ALARMS, MOST_ALARMS_OF_TWO = 0.5, 3.0
"""In percent."""
PROCESSES, CHANGES = (3, 4, 5, 6, 12), (1.1, 1.2)
SLOW = 1.5
"""Factor for a process with badly placed memory."""


@dataclass(frozen=True)
class Levels:
    """Distribution of the processes' levels."""

    sigma: float
    """Standard deviation of the logarithm."""
    slow_share: float = 0.0
    """Probability that a process takes 1.5 times as long."""


@dataclass(frozen=True)
class Found:
    """Result of many comparisons."""

    processes: int
    levels: Levels
    covered: float
    """Share of intervals that contain 1, for runs without a level of their own."""
    beyond_one: float
    """Share of intervals that exclude 1, for the same model and runs that differ by 1%."""
    alarms: float
    """Share of verdicts faster or slower among these."""
    seen: tuple[float, ...]
    """Share of verdicts slower, for models that take longer by each of `CHANGES`."""


LEVELS = (Levels(0.005), Levels(0.02), Levels(0.05), Levels(0.02, 0.1), Levels(0.02, 0.25), Levels(0.02, 0.5))


def claims(found: list[Found]) -> list[Claim]:
    """Return the claims, for process counts that allow a verdict."""
    judged = [item for item in found if item.processes >= MIN_PROCESSES]
    error = math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / EXPERIMENTS)
    least = (min(item.covered for item in judged) - CONFIDENCE) / error
    even = max(item.alarms for item in judged if not item.levels.slow_share)
    most = max(item.alarms for item in judged)
    return [
        Claim("minimum coverage, relative to 95%", least, "standard errors", -ERRORS, at_least=True),
        Claim("false alarms: same model called different", 100 * even, "%", MOST_ALARMS),
        Claim(
            "false alarms where some processes take 1.5 times as long", 100 * most, "%", MOST_ALARMS_OF_TWO
        ),
    ]


def run(random: np.random.Generator, levels: Levels, processes: int, shift: float) -> NDArray[np.float64]:
    """Return the medians of the processes of a run."""
    medians = random.lognormal(0, levels.sigma, processes) * random.lognormal(0, shift)
    return np.where(random.random(processes) < levels.slow_share, SLOW * medians, medians)


def intervals(
    random: np.random.Generator, levels: Levels, processes: int, shift: float, change: float
) -> NDArray[np.float64]:
    """Return the ends of the intervals of `EXPERIMENTS` comparisons, ``[EXPERIMENTS, 2]``."""
    ends = []
    for _ in range(EXPERIMENTS):
        old, new = (run(random, levels, processes, shift) for _ in range(2))
        ends.append(median_interval(change * new, old, RESAMPLES))
    return np.array(ends)


def measure(random: np.random.Generator, levels: Levels, processes: int) -> Found:
    """Simulate comparisons and count."""
    most = 1 + LEAST_CHANGE
    low, high = intervals(random, levels, processes, 0, 1).T
    covered = (low <= 1) & (high >= 1)
    low, high = intervals(random, levels, processes, 0.01, 1).T
    beyond, alarms = (low > 1) | (high < 1), (low > most) | (high < 1 / most)
    seen = (np.mean(intervals(random, levels, processes, 0.01, change)[:, 0] > most) for change in CHANGES)
    return Found(
        processes,
        levels,
        float(covered.mean()),
        float(beyond.mean()),
        float(alarms.mean()),
        tuple(map(float, seen)),
    )


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    random = np.random.default_rng(SEED)
    found = []
    for processes in PROCESSES:
        progress(f"{processes} processes")
        found += [measure(random, levels, processes) for levels in LEVELS]
    rows = [
        [
            f"{item.processes}",
            f"{100 * item.levels.sigma:g}%",
            f"{100 * item.levels.slow_share:g}%",
            *(f"{100 * share:.1f}" for share in (item.covered, item.beyond_one, item.alarms, *item.seen)),
        ]
        for item in found
    ]
    header = [
        "processes",
        "sigma",
        "1.5 times as long",
        "covered %",
        "same beyond 1%",
        "false alarms %",
    ]
    header += [f"{change:g} times seen %" for change in CHANGES]
    report(f"two runs of the same model, {EXPERIMENTS:,} times each", header, rows)
    figures = {
        "seed": SEED,
        "experiments": EXPERIMENTS,
        "resamples": RESAMPLES,
        "changes": CHANGES,
        "shares": [asdict(item) for item in found],
    }
    conclude("compare_coverage", claims(found), figures)


if __name__ == "__main__":
    main()
