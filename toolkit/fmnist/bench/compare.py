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
from pathlib import Path

import numpy as np

from fmnist.bench.configuration import Method
from fmnist.bench.record import BenchmarkFile
from fmnist.results.timed import Key, TimedModel
from fmnist_runtime.errors import ResultError
from fmnist_runtime.machine.environment import Environment
from fmnist_runtime.timing.samples import CONFIDENCE
from fmnist_runtime.timing.trust import STABLE

FASTER, SLOWER, ALIKE, CANNOT_TELL = "faster", "slower", "alike", "cannot tell"
LEAST_CHANGE = 0.05
"""Two STABLE runs may differ by so much; a verdict needs a larger change."""
MIN_PROCESSES = 5
"""On each side. With four, the interval covers the truth in 92 to 93% of cases, with three in 88 to 90%."""
RESAMPLES = 9999
_SEED = 0


@dataclass(frozen=True)
class ComparedFile:
    """One benchmark of a comparison."""

    path: Path
    """The file, as it was named."""
    measured: str
    """When it was done: ISO 8601, UTC."""
    machine: Environment
    """Where it ran."""
    scenario: str
    """What was timed: ``latency``, ``throughput``, ``periodic`` or ``cold-start``."""
    processes: int
    """Processes that were asked for, for each configuration."""
    rounds: int
    """Rounds of processes that were done; fewer after Ctrl-C."""


@dataclass(frozen=True)
class ComparedFigures:
    """A configuration's figures in one of two benchmarks."""

    engine: str
    """What ran it, with version."""
    p50_us: float | None
    """Median time in µs of all calls of all processes; None where there were too few samples."""
    images_per_second: float | None
    """Throughput of all processes; None where it was not measured."""
    median_us: float
    """Median over processes of their median times in µs: what ``ratio`` is of, but for throughput."""
    median_images_per_second: float | None
    """Median over processes of their throughput: what ``ratio`` is of for throughput; None where it was not
    measured."""
    process_medians_us: tuple[float, ...]
    """Median time in µs of each process."""
    process_images_per_second: list[float]
    """Throughput of each process; none where it was not measured."""
    verdict: str
    """How far its bench trusts it: ``STABLE``, ``NOISY``, ``DRIFTING`` or ``THROTTLED``."""


@dataclass(frozen=True)
class ComparedModel(Key):
    """One configuration in two benchmarks."""

    old: ComparedFigures
    """Its figures in the benchmark that is compared with."""
    new: ComparedFigures
    """Its figures in the other."""
    ratio: float
    """New by old: of ``median_us``, or for throughput of ``median_images_per_second``."""
    low: float | None
    """Lower end of its 95% interval; None where a side has fewer than 5 processes."""
    high: float | None
    """Upper end of the same."""
    verdict: str
    """``faster``, ``slower``, ``alike`` or ``cannot tell``."""
    notes: tuple[str, ...]
    """Why there is no verdict, and warnings about either side's figures."""


@dataclass(frozen=True)
class ComparedPair:
    """Two benchmarks beside each other."""

    new: ComparedFile
    """The one that is compared with the old one."""
    results: list[ComparedModel]
    """Every configuration that both have, in the order of the old one."""
    only_old: list[Key]
    """Configurations that the new one has not."""
    only_new: list[Key]
    """Configurations that the old one has not."""


@dataclass(frozen=True)
class BenchmarkComparison:
    """An old benchmark beside others: the content of the JSON of `fmnist compare`."""

    least_change: float
    """What an interval must lie beyond for faster or slower, and within for alike; 0.05 is 5%."""
    old: ComparedFile
    """The benchmark that is compared with."""
    comparisons: list[ComparedPair]
    """One for each of the others."""


def compare(old: BenchmarkFile, *others: BenchmarkFile) -> BenchmarkComparison:
    """Compare benchmarks with an older one, configuration by configuration.

    Raises:
        ResultError: One timed different things, or has no configuration in common with the old one.
    """
    return BenchmarkComparison(LEAST_CHANGE, _file(old), [_pair(old, new) for new in others])


def _pair(old: BenchmarkFile, new: BenchmarkFile) -> ComparedPair:
    require_same_scenario(new.path, new.benchmark.method, old)
    shared = [key for key in old.by_key if key in new.by_key]
    if not shared:
        raise ResultError(_nothing_shared(old, new))
    return ComparedPair(
        new=_file(new),
        results=[_compared(key, old, new) for key in shared],
        only_old=[key for key in old.by_key if key not in new.by_key],
        only_new=[key for key in new.by_key if key not in old.by_key],
    )


def require_same_scenario(named: object, method: Method, old: BenchmarkFile) -> None:
    """Check that a benchmark timed what an older one did.

    The message calls the benchmark ``named``.

    Raises:
        ResultError: It did not.
    """
    before, remedy = old.benchmark.method, "time both alike"
    if method.scenario != before.scenario:
        kinds = f"is of --scenario {method.scenario}, and {old.path} of {before.scenario}"
        raise ResultError(f"{named}: {kinds}; {remedy}")
    if method.scenario == "periodic" and method.hz != before.hz:
        raise ResultError(f"{named}: is of --hz {method.hz:g}, and {old.path} of {before.hz:g}; {remedy}")


def ratio_of_medians(new: Sequence[float], old: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the ratio of two medians over processes, and both ends of its bootstrap interval.

    The figures, one of each process, are more than 0.
    """
    value = float(np.median(new) / np.median(old))
    few = min(len(new), len(old)) < MIN_PROCESSES
    return (value, None, None) if few else (value, *median_interval(new, old))


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


def _file(file: BenchmarkFile) -> ComparedFile:
    done = file.benchmark
    return ComparedFile(
        path=file.path,
        measured=done.measured,
        machine=file.environment,
        scenario=done.method.scenario,
        processes=done.method.processes,
        rounds=done.rounds,
    )


def _figures(model: TimedModel) -> ComparedFigures:
    return ComparedFigures(
        engine=model.engine,
        p50_us=model.p50_us.value if model.p50_us else None,
        images_per_second=model.images_per_second.value if model.images_per_second else None,
        median_us=model.median_us,
        median_images_per_second=model.median_rate,
        process_medians_us=model.process_medians_us,
        process_images_per_second=model.process_rates,
        verdict=model.verdict,
    )


def _compared(key: Key, old: BenchmarkFile, new: BenchmarkFile) -> ComparedModel:
    before, after = old.by_key[key], new.by_key[key]
    more_is_faster = old.benchmark.method.scenario == "throughput"
    sides = [side.process_rates if more_is_faster else side.process_medians_us for side in (after, before)]
    ratio, low, high = ratio_of_medians(*sides)
    return ComparedModel(
        **vars(key),
        old=_figures(before),
        new=_figures(after),
        ratio=ratio,
        low=low,
        high=high,
        verdict=_verdict(low, high, more_is_faster),
        notes=(*_notes(old, before), *_notes(new, after)),
    )


def _verdict(low: float | None, high: float | None, more_is_faster: bool) -> str:
    most = 1 + LEAST_CHANGE
    if low is None or high is None:
        return CANNOT_TELL
    if low > most:
        return FASTER if more_is_faster else SLOWER
    if high < 1 / most:
        return SLOWER if more_is_faster else FASTER
    return ALIKE if 1 / most <= low and high <= most else CANNOT_TELL


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
