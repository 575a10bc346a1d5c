"""The content of ``bench.json``: what `fmnist bench` measures and writes, and how it is read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fmnist.bench.configuration import Configuration, Method
from fmnist.results.read import Count, DamageError, read_record, read_result
from fmnist.results.timed import Key, Timed, TimedModel
from fmnist.results.write import OPTIONAL, Inputs, Kept
from fmnist_runtime.errors import FmnistError, ResultError
from fmnist_runtime.machine.environment import Environment
from fmnist_runtime.timing.operators import OperatorProfile

_LEAST = 1e-9
"""Of what ratios are taken of, in µs or images per second: the clock counts nanoseconds."""
_REMEDY = "give a file that fmnist bench wrote with --json, or run fmnist bench again"


@dataclass(frozen=True)
class NotTimed(Configuration):
    """A configuration that could not be timed."""

    error: str
    """Why."""


@dataclass(frozen=True)
class OperatorsOfModel(Key):
    """Where the time of a model's inference goes."""

    profile: OperatorProfile | None
    """What each operator takes; None where the engine does not report it, or it failed."""
    error: str | None
    """Why it failed; None where it did not."""


@dataclass(frozen=True)
class AssertionOutcome:
    """What became of one assertion for one configuration."""

    text: str
    """What was asserted, such as ``p99<20us``."""
    model: str
    """Name of the model, as in ``models``."""
    runner: str
    """As in ``models``."""
    threads: int
    """Threads one inference may use."""
    batch: int
    """Images in a call."""
    outcome: str
    """``holds``, ``is broken`` or ``cannot be told``; unless all hold, `fmnist bench` exits with 3."""
    reason: str
    """Its figure beside the limit, or why there is none; and what to do unless it holds."""
    value: float | None
    """The figure, in ``unit``; None where there is none."""
    low: float | None
    """Lower end of its 95% interval; None where it has none."""
    high: float | None
    """Upper end of the same."""
    limit: float | None
    """What it was held against, in ``unit``; None where the baseline has no such figure."""
    unit: str
    """Unit of these four."""

    @property
    def key(self) -> Key:
        """Of which configuration it is."""
        return Key(self.model, self.runner, self.threads, self.batch)


@dataclass(frozen=True)
class BenchInputs(Inputs):
    """The inputs of ``bench.json`` in a run directory."""

    method: Method
    """How models were timed."""
    machine: str
    """The machine's name in its network."""


@dataclass(frozen=True)
class Benchmark(Kept):
    """All that was measured in one call."""

    inputs: BenchInputs | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """What it was made from; there in what `fmnist run` wrote, and nowhere else."""
    measured: str
    """When it was done: ISO 8601, UTC."""
    method: Method
    """How it was done."""
    rounds: Count
    """Finished rounds, of one process for each configuration; fewer than asked for after Ctrl-C."""
    models: tuple[TimedModel, ...]
    """Figures of each configuration, in the order they were asked for."""
    harness: Timed | None
    """Figures of a call that does nothing: what the clock adds to each; None for throughput."""
    failures: tuple[NotTimed, ...]
    """What could not be timed."""
    left_out: tuple[NotTimed, ...]
    """What an engine cannot run by its nature, where another one does."""
    operators: tuple[OperatorsOfModel, ...] | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """With ``--operators`` alone: where the time of each model goes."""
    assertions: tuple[AssertionOutcome, ...] | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """With ``--assert`` alone: what became of each assertion for each model."""
    interrupted: bool | None = field(default=None, kw_only=True, metadata=OPTIONAL)
    """True after Ctrl-C, and else not there."""

    @property
    def timed(self) -> tuple[Timed, ...]:
        """The models, then the empty call."""
        return (*self.models, self.harness) if self.harness else self.models

    @property
    def errors(self) -> list[FmnistError]:
        """Why some of what was asked for is missing."""
        errors = [FmnistError(failure.error) for failure in self.failures]
        if self.interrupted:
            rounds = f"after {self.rounds} of {self.method.processes} rounds"
            done = f"{rounds}; the figures are of what was done by then"
            errors.append(
                FmnistError(f"bench: stopped {done if self.models else 'before a model was timed'}")
            )
        return errors


@dataclass(frozen=True)
class BenchmarkFile:
    """A benchmark that was read from its file."""

    path: Path
    """The file."""
    environment: Environment
    """Where it ran."""
    benchmark: Benchmark
    """What was measured."""

    @cached_property
    def by_key(self) -> dict[Key, TimedModel]:
        """Each configuration, in the order of the file; at least one."""
        return {model.key: model for model in self.benchmark.models}

    @property
    def is_complete(self) -> bool:
        """Whether all rounds of processes were done."""
        return self.benchmark.rounds >= self.benchmark.method.processes


def read_benchmark(path: Path) -> BenchmarkFile:
    """Read what `fmnist bench` wrote with ``--json``.

    Raises:
        ResultError: The file is missing, damaged, of another verb or version, or has no figures.
    """
    record = read_result(path, "bench", _REMEDY)
    if record.value.get("models") == []:
        raise ResultError(f"{path}: holds no figures; run fmnist bench again")
    try:
        environment = read_record(Environment, record["environment"])
        benchmark = read_record(Benchmark, record)
        _require_sound(benchmark)
    except DamageError as error:
        raise ResultError(f"{path}: is damaged ({error}); run fmnist bench again") from error
    return BenchmarkFile(path, environment, benchmark)


def names_of(keys: Iterable[Key]) -> dict[Key, str]:
    """Return a name for each configuration: its file's, with the rest of the key if several have that."""
    keys = list(keys)
    times = Counter(key.name for key in keys)
    return {key: key.name if times[key.name] == 1 else _in_full(key) for key in keys}


def _in_full(key: Key) -> str:
    return f"{key.name} ({key.runner}, threads {key.threads}, batch {key.batch})"


def _require_sound(benchmark: Benchmark) -> None:
    """Check that each configuration has what its scenario measures, of no more processes than there were."""
    processes = benchmark.method.processes
    if benchmark.rounds > processes:
        raise DamageError("rounds is more than method.processes")
    for model in benchmark.models:
        medians, rates = model.process_medians_us, model.process_rates
        if len(medians) > processes:
            raise DamageError(f"{model.name} has more processes than method.processes")
        if min(*medians, *rates, 1.0) < _LEAST:
            raise DamageError(f"{model.name} has a process that took no time at all")
        if benchmark.method.scenario == "throughput" and len(rates) != len(medians):
            raise DamageError(f"{model.name} has not an images_per_second for each process")
    for key, number in Counter(model.key for model in benchmark.models).items():
        if number > 1:
            raise DamageError(f"{_in_full(key)} is in it {number} times")
