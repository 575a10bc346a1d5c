"""Check the coverage of the interval that parity uses for its verdict.

Two models answer 10,000 images. A known share of the images is discordant: only one of the models is right.
Each of 10,000 simulated experiments counts whether Tango's 95% interval contains the true difference, and
whether a model passes that is truly worse by the gate's limit. The exact share, summed over all possible
counts, is reported beside the simulated one. It separates the simulation's chance from the interval's own
error, and is computed at many more rates. Exits 1 if a limit is broken. Writes results/parity_coverage.json.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
from claims import Claim, conclude
from scipy import stats
from side_by_side import progress, report

from fmnist_runtime.parity.gates import GATES
from fmnist_runtime.parity.intervals import tango_interval

IMAGES, EXPERIMENTS, SEED = 10_000, 10_000, 0
RATES = (0.001, 0.002, 0.005, 0.01, 0.02)
"""Shares of images that exactly one of the two models classifies correctly."""
DROPS = (0.0, *sorted({gate.max_drop for gate in GATES.values()}))
"""True losses of the converted model: none, or the limit of a scheme's gate."""
STEP_BETWEEN = 0.0005
"""Step between the rates with exact shares only, from the first to the last of `RATES`."""
COVERAGE, MOST_PASSING = (0.94, 0.965), 0.032
LEFT_OUT = 1e-9
"""Probability of the counts that an exact share omits on each side."""

Judge = Callable[[int, int, float], bool]
"""Judges counts of worse and better images, at a true drop."""
Outcomes = list[tuple[tuple[int, int], float]]
"""Counts of worse and better images, with their probability."""
interval = cache(tango_interval)


@dataclass(frozen=True)
class Share:
    """Probability of an event."""

    simulated: float
    """Share of the simulated experiments."""
    standard_error: float
    """Standard error of the simulated share."""
    exact: float
    """Sum over all counts."""


@dataclass(frozen=True)
class Scenario:
    """Two models with known properties, and the results of the interval."""

    discordance: float
    """Probability that exactly one of the two is right."""
    drop: float
    """True loss of accuracy of the converted model."""
    covered: Share
    """Share of intervals that contain the true difference."""
    passed: Share | None
    """Share of models that pass a gate of exactly this drop; None if there is none."""


def covers(worse: int, better: int, drop: float) -> bool:
    """Return whether the interval contains the true difference."""
    found = interval(worse, better, IMAGES)
    return found.low <= -drop <= found.high


def passes(worse: int, better: int, drop: float) -> bool:
    """Return whether the drop is ruled out."""
    return interval(worse, better, IMAGES).low > -drop


def split(discordance: float, drop: float) -> tuple[float, float]:
    """Return the probabilities of a worse image and of a better image."""
    return (discordance + drop) / 2, (discordance - drop) / 2


def likely_counts(probability: float) -> range:
    """Return the counts of a binomial distribution, without the very unlikely ones."""
    low, high = stats.binom.ppf([LEFT_OUT, 1 - LEFT_OUT], IMAGES, probability).astype(int)
    return range(max(low, 0), high + 1)


def every_outcome(discordance: float, drop: float) -> Outcomes:
    """Return all possible counts, without the very unlikely ones."""
    worse, better = split(discordance, drop)
    outcomes: Outcomes = []
    for lost in likely_counts(worse):
        # Each image that is not worse is better with this probability.
        others, share = IMAGES - lost, better / (1 - worse)
        won = np.array(likely_counts(better))
        weights = stats.binom.pmf(lost, IMAGES, worse) * stats.binom.pmf(won, others, share)
        outcomes += zip(((lost, count) for count in won.tolist()), weights.tolist(), strict=True)
    return outcomes


def exactly(judge: Judge, drop: float, outcomes: Outcomes) -> float:
    """Return the exact probability of an event."""
    return math.fsum(weight for pair, weight in outcomes if judge(*pair, drop))


def measure(discordance: float, drop: float, random: np.random.Generator) -> Scenario:
    """Simulate one pair of models, and sum over all outcomes."""
    chances = [*split(discordance, drop), 1 - discordance]
    experiments = random.multinomial(IMAGES, chances, EXPERIMENTS)[:, :2].tolist()
    outcomes = every_outcome(discordance, drop)

    def share(judge: Judge) -> Share:
        simulated = sum(judge(*pair, drop) for pair in experiments) / EXPERIMENTS
        error = math.sqrt(simulated * (1 - simulated) / EXPERIMENTS)
        return Share(simulated, error, exactly(judge, drop, outcomes))

    return Scenario(discordance, drop, share(covers), share(passes) if drop else None)


def between() -> dict[str, float]:
    """Return the minimum and maximum of all exact shares.

    Each rate is combined with the drops of the gates, with three quarters of the discordant images worse, and
    with all of them worse, which is the most uneven split.
    """
    covered, passed = [], []
    for rate in np.arange(RATES[0], RATES[-1] + STEP_BETWEEN / 2, STEP_BETWEEN).tolist():
        for drop in sorted({*DROPS, rate / 2, rate}):
            if drop <= rate:
                outcomes = every_outcome(rate, drop)
                covered.append(exactly(covers, drop, outcomes))
                passed.append(exactly(passes, drop, outcomes) if drop else 0.0)
    return {"least_covered": min(covered), "most_covered": max(covered), "most_passing": max(passed)}


def claims(scenarios: list[Scenario], extremes: dict[str, float]) -> list[Claim]:
    """Return the claims about the simulated and the exact shares."""
    covered = [item.covered.simulated for item in scenarios]
    passed = [item.passed.simulated for item in scenarios if item.passed]
    shares = {
        "simulated": (min(covered), max(covered), max(passed)),
        "exact": (extremes["least_covered"], extremes["most_covered"], extremes["most_passing"]),
    }
    low, high = COVERAGE
    found = []
    for how, (least, most, passing) in shares.items():
        found += [
            Claim(f"minimum coverage, {how}", 100 * least, "%", 100 * low, at_least=True),
            Claim(f"maximum coverage, {how}", 100 * most, "%", 100 * high),
            Claim(f"maximum pass rate at the limit, {how}", 100 * passing, "%", 100 * MOST_PASSING),
        ]
    return found


def cells(share: Share | None) -> list[str]:
    """Return a share's cells of the table."""
    if share is None:
        return ["", ""]
    return [f"{100 * share.simulated:.2f} ± {100 * share.standard_error:.2f}", f"{100 * share.exact:.2f}"]


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    random = np.random.default_rng(SEED)
    scenarios = []
    for rate in RATES:
        scenarios += [measure(rate, drop, random) for drop in DROPS if drop <= rate]
        progress(f"{100 * rate:g}% done")
    rows = [
        [f"{100 * item.discordance:g}", f"{100 * item.drop:g}", *cells(item.covered), *cells(item.passed)]
        for item in scenarios
    ]
    header = ["discordant %", "points worse", "covered %", "exact", "passes %", "exact"]
    report(f"Tango's 95% interval, {EXPERIMENTS:,} experiments of {IMAGES:,} images each", header, rows)
    extremes = between()
    print(
        f"\nAt every {100 * STEP_BETWEEN:g}% of discordance in between, the exact coverage is "
        f"{100 * extremes['least_covered']:.2f} to {100 * extremes['most_covered']:.2f}%, "
        f"and at most {100 * extremes['most_passing']:.2f}% pass"
    )
    figures = {
        "images": IMAGES,
        "experiments": EXPERIMENTS,
        "seed": SEED,
        "scenarios": [asdict(item) for item in scenarios],
        "exact_between": extremes,
    }
    conclude("parity_coverage", claims(scenarios, extremes), figures)


if __name__ == "__main__":
    main()
