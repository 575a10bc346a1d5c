"""Running workers, one at a time, and reading what they report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.worker import OPERATORS, Job
from fmnist.models.open import FOUND
from fmnist.results.model_file import ModelFile
from fmnist_runtime.engines.opening import USER
from fmnist_runtime.errors import ModelError, UnsupportedError
from fmnist_runtime.machine.state import MachineState, read_machine_state
from fmnist_runtime.timing import Samples, Timing, WarmUp
from fmnist_runtime.timing.operators import OperatorProfile, OperatorTime

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""NumPy's library reads them once, when it is loaded: so its number of threads is said here, too."""


@dataclass(frozen=True)
class Steady:
    """What a process measured after its first answer."""

    warm_up: WarmUp
    """What it took until the model had settled."""
    timing: Timing
    """What was measured then."""


@dataclass(frozen=True)
class Process:
    """What one fresh process measured of one configuration."""

    model: ModelFile | None
    """Which file it ran, and with what; None for the empty call."""
    imports_ns: int
    """From the start of the process until Python and what every model needs were there."""
    load_ns: int
    """Time to open the model, its engine's import included."""
    first_ns: int
    """Time of the first inference."""
    cold_start_ns: int
    """From the start of the process to the first answer."""
    peak_memory_bytes: int | None
    """Most memory the process had had by then; None where the system does not tell."""
    machine: tuple[MachineState, MachineState]
    """The machine before and after what was timed: a cold start, or what followed it."""
    steady: Steady | None
    """What followed; None for a cold start, of which nothing follows."""


def run_worker(configuration: Configuration, method: Method, images: Path) -> Process:
    """Time a configuration in a process of its own.

    Args:
        configuration: What is timed.
        method: How; this process takes its share of the time.
        images: An ``.npy`` file of uint8 ``[N, H, W]``.

    Raises:
        ModelError: The model cannot be opened or run, or its engine crashed.
        UnsupportedError: It cannot be run by this engine, by its nature; others may run it.
    """
    before = replace(read_machine_state(), own_s=0.0)  # of the process that is about to start
    started_ns = time.perf_counter_ns()
    report = _report(_job(configuration, method, images))
    if method.scenario == "cold-start":
        machine = (before, MachineState(**report["machine_after"]))
    else:
        machine = (MachineState(**report["machine"][0]), MachineState(**report["machine"][1]))
    return Process(
        model=ModelFile(**report["model"]) if report["model"] else None,
        imports_ns=report["began_at_ns"] - started_ns,
        load_ns=report["load_ns"],
        first_ns=report["first_ns"],
        cold_start_ns=report["answered_at_ns"] - started_ns,
        peak_memory_bytes=report["peak_memory_bytes"],
        machine=machine,
        steady=_steady(report) if "warm_up" in report else None,
    )


def run_profiler(configuration: Configuration, method: Method, images: Path) -> OperatorProfile | None:
    """The time of a configuration's operators; None where its engine does not tell.

    Arguments and errors as of `run_worker`.
    """
    profile = _report(replace(_job(configuration, method, images), scenario=OPERATORS))["profile"]
    if profile is None:
        return None
    operators = tuple(OperatorTime(**operator) for operator in profile.pop("operators"))
    return OperatorProfile(operators, **profile)


def _job(configuration: Configuration, method: Method, images: Path) -> Job:
    return Job(
        path=None if configuration.path is None else str(configuration.path),
        engine=configuration.engine,
        threads=configuration.threads,
        batch=configuration.batch,
        scenario=method.scenario,
        seconds=method.seconds / method.processes,
        hz=method.hz,
        input_range=method.found_ranges.get(str(configuration.path), method.input_range),
        known_from=FOUND if str(configuration.path) in method.found_ranges else USER,
        images=str(images),
        parent=os.getpid(),
    )


def _report(job: Job) -> dict[str, Any]:
    """What a worker answers that does a job."""
    command = [sys.executable, "-P", "-m", "fmnist.bench.worker", json.dumps(asdict(job))]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **dict.fromkeys(_BLAS_THREADS, str(job.threads)), "PYTHONPATH": _import_path()},
        process_group=0,  # Ctrl-C is for this process, which then ends the other
    )
    try:
        output, errors = process.communicate()
    finally:
        process.kill()
        process.wait()
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise ModelError(f"{job.path}: its engine crashed ({name}); it cannot be timed here")
    if process.returncode:
        raise RuntimeError(errors.decode(errors="replace"))  # a bug of ours, with the worker's traceback
    report: dict[str, Any] = json.loads(output.splitlines()[-1])  # before it, what a site's own code prints
    if "error" in report:
        raise (UnsupportedError if report["unsupported"] else ModelError)(report["error"])
    return report


def _import_path() -> str:
    """Where this process imports from, so that the other runs the same code, however this one came by it."""
    return os.pathsep.join(path or str(Path.cwd()) for path in sys.path)


def _steady(report: dict[str, Any]) -> Steady:
    timing = Timing(
        Samples(np.array(report["times_ns"], np.int64), np.array(report["counts"], np.int64)),
        np.array(report["block_medians_ns"]),
        report["images_per_second"],
        report["misses"],
    )
    return Steady(WarmUp(**report["warm_up"]), timing)
