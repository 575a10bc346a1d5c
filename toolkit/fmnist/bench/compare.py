"""Comparing two benchmarks: what became faster or slower, and what stayed alike.

Each process has a level of its own, which depends on its memory layout, so its thousands of calls are not
independent. The interval of a ratio is therefore a bootstrap over processes: as many as there were are drawn
again from each side, with replacement, and the ratio of their medians is taken, 9,999 times (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13).

The bootstrap cannot know what shifts a whole run, such as the state of the machine on another day. If that
is 1%, and an interval only had to exclude 1, two runs of the same model would be called different in up to 6
of 10 cases. So a verdict asks for more: the whole interval must lie beyond 5%, to within which STABLE
promises a repeat run. An interval that lies wholly within 5% is a verdict, too: the two are alike.

With six processes each, two runs of the same model are then called faster or slower in 0.1% of cases if
processes scatter by up to 5% and runs by 1%, and in 1.8% if a random half of the processes takes half as long
again. A model that takes 10% longer is called slower in 82% of cases if processes scatter by 2%, and in 27%
if they scatter by 5%; with twelve processes each, in 93% and 47% (`benchmarks/compare_coverage.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmnist.bench.configuration import Method
from fmnist.bench.reading import BenchmarkFile
from fmnist.results.timed import Key, TimedModel
from fmnist_runtime.errors import ResultError
from fmnist_runtime.timing.percentiles import CONFIDENCE
from fmnist_runtime.timing.trust import STABLE

FASTER, SLOWER, ALIKE, CANNOT_TELL = "faster", "slower", "alike", "cannot tell"
LEAST_CHANGE = 0.05
"""Two STABLE runs may differ by so much; a verdict needs a larger change."""
MIN_PROCESSES = 5
"""On each side. With four, the interval covers the truth in 92 to 93% of cases, with three in 88 to 90%."""
RESAMPLES = 9999
_SEED = 0


@dataclass(frozen=True)
class Ratio:
    """New by old, of medians over processes."""

    value: float
    """Of times or of images per second; 1 where nothing changed."""
    low: float | None
    """Lower end of the 95% interval; None where a side has fewer than 5 processes."""
    high: float | None
    """Upper end of the same."""


@dataclass(frozen=True)
class Change:
    """One configuration in two benchmarks."""

    old: TimedModel
    """Its figures in the older benchmark."""
    new: TimedModel
    """Its figures in the newer one."""
    ratio: Ratio
    """How they differ."""
    verdict: str
    """`FASTER`, `SLOWER`, `ALIKE` or `CANNOT_TELL`."""
    notes: tuple[str, ...]
    """Why there is no verdict, and warnings about either side's figures."""

    @property
    def key(self) -> Key:
        """Which configuration it is."""
        return self.old.key


@dataclass(frozen=True)
class BenchmarkComparison:
    """Two benchmarks beside each other."""

    old: BenchmarkFile
    """The older one."""
    new: BenchmarkFile
    """The newer one."""
    changes: tuple[Change, ...]
    """Every configuration that both have, in the order of the old one."""

    @property
    def only_old(self) -> list[Key]:
        """Configurations that only the older one has."""
        return [key for key in self.old.by_key if key not in self.new.by_key]

    @property
    def only_new(self) -> list[Key]:
        """Configurations that only the newer one has."""
        return [key for key in self.new.by_key if key not in self.old.by_key]


def compare(old: BenchmarkFile, new: BenchmarkFile) -> BenchmarkComparison:
    """Compare a benchmark with an older one, configuration by configuration.

    Raises:
        ResultError: They timed different things, or have no configuration in common.
    """
    require_same_scenario(new.path, new.benchmark.method, old)
    shared = [key for key in old.by_key if key in new.by_key]
    if not shared:
        raise ResultError(_nothing_shared(old, new))
    changes = (_change(key, old, new) for key in shared)
    return BenchmarkComparison(old, new, tuple(changes))


def require_same_scenario(named: object, method: Method, old: BenchmarkFile) -> None:
    """Check that a benchmark timed what an older one did.

    Args:
        named: The benchmark, for the message.
        method: How it was timed.
        old: The older one.

    Raises:
        ResultError: It did not.
    """
    before, remedy = old.benchmark.method, "time both alike"
    if method.scenario != before.scenario:
        kinds = f"is of --scenario {method.scenario}, and {old.path} of {before.scenario}"
        raise ResultError(f"{named}: {kinds}; {remedy}")
    if method.scenario == "periodic" and method.hz != before.hz:
        raise ResultError(f"{named}: is of --hz {method.hz:g}, and {old.path} of {before.hz:g}; {remedy}")


def ratio_of_medians(new: Sequence[float], old: Sequence[float]) -> Ratio:
    """Return the ratio of two medians over processes, with its bootstrap interval.

    Args:
        new: A figure of each process, more than 0.
        old: The same of the older benchmark.
    """
    value = float(np.median(new) / np.median(old))
    if min(len(new), len(old)) < MIN_PROCESSES:
        return Ratio(value, None, None)
    return Ratio(value, *median_interval(new, old))


def median_interval(
    new: Sequence[float], old: Sequence[float], resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the 95% bootstrap interval of a ratio of medians, for any number of processes."""
    random = np.random.default_rng(_SEED)
    drawn = [
        np.median(np.asarray(side)[random.integers(0, len(side), (resamples, len(side)))], axis=1)
        for side in (new, old)
    ]
    missed = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn[0] / drawn[1], [missed, 100 - missed])
    return float(low), float(high)


def _change(key: Key, old: BenchmarkFile, new: BenchmarkFile) -> Change:
    before, after = old.by_key[key], new.by_key[key]
    more_is_faster = old.benchmark.method.scenario == "throughput"
    sides = [side.process_rates if more_is_faster else side.process_medians_us for side in (after, before)]
    ratio = ratio_of_medians(*sides)
    verdict = _verdict(ratio, more_is_faster)
    notes = [note for file, model in ((old, before), (new, after)) for note in _notes(file, model)]
    return Change(before, after, ratio, verdict, tuple(notes))


def _verdict(ratio: Ratio, more_is_faster: bool) -> str:
    if ratio.low is None or ratio.high is None:
        return CANNOT_TELL
    most = 1 + LEAST_CHANGE
    if ratio.low > most:
        return FASTER if more_is_faster else SLOWER
    if ratio.high < 1 / most:
        return SLOWER if more_is_faster else FASTER
    return ALIKE if 1 / most <= ratio.low and ratio.high <= most else CANNOT_TELL


def _notes(file: BenchmarkFile, model: TimedModel) -> list[str]:
    """Return warnings about the figures of one side."""
    notes = []
    done = len(model.process_medians_us)
    if done < MIN_PROCESSES:
        processes = f"{done} process{'es'[: 2 * (done != 1)]}"
        notes.append(f"{file.path} has {processes}, and an interval needs {MIN_PROCESSES}; try --processes 6")
    if model.verdict != STABLE:
        notes.append(f"{file.path} is {model.verdict}")
    if not file.is_complete:
        rounds = f"{file.benchmark.rounds} of {file.benchmark.method.processes} rounds"
        notes.append(f"{file.path} was interrupted after {rounds}")
    return notes


def _nothing_shared(old: BenchmarkFile, new: BenchmarkFile) -> str:
    """Return why two benchmarks have no configuration in common."""
    for what in ("name", "batch", "threads", "runner"):
        before, after = ({getattr(key, what): None for key in side.by_key} for side in (old, new))
        if not set(before) & set(after):
            listed = [", ".join(map(str, values)) for values in (after, before)]
            plain = {"name": "models", "batch": "batches", "runner": "engines"}.get(what, what)
            others = f"{new.path}: has other {plain} ({listed[0]}) than {old.path} ({listed[1]})"
            return f"{others}; time the same ones"
    return f"{new.path}: has no configuration that {old.path} has, too; time the same ones"
