"""Reading ``bench.json``, whoever sent it: what is compared, and what gates need, of each configuration."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from fmnist.bench.body import PERCENTILES, key_of
from fmnist.bench.configuration import Scenario
from fmnist.results.read import DamageError, Part
from fmnist.results.write import schema
from fmnist.runs.run import read_json
from fmnist_runtime.errors import ResultError
from fmnist_runtime.timing.samples import Percentile

_SCHEMA = re.compile(r"fmnist\.([a-z-]+)/([0-9]{1,9})")
_MOST_PROCESSES = 1000
"""As of ``--processes``."""
_LEAST = 1e-9
"""Of what ratios are taken of, in µs or images per second: the clock counts nanoseconds."""


@dataclass(frozen=True)
class Key:
    """What a configuration is known by in every benchmark it is in."""

    name: str
    """Name of the model's file, wherever it lies; its path where others in the benchmark have that name."""
    runner: str
    """What ran it: ``tflite``, ``onnxruntime``, ``numpy``, ``null`` or ``keras``."""
    threads: int
    """Threads one inference may use."""
    batch: int
    """Images in a call."""


@dataclass(frozen=True)
class Figures:
    """What was measured of one configuration."""

    key: Key
    """Which one."""
    engine: str
    """What ran it, with version."""
    calls: int
    """How many calls, or cold starts, were timed one by one."""
    percentiles: dict[str, Percentile | None]
    """``p50`` to ``p99.9`` in µs, each None where there were too few calls."""
    max_us: float | None
    """The longest time; None where none was measured, as for throughput."""
    images_per_second: Percentile | None
    """Throughput, with that of the slowest and the fastest process; None where not measured."""
    load_us: float
    """Time to open the model."""
    first_us: float
    """Time of the first inference."""
    peak_memory_bytes: int | None
    """Most memory until the first answer; None where the system did not tell."""
    size_bytes: int
    """Size of the file."""
    verdict: str
    """How far its bench trusts it: `fmnist_runtime.timing.trust.STABLE`, or what is wrong."""
    process_medians_us: tuple[float, ...]
    """The median time of each process."""
    process_rates: tuple[float, ...]
    """Images per second of each process; none where not measured."""

    @property
    def median_us(self) -> float:
        """Median over processes of their median times."""
        return float(np.median(self.process_medians_us))

    @property
    def median_rate(self) -> float | None:
        """Median over processes of their images per second; None where not measured."""
        return float(np.median(self.process_rates)) if self.process_rates else None


@dataclass(frozen=True)
class Machine:
    """Where a benchmark ran."""

    cpu: str
    """The processor's own name; empty when unknown."""
    machine: str
    """Architecture, such as x86_64 or aarch64."""
    cores: int
    """Cores it could use."""
    system: str
    """Operating system and kernel."""


@dataclass(frozen=True)
class Recorded:
    """A benchmark as its file has it."""

    path: Path
    """The file."""
    machine: Machine
    """Where it ran."""
    measured: str
    """When it was done: ISO 8601, UTC."""
    scenario: str
    """What was timed, as of `Method`."""
    hz: float
    """Calls a second, when they were periodic."""
    processes: int
    """Processes that were asked for, for each configuration."""
    rounds: int
    """Rounds of processes that were done; fewer after Ctrl-C."""
    figures: dict[Key, Figures]
    """Each configuration, in the order of the file; at least one. The empty call is none."""

    @property
    def interrupted(self) -> bool:
        """Whether it was not done to the end."""
        return self.rounds < self.processes


def read_benchmark(path: Path) -> Recorded:
    """Read what `fmnist bench` wrote with ``--json``.

    Raises:
        ResultError: The file is missing, damaged, another verb's or of another version, or holds no figures.
    """
    record = read_json(path)
    _require_bench(path, record)
    if record.get("models") == []:
        raise ResultError(f"{path}: holds no figures; run fmnist bench again")
    try:
        return _recorded(path, Part(record))
    except DamageError as error:
        raise ResultError(f"{path}: is damaged ({error}); run fmnist bench again") from error


def read_figures(models: Any) -> list[Figures]:
    """The figures of each configuration in a benchmark's ``models``, as `benchmark_body` makes them.

    Raises:
        DamageError: One of them is missing or cannot be.
    """
    return [_figures(part) for part in Part(models, "models").items()]


def names_of(keys: Iterable[Key]) -> dict[Key, str]:
    """What to call each configuration: by its file, and by the rest where several are of one."""
    keys = list(keys)
    times = Counter(key.name for key in keys)
    return {key: key.name if times[key.name] == 1 else _in_full(key) for key in keys}


def _in_full(key: Key) -> str:
    return f"{key.name} ({key.runner}, threads {key.threads}, batch {key.batch})"


def _require_bench(path: Path, record: dict[str, Any]) -> None:
    """Check that a result is of this verb, and of the version that is read here."""
    ours = schema("bench")
    named = record.get("schema")
    match = _SCHEMA.fullmatch(named) if isinstance(named, str) else None
    if not match:
        raise ResultError(f"{path}: is not a result of fmnist bench; give a file that its --json wrote")
    kind, version = match[1], int(match[2])
    if kind != "bench":
        raise ResultError(f"{path}: is {named}, not a result of fmnist bench")
    current = int(ours.rpartition("/")[2])
    if version > current:
        raise ResultError(f"{path}: is {named}, this fmnist reads {ours}; update fmnist")
    if version < current:
        raise ResultError(f"{path}: is {named}, this fmnist reads {ours}; run fmnist bench again")


def _recorded(path: Path, record: Part) -> Recorded:
    environment, method = record["environment"], record["method"]
    scenario = method["scenario"].text()
    if scenario not in get_args(Scenario):
        raise DamageError(f"method.scenario is not {', '.join(get_args(Scenario)[:-1])} or cold-start")
    processes = method["processes"].whole(1, _MOST_PROCESSES)
    found = read_figures(record["models"].value)
    for figures in found:
        _require_sound(figures, scenario, processes)
    times = Counter(figures.key for figures in found)
    for key, number in times.items():
        if number > 1:
            raise DamageError(f"{_in_full(key)} is in it {number} times")
    return Recorded(
        path=path,
        machine=Machine(
            cpu=environment["cpu"].text(),
            machine=environment["machine"].text(),
            cores=environment["cores"].whole(1),
            system=environment["system"].text(),
        ),
        measured=record["measured"].text(),
        scenario=scenario,
        hz=method["hz"].figure(),
        processes=processes,
        rounds=record["rounds"].whole(0, processes),
        figures={figures.key: figures for figures in found},
    )


def _figures(model: Part) -> Figures:
    rates = model["images_per_second"].optional(lambda part: _percentile(part, 50))
    return Figures(
        key=Key(
            model["name"].text(),
            model["runner"].text(),
            model["threads"].whole(0),
            model["batch"].whole(1),
        ),
        engine=model["engine"].text(),
        calls=model["calls"].whole(0),
        percentiles={
            name: _optional_percentile(model[key_of(name)], percent) for name, percent in PERCENTILES.items()
        },
        max_us=model["max_us"].optional(Part.figure),
        images_per_second=rates,
        load_us=model["load_us"].figure(),
        first_us=model["first_us"].figure(),
        peak_memory_bytes=model["peak_memory_bytes"].optional(lambda part: part.whole(1)),
        size_bytes=model["size_bytes"].whole(1),
        verdict=model["verdict"].text(),
        process_medians_us=tuple(part.figure() for part in model["process_medians_us"].items()),
        process_rates=tuple(
            part["images_per_second"].figure() for part in (model["processes"].items() if rates else ())
        ),
    )


def _optional_percentile(part: Part, percent: float) -> Percentile | None:
    return part.optional(lambda found: _percentile(found, percent))


def _percentile(part: Part, percent: float) -> Percentile:
    value, low, high = (part[name].figure() for name in ("value", "low", "high"))
    if not low <= value <= high:
        raise DamageError(f"{part.place} lies outside of its own interval")
    return Percentile(percent, value, low, high)


def _require_sound(figures: Figures, scenario: str, processes: int) -> None:
    """Check that there is what a scenario measures, of no more processes than there were."""
    name = figures.key.name
    if len(figures.process_medians_us) > processes:
        raise DamageError(f"{name} has more processes than method.processes")
    if min(*figures.process_medians_us, *figures.process_rates, 1.0) < _LEAST:
        raise DamageError(f"{name} has a process that took no time at all")
    if scenario == "throughput" and len(figures.process_rates) != len(figures.process_medians_us):
        raise DamageError(f"{name} has not an images_per_second for each process")
