"""Running workers, one at a time, and reading their reports."""

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
from fmnist_runtime.engines.session_options import USER
from fmnist_runtime.errors import ModelError, UnsupportedError
from fmnist_runtime.machine.state import MachineState, read_machine_state
from fmnist_runtime.timing import Samples, Timing, WarmUp
from fmnist_runtime.timing.operators import OperatorProfile, OperatorTime

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""NumPy's library reads these once, when it is loaded, so they are set for the worker's process."""


@dataclass(frozen=True)
class Process:
    """Measurements of one configuration in one fresh process."""

    model: ModelFile | None
    """The file and what ran it; None for the empty call."""
    imports_ns: int
    """Time from the start of the process until Python and everything that any model needs were imported."""
    load_ns: int
    """Time to open the model, its engine's import included."""
    first_ns: int
    """Time of the first inference."""
    cold_start_ns: int
    """Time from the start of the process to the first answer."""
    peak_memory_bytes: int | None
    """Peak memory of the process until then; None where the system does not report it."""
    machine: tuple[MachineState, MachineState]
    """The machine before and after the timing: of a cold start, or of what followed it."""
    warm_up: WarmUp | None
    """The warm-up after the first answer, until the model had settled; None for a cold start."""
    timing: Timing | None
    """The times after it; None for a cold start."""


def run_worker(configuration: Configuration, method: Method, images: Path) -> Process:
    """Time a configuration in a process of its own, which takes its share of the time.

    ``images`` is an ``.npy`` file of uint8 ``[N, H, W]``.

    Raises:
        ModelError: The model cannot be opened or run, or its engine crashed.
        UnsupportedError: This engine cannot run such a model; others may.
    """
    before = replace(read_machine_state(), own_s=0.0)  # as the process is about to start
    started_ns = time.perf_counter_ns()
    report = _report(_job(configuration, method, images))
    warm, timing = None, None
    if method.scenario == "cold-start":
        machine = (before, MachineState(**report["machine_after"]))
    else:
        machine = (MachineState(**report["machine"][0]), MachineState(**report["machine"][1]))
        warm = WarmUp(**report["warm_up"])
        timing = Timing(
            Samples(np.array(report["times_ns"], np.int64), np.array(report["counts"], np.int64)),
            np.array(report["block_medians_ns"]),
            report["images_per_second"],
            report["misses"],
        )
    return Process(
        model=ModelFile(**report["model"]) if report["model"] else None,
        imports_ns=report["began_at_ns"] - started_ns,
        load_ns=report["load_ns"],
        first_ns=report["first_ns"],
        cold_start_ns=report["answered_at_ns"] - started_ns,
        peak_memory_bytes=report["peak_memory_bytes"],
        machine=machine,
        warm_up=warm,
        timing=timing,
    )


def run_profiler(configuration: Configuration, method: Method, images: Path) -> OperatorProfile | None:
    """Return the time of a configuration's operators; None where its engine does not report it.

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
    """Run a worker, and return its report."""
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
        raise RuntimeError(errors.decode(errors="replace"))  # a bug of ours, with its traceback
    report: dict[str, Any] = json.loads(output.splitlines()[-1])  # a site's own code may print before
    if "error" in report:
        raise (UnsupportedError if report["unsupported"] else ModelError)(report["error"])
    return report


def _import_path() -> str:
    """Return this process's import path, so that the worker runs the same code."""
    return os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
