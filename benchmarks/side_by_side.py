"""Time several contenders in turn, and compute the ratios between them."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fmnist.text.tables import table

Measure = Callable[[int], list[float]]
"""Measures a contender in the round with the given number; returns times in ns."""


@dataclass
class Times:
    """All times of one contender."""

    rounds: list[list[float]] = field(default_factory=list)
    """Every measured time, by round, in ns."""

    @property
    def by_round(self) -> list[float]:
        """The median of each round."""
        return [statistics.median(calls) for calls in self.rounds]

    def percentile(self, percent: int) -> float:
        """Return a percentile of all times, in ns."""
        times = sorted(value for calls in self.rounds for value in calls)
        return times[max(0, -(-len(times) * percent // 100) - 1)]


def in_turn(contenders: Mapping[str, Measure], rounds: int) -> dict[str, Times]:
    """Run every contender in every round, each round in a newly shuffled order."""
    order, shuffle = list(contenders), random.Random(0).shuffle
    times = {name: Times() for name in contenders}
    for number in range(rounds):
        shuffle(order)
        for name in order:
            times[name].rounds.append(contenders[name](number))
    return times


def once(function: Callable[[], object]) -> Measure:
    """Return a measure with one call per round; a call beforehand does lazy set-up."""
    function()

    def call(_number: int) -> list[float]:
        start = time.perf_counter_ns()
        function()
        return [time.perf_counter_ns() - start]

    return call


def ratio(times: Times, base: Times) -> float:
    """Return the median of the ratios by round.

    A slowdown that lasts longer than a round affects both sides of a round's ratio, but may affect only one
    side of a ratio of medians. So the limits use this ratio, and the other is shown beside it.
    """
    return statistics.median(a / b for a, b in zip(times.by_round, base.by_round, strict=True))


def ratio_of_medians(times: Times, base: Times) -> float:
    """Return the ratio of the medians over all times."""
    return times.percentile(50) / base.percentile(50)


def milliseconds(times: Mapping[str, Times]) -> dict[str, list[float]]:
    """Return the medians of the rounds by contender, for the JSON."""
    return {name: [round(value / 1e6, 3) for value in item.by_round] for name, item in times.items()}


def report(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table with a title."""
    print(f"\n{title}\n\n{table(header, rows)}", flush=True)


def progress(text: str) -> None:
    """Print progress on stderr."""
    print(text, file=sys.stderr, flush=True)
