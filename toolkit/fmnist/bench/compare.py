"""Two benchmarks beside each other: what became faster, what slower, what is alike, and what cannot be told.

A process has a level of its own, by where memory came to lie; its thousands of calls are no thousand
opinions. So the interval of a ratio is a bootstrap over processes: as many as there were are drawn again from
each side, with replacement, and the ratio of their medians is taken, 9,999 times (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, chapters 8 and 13).

It knows nothing of what moves a whole run, such as the state of the machine on another day. If that is 1%,
two runs of the same model are called different in up to 6 of 10 cases, should an interval only have to lie
beyond 1. So a verdict asks for more: the whole interval must lie beyond 5%, within which STABLE promises
another run. One that lies wholly within those 5% is told as well: the two are alike.

Then two runs of the same model, of six processes each, are called faster or slower in 0.1% of the cases
where processes scatter by up to 5% and runs by 1%, and in 1.8% where every other process, by chance, takes
half as long again. A model that takes 10% longer is called slower in 82% where processes scatter by 2%,
and in 27% where they do by 5%; of twelve each, in 93 and 47 (`benchmarks/compare_coverage.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmnist.bench.reading import Figures, Key, Recorded
from fmnist_runtime.errors import ResultError
from fmnist_runtime.timing.samples import CONFIDENCE
from fmnist_runtime.timing.trust import STABLE

FASTER, SLOWER, ALIKE, CANNOT_TELL = "faster", "slower", "alike", "cannot tell"
LEAST_CHANGE = 0.05
"""What two runs may differ by of which both are STABLE, and so the least that a verdict tells of."""
MIN_PROCESSES = 5
"""On each side. Of four the interval has the truth in it in 92 to 93%, of three in 88 to 90."""
RESAMPLES = 9999
_SEED = 0


@dataclass(frozen=True)
class Ratio:
    """New by old, of medians over processes."""

    value: float
    """Of times or of images per second; 1 where nothing changed."""
    low: float | None
    """Lower end of the 95% interval; None where a side has too few processes for one."""
    high: float | None
    """Upper end of the same."""


@dataclass(frozen=True)
class Change:
    """One configuration in two benchmarks."""

    key: Key
    """Which one."""
    old: Figures
    """Its figures in the benchmark that is compared with."""
    new: Figures
    """Its figures in the other."""
    ratio: Ratio
    """How they differ."""
    verdict: str
    """`FASTER`, `SLOWER`, `ALIKE` or `CANNOT_TELL`."""
    notes: tuple[str, ...]
    """Why it cannot be told, and what speaks against a side's figures."""


@dataclass(frozen=True)
class Comparison:
    """Two benchmarks."""

    old: Recorded
    """The one that is compared with."""
    new: Recorded
    """The other."""
    changes: tuple[Change, ...]
    """Every configuration that both have, in the order of the old one."""

    @property
    def only_old(self) -> list[Key]:
        """Configurations that the new one has not."""
        return [key for key in self.old.figures if key not in self.new.figures]

    @property
    def only_new(self) -> list[Key]:
        """Configurations that the old one has not."""
        return [key for key in self.new.figures if key not in self.old.figures]


def compare(old: Recorded, new: Recorded) -> Comparison:
    """Hold a benchmark against an older one, configuration by configuration.

    Raises:
        ResultError: They timed different things, or have no configuration in common.
    """
    require_same_scenario(new.path, new.scenario, new.hz, old)
    shared = [key for key in old.figures if key in new.figures]
    if not shared:
        raise ResultError(_nothing_shared(old, new))
    changes = (_change(key, old, new) for key in shared)
    return Comparison(old, new, tuple(changes))


def require_same_scenario(named: object, scenario: str, hz: float, old: Recorded) -> None:
    """Check that a benchmark timed what an older one did.

    Args:
        named: The benchmark, for the message.
        scenario: What it timed.
        hz: Its pace, where that is periodic.
        old: The older one.

    Raises:
        ResultError: It did not.
    """
    remedy = "time both alike"
    if scenario != old.scenario:
        raise ResultError(f"{named}: is of --scenario {scenario}, and {old.path} of {old.scenario}; {remedy}")
    if scenario == "periodic" and hz != old.hz:
        raise ResultError(f"{named}: is of --hz {hz:g}, and {old.path} of {old.hz:g}; {remedy}")


def ratio_of_medians(new: Sequence[float], old: Sequence[float]) -> Ratio:
    """The ratio of two medians over processes, with its bootstrap interval.

    Args:
        new: A figure of each process, more than 0.
        old: The same of the benchmark that is compared with.
    """
    value = float(np.median(new) / np.median(old))
    if min(len(new), len(old)) < MIN_PROCESSES:
        return Ratio(value, None, None)
    return Ratio(value, *median_interval(new, old))


def median_interval(
    new: Sequence[float], old: Sequence[float], resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95% bootstrap interval of a ratio of medians, for any number of processes."""
    random = np.random.default_rng(_SEED)
    drawn = [
        np.median(np.asarray(side)[random.integers(0, len(side), (resamples, len(side)))], axis=1)
        for side in (new, old)
    ]
    missed = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn[0] / drawn[1], [missed, 100 - missed])
    return float(low), float(high)


def _change(key: Key, old: Recorded, new: Recorded) -> Change:
    before, after = old.figures[key], new.figures[key]
    more_is_faster = old.scenario == "throughput"
    sides = [side.process_rates if more_is_faster else side.process_medians_us for side in (after, before)]
    ratio = ratio_of_medians(*sides)
    verdict = _verdict(ratio, more_is_faster)
    notes = [note for side, figures in ((old, before), (new, after)) for note in _notes(side, figures)]
    return Change(key, before, after, ratio, verdict, tuple(notes))


def _verdict(ratio: Ratio, more_is_faster: bool) -> str:
    if ratio.low is None or ratio.high is None:
        return CANNOT_TELL
    most = 1 + LEAST_CHANGE
    if ratio.low > most:
        return FASTER if more_is_faster else SLOWER
    if ratio.high < 1 / most:
        return SLOWER if more_is_faster else FASTER
    return ALIKE if 1 / most <= ratio.low and ratio.high <= most else CANNOT_TELL


def _notes(side: Recorded, figures: Figures) -> list[str]:
    """What speaks against the figures of one side."""
    notes = []
    done = len(figures.process_medians_us)
    if done < MIN_PROCESSES:
        processes = f"{done} process{'es'[: 2 * (done != 1)]}"
        notes.append(f"{side.path} has {processes}, and an interval needs {MIN_PROCESSES}; try --processes 6")
    if figures.verdict != STABLE:
        notes.append(f"{side.path} is {figures.verdict}")
    if side.interrupted:
        notes.append(f"{side.path} was interrupted after {side.rounds} of {side.processes} rounds")
    return notes


def _nothing_shared(old: Recorded, new: Recorded) -> str:
    """Why two benchmarks have no configuration in common."""
    for what in ("name", "batch", "threads", "runner"):
        before, after = ({getattr(key, what): None for key in side.figures} for side in (old, new))
        if not set(before) & set(after):
            listed = [", ".join(map(str, values)) for values in (after, before)]
            plain = {"name": "models", "batch": "batches", "runner": "engines"}.get(what, what)
            others = f"{new.path}: has other {plain} ({listed[0]}) than {old.path} ({listed[1]})"
            return f"{others}; time the same ones"
    return f"{new.path}: has no configuration that {old.path} has, too; time the same ones"
