"""A fresh process: it opens one model, runs the first images, warms up and times one scenario.

``python -P -m fmnist.bench.worker JOB``, where JOB is a `Job` in JSON. Its report, or its error, is one line
of JSON on standard output.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.models.open import Execution, describe, images_of_a_dataset, open_model
from fmnist_runtime import Session
from fmnist_runtime.errors import FmnistError, UnsupportedError
from fmnist_runtime.machine.state import read_machine_state
from fmnist_runtime.timing import Timing, WarmUp, measure_throughput, time_calls, time_periodic, warm_up
from fmnist_runtime.timing.operators import profile_operators

OPERATORS = "operators"
"""The scenario of a job that times the operators instead of the model."""
_BEGAN_NS = time.perf_counter_ns()
"""When everything that any model needs was imported."""
_PR_SET_PDEATHSIG = 1
"""From prctl(2)."""


@dataclass(frozen=True)
class Job:
    """What to time."""

    path: str | None
    """The model; None for the empty call."""
    engine: str
    """A name in `ENGINES`, ``keras`` or ``none``."""
    threads: int
    """Threads one inference may use."""
    batch: int
    """Images in a call."""
    scenario: str
    """As of `Method`, or `OPERATORS`."""
    seconds: float
    """How long this process times it."""
    hz: float
    """Calls a second, when they are periodic."""
    input_range: str | None
    """What pixels become in front of a model that does not state it."""
    known_from: str
    """Where that is known from."""
    images: str
    """An ``.npy`` file: uint8 ``[N, H, W]``, real images."""
    parent: int
    """The process that waits for the report."""


def main() -> None:
    """Do the job that is on the command line in JSON."""
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that output of engines stays out of the report
    try:
        job = Job(**json.loads(sys.argv[1]))
        _end_with(job.parent)
        with images_of_a_dataset():
            result = work(job)
    except FmnistError as error:
        result = {"error": str(error), "unsupported": isinstance(error, UnsupportedError)}
    report.write(json.dumps(result))
    report.close()


def _end_with(parent: int) -> None:
    """Have Linux end this process when its parent ends, as a killed parent cannot."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before
        sys.exit()


def work(job: Job) -> dict[str, Any]:
    """Time one model; times are in ns, those that end in ``_at_ns`` by the clock of all processes.

    Raises:
        FmnistError: The model cannot be opened or run, or does not take these images.
    """
    images = np.load(job.images)
    first = np.resize(images, (job.batch, *images.shape[1:]))
    if job.scenario == OPERATORS:
        return _profile(job, first)
    opened_ns = time.perf_counter_ns()
    session = _open(job)
    call = session.scores if session else _nothing
    loaded_ns = time.perf_counter_ns()
    call(first)
    answered_ns = time.perf_counter_ns()
    report: dict[str, Any] = {
        "began_at_ns": _BEGAN_NS,
        "load_ns": loaded_ns - opened_ns,
        "first_ns": answered_ns - loaded_ns,
        "answered_at_ns": answered_ns,
        "peak_memory_bytes": peak_memory(),
        "model": asdict(describe(session)) if session else None,
    }
    if job.scenario == "cold-start":
        report["machine_after"] = asdict(read_machine_state())
    else:
        batches = _batches(images, job.batch)
        warm = warm_up(call, batches)
        before = read_machine_state()
        timing = _time(job, call, batches, warm)
        if job.scenario == "periodic":
            warm_up(call, batches)  # as a core that slept between calls clocks lower without being throttled
        report |= {
            "warm_up": asdict(warm),
            "times_ns": timing.samples.times_ns.tolist(),
            "counts": timing.samples.counts.tolist(),
            "block_medians_ns": timing.block_medians_ns.tolist(),
            "images_per_second": timing.images_per_second,
            "misses": timing.misses,
            "machine": [asdict(before), asdict(read_machine_state())],
        }
    return report


def _profile(job: Job, images: NDArray[np.uint8]) -> dict[str, Any]:
    if job.path is None or job.engine == "keras":
        return {"profile": None}
    profile = profile_operators(Path(job.path), images, job.threads, job.engine, input_range=job.input_range)
    return {"profile": profile and asdict(profile)}


def _open(job: Job) -> Session | None:
    if job.path is None:
        return None
    engine = "auto" if job.engine == "keras" else job.engine
    return open_model(Path(job.path), Execution(job.threads, engine, job.input_range, job.known_from))


def _nothing(images: NDArray[np.uint8]) -> None:
    """The empty call."""


def _batches(images: NDArray[np.uint8], batch: int) -> Iterator[NDArray[np.uint8]]:
    """Return an endless iterator over the images, in batches."""
    rows = -(-len(images) // batch) * batch
    whole = np.resize(images, (rows, *images.shape[1:])) if rows != len(images) else images
    return cycle([whole[start : start + batch] for start in range(0, rows, batch)])


def _time(job: Job, call: Any, batches: Iterator[NDArray[np.uint8]], warm: WarmUp) -> Timing:
    match job.scenario:
        case "periodic":
            return time_periodic(call, batches, job.seconds, job.hz)
        case "throughput":
            return measure_throughput(call, batches, job.seconds, warm)
    return time_calls(call, batches, job.seconds, warm)


def peak_memory() -> int | None:
    """Return the peak memory of this process in bytes; None without Linux's /proc."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


if __name__ == "__main__":
    main()
