"""Whether the interval that parity judges by keeps its word: how often it covers what is true.

Two models answer 10,000 images, a known share of which only one of them has right. In 10,000 simulated
experiments each, counted is how often Tango's 95% interval has the true difference in it, and how often a
model that is truly worse by as much as a gate allows passes. Beside the simulated share stands the exact one,
summed over all counts that can come about: it tells the simulation's chance from what is the interval's own,
and is taken at many more rates. Exits 1 when a limit is broken. Writes results/parity_coverage.json.
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
"""Shares of images that one of the two models has right and the other wrong."""
DROPS = (0.0, *sorted({gate.max_drop for gate in GATES.values()}))
"""By how much the converted model is truly worse: not at all, or as much as a scheme's gate allows."""
STEP_BETWEEN = 0.0005
"""Between the rates that only exact shares are taken at, from the first of the others to the last."""
COVERAGE, MOST_PASSING = (0.94, 0.965), 0.032
LEFT_OUT = 1e-9
"""Probability of the counts that an exact share leaves out on each side."""

Judge = Callable[[int, int, float], bool]
"""Says whether something is so of counts of worse and better images, at a true drop."""
Outcomes = list[tuple[tuple[int, int], float]]
"""Counts of worse and better images, with their probability."""
interval = cache(tango_interval)


@dataclass(frozen=True)
class Share:
    """How often something happens."""

    simulated: float
    """Of the simulated experiments."""
    standard_error: float
    """Of the simulated share."""
    exact: float
    """Summed over all counts."""


@dataclass(frozen=True)
class Scenario:
    """Two models of which all is known, and what the interval says of them."""

    discordance: float
    """Probability that one of the two is right and the other wrong."""
    drop: float
    """By how much the converted model is less accurate."""
    covered: Share
    """How often the interval has the true difference in it."""
    passed: Share | None
    """How often the model passes a gate of just its drop; None where there is none."""


def covers(worse: int, better: int, drop: float) -> bool:
    """Whether the interval has the true difference in it."""
    found = interval(worse, better, IMAGES)
    return found.low <= -drop <= found.high


def passes(worse: int, better: int, drop: float) -> bool:
    """Whether the drop is ruled out."""
    return interval(worse, better, IMAGES).low > -drop


def split(discordance: float, drop: float) -> tuple[float, float]:
    """Probabilities of an image that is worse, and of one that is better."""
    return (discordance + drop) / 2, (discordance - drop) / 2


def likely_counts(probability: float) -> range:
    """The counts of a binomial distribution, but for those that hardly ever come about."""
    low, high = stats.binom.ppf([LEFT_OUT, 1 - LEFT_OUT], IMAGES, probability).astype(int)
    return range(max(low, 0), high + 1)


def every_outcome(discordance: float, drop: float) -> Outcomes:
    """All counts that can come about, but for those that hardly ever do."""
    worse, better = split(discordance, drop)
    outcomes: Outcomes = []
    for lost in likely_counts(worse):
        # Of the images that are not worse, each is better with this probability.
        others, share = IMAGES - lost, better / (1 - worse)
        won = np.array(likely_counts(better))
        weights = stats.binom.pmf(lost, IMAGES, worse) * stats.binom.pmf(won, others, share)
        outcomes += zip(((lost, count) for count in won.tolist()), weights.tolist(), strict=True)
    return outcomes


def exactly(judge: Judge, drop: float, outcomes: Outcomes) -> float:
    """Probability that something is so."""
    return math.fsum(weight for pair, weight in outcomes if judge(*pair, drop))


def measure(discordance: float, drop: float, random: np.random.Generator) -> Scenario:
    """Simulate one pair of models, and sum over all that may come of it."""
    chances = [*split(discordance, drop), 1 - discordance]
    experiments = random.multinomial(IMAGES, chances, EXPERIMENTS)[:, :2].tolist()
    outcomes = every_outcome(discordance, drop)

    def share(judge: Judge) -> Share:
        simulated = sum(judge(*pair, drop) for pair in experiments) / EXPERIMENTS
        error = math.sqrt(simulated * (1 - simulated) / EXPERIMENTS)
        return Share(simulated, error, exactly(judge, drop, outcomes))

    return Scenario(discordance, drop, share(covers), share(passes) if drop else None)


def between() -> dict[str, float]:
    """The least and the most of all exact shares.

    At each rate with the drops of the gates, and with three in four of the discordant images to the worse,
    and with all of them, which is as uneven as there can be.
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
    """What is promised of the interval: of the shares that were simulated, and of the exact ones."""
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
    """A share for the table."""
    if share is None:
        return ["", ""]
    return [f"{100 * share.simulated:.2f} ± {100 * share.standard_error:.2f}", f"{100 * share.exact:.2f}"]


def main() -> None:
    """Measure, print, record, judge."""
    random = np.random.default_rng(SEED)
    scenarios = []
    for rate in RATES:
        scenarios += [measure(rate, drop, random) for drop in DROPS if drop <= rate]
        progress(f"{100 * rate:g}% done")
    rows = [
        [f"{100 * item.discordance:g}", f"{100 * item.drop:g}", *cells(item.covered), *cells(item.passed)]
        for item in scenarios
    ]
    header = ["discordant %", "points worse", "covered %", "exactly", "passes %", "exactly"]
    report(f"Tango's 95% interval, {EXPERIMENTS:,} experiments of {IMAGES:,} images each", header, rows)
    extremes = between()
    print(
        f"\nAt every {100 * STEP_BETWEEN:g}% of discordance in between, it covers exactly "
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
