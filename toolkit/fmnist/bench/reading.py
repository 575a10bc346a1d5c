"""Reading ``bench.json`` for a comparison or as a baseline, whoever sent it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fmnist.bench.record import Benchmark
from fmnist.results.read import DamageError, read_record, read_result
from fmnist.results.timed import Key, TimedModel
from fmnist_runtime.errors import ResultError
from fmnist_runtime.machine.environment import Environment

_LEAST = 1e-9
"""Of what ratios are taken of, in µs or images per second: the clock counts nanoseconds."""
_REMEDY = "give a file that fmnist bench wrote with --json, or run fmnist bench again"


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
