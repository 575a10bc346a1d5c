"""Times of several contenders, measured in turn, and the ratios between them."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fmnist.text.tables import table

Measure = Callable[[int], list[float]]
"""Measures a contender's share of the times in a round, whose number it is given; in ns."""


@dataclass
class Times:
    """What one contender took. Nothing was left out."""

    rounds: list[list[float]] = field(default_factory=list)
    """Every measured time, by round, in ns."""

    @property
    def by_round(self) -> list[float]:
        """The median of each round."""
        return [statistics.median(calls) for calls in self.rounds]

    def percentile(self, percent: int) -> float:
        """A percentile of all times, in ns."""
        times = sorted(value for calls in self.rounds for value in calls)
        return times[max(0, -(-len(times) * percent // 100) - 1)]


def in_turn(contenders: Mapping[str, Measure], rounds: int) -> dict[str, Times]:
    """Let every contender run in every round, in an order shuffled anew."""
    order, shuffle = list(contenders), random.Random(0).shuffle
    times = {name: Times() for name in contenders}
    for number in range(rounds):
        shuffle(order)
        for name in order:
            times[name].rounds.append(contenders[name](number))
    return times


def once(function: Callable[[], object]) -> Measure:
    """A round of one call; one is made beforehand, which sets up what is set up lazily."""
    function()

    def call(_number: int) -> list[float]:
        start = time.perf_counter_ns()
        function()
        return [time.perf_counter_ns() - start]

    return call


def ratio(times: Times, base: Times) -> float:
    """The median of the ratios round by round.

    What slows the machine for longer than a round slows both sides of a round's ratio, but may fall on only
    one side of a ratio of medians. So the limits count against this one, and the other is shown beside it.
    """
    return statistics.median(a / b for a, b in zip(times.by_round, base.by_round, strict=True))


def ratio_of_medians(times: Times, base: Times) -> float:
    """The ratio of the medians over all times."""
    return times.percentile(50) / base.percentile(50)


def milliseconds(times: Mapping[str, Times]) -> dict[str, list[float]]:
    """The medians of the rounds by contender, for the JSON."""
    return {name: [round(value / 1e6, 3) for value in item.by_round] for name, item in times.items()}


def report(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table under its title."""
    print(f"\n{title}\n\n{table(header, rows)}", flush=True)


def progress(text: str) -> None:
    """Say on stderr what is going on."""
    print(text, file=sys.stderr, flush=True)
