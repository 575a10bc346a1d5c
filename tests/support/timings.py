"""A benchmark of known times, as if it had been measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.processes import Process
from fmnist.bench.record import Benchmark, NotTimed
from fmnist.bench.result import timed_record
from fmnist.results.model_file import ModelFile
from fmnist.results.timed import Timed, TimedModel
from fmnist_runtime.machine.state import MachineState
from fmnist_runtime.timing import Samples, Timing, WarmUp

STATE = MachineState(0, 2400.0, "performance", 40.0, False, None, 10.0, 1.0, 100.0)
LATER = MachineState(0, 2400.0, "performance", 40.0, False, None, 10.5, 1.5, 100.5)


def timed(
    path: str,
    times_ns: Sequence[int],
    *,
    scheme: str = "int8",
    engine: str = "tflite",
    threads: int = 1,
    batch: int = 1,
    size_bytes: int = 1000,
    sha256: str = "",
    processes: int = 6,
    cold: bool = False,
) -> TimedModel:
    """Return a model whose processes all measured the same times; ``engine`` may include a version.

    After a cold start (``cold``) no calls were timed.
    """
    name = Path(path).name
    suffix = Path(path).suffix[1:]
    model = ModelFile(name, suffix, scheme, size_bytes, sha256, engine, threads, "0-255", "its seal")
    samples = Samples.of(np.array(times_ns))
    timing = Timing(samples, np.full(10, float(np.median(times_ns))))
    steady = (None, None) if cold else (WarmUp(10, 0.1, True, 1.0), timing)
    window = (STATE, LATER)
    process = Process(model, 100_000_000, 20_000_000, 50_000, 120_050_000, 30_000_000, window, *steady)
    configuration = Configuration(Path(path), engine.split()[0], threads, batch)
    record = timed_record(configuration, [process] * processes, name)
    assert isinstance(record, TimedModel)
    return record


def benchmark(
    *models: TimedModel,
    harness: Timed | None = None,
    scenario: str = "latency",
    failures: Sequence[NotTimed] = (),
    rounds: int = 6,
    interrupted: bool | None = None,
) -> Benchmark:
    """Return the measurements of these models as one call's result."""
    method = Method(scenario)  # type: ignore[arg-type]
    return Benchmark("", method, rounds, models, harness, tuple(failures), (), interrupted=interrupted)
