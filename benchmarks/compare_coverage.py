"""How often `fmnist compare` calls two runs of the same model different, and sees a real change.

Processes have levels of their own: log-normal around the run's, or, by a coin that is not always fair, half
as long again, as memory that came to lie badly makes them. A run has a level, too, which no process of it
shows: nothing, or log-normal with 1%. Counted is how often the 95% interval has the truth in it while runs
have no level of their own, how often the same model is called faster or slower, by `fmnist compare` and by
the mere interval, and how often a model that takes 10% or 20% longer is called slower. Exits 1 when an
interval of as many processes as a verdict asks for covers less than 95%, by more than four standard errors,
or when the same model is called different too often. Writes results/compare_coverage.json.
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
"""A tenth of what `fmnist compare` draws, so that this takes minutes, not an hour."""
MOST_ALARMS, MOST_ALARMS_OF_TWO = 0.5, 3.0
"""In per cent."""
PROCESSES, CHANGES = (3, 4, 5, 6, 12), (1.1, 1.2)
SLOW = 1.5
"""How much longer a process takes whose memory lies badly."""


@dataclass(frozen=True)
class Levels:
    """How the levels of processes are distributed."""

    sigma: float
    """Standard deviation of their logarithm."""
    slow_share: float = 0.0
    """Probability of a process that takes half as long again."""


@dataclass(frozen=True)
class Found:
    """What became of so many comparisons."""

    processes: int
    levels: Levels
    covered: float
    """Runs without a level of their own whose interval has 1 in it."""
    beyond_one: float
    """The same model, whose runs differ by 1%: the interval has not 1 in it."""
    alarms: float
    """The same of those that the verdict would be faster or slower for."""
    seen: tuple[float, ...]
    """Models that take longer by each of `CHANGES`, and are called slower."""


LEVELS = (Levels(0.005), Levels(0.02), Levels(0.05), Levels(0.02, 0.1), Levels(0.02, 0.25), Levels(0.02, 0.5))


def claims(found: list[Found]) -> list[Claim]:
    """Of as many processes as a verdict asks for, and, for alarms, as many as bench takes."""
    judged = [item for item in found if item.processes >= MIN_PROCESSES]
    error = math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / EXPERIMENTS)
    least = (min(item.covered for item in judged) - CONFIDENCE) / error
    even = max(item.alarms for item in judged if not item.levels.slow_share)
    most = max(item.alarms for item in judged)
    return [
        Claim("the least coverage, from 95%", least, "standard errors", -ERRORS, at_least=True),
        Claim("the same model called different", 100 * even, "%", MOST_ALARMS),
        Claim("the same where some processes are half as slow again", 100 * most, "%", MOST_ALARMS_OF_TWO),
    ]


def run(random: np.random.Generator, levels: Levels, processes: int, shift: float) -> NDArray[np.float64]:
    """The medians of the processes of a run."""
    medians = random.lognormal(0, levels.sigma, processes) * random.lognormal(0, shift)
    return np.where(random.random(processes) < levels.slow_share, SLOW * medians, medians)


def intervals(
    random: np.random.Generator, levels: Levels, processes: int, shift: float, change: float
) -> NDArray[np.float64]:
    """Ends of the interval of as many comparisons, ``[EXPERIMENTS, 2]``."""
    ends = []
    for _ in range(EXPERIMENTS):
        old, new = (run(random, levels, processes, shift) for _ in range(2))
        ends.append(median_interval(change * new, old, RESAMPLES))
    return np.array(ends)


def measure(random: np.random.Generator, levels: Levels, processes: int) -> Found:
    """Compare again and again, and count."""
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
    """Measure, print, record, judge."""
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
        "their sigma",
        "half as slow again",
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
