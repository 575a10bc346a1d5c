"""What is in ``bench.json``: its fields, of which `fmnist.bench.body` makes one from a benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired

import numpy as np
from numpy.typing import NDArray

from fmnist.bench.configuration import Configuration, Method
from fmnist.models.open import ModelFile
from fmnist.results.inputs import Kept
from fmnist_runtime.machine.state import MachineState
from fmnist_runtime.timing import WarmUp
from fmnist_runtime.timing.operators import OperatorProfile


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval."""

    value: float
    """The figure."""
    low: float
    """Lower end of the interval: of 95% for a percentile, the slowest process for throughput."""
    high: float
    """Upper end of the same: for throughput, the fastest process."""


@dataclass(frozen=True)
class ProcessFigures:
    """What one process measured; its single times are among those of all."""

    imports_us: float
    """Time in µs from its start until Python and what every model needs were there."""
    load_us: float
    """Time in µs to open the model, its engine's import included."""
    first_us: float
    """Time in µs of the first inference."""
    cold_start_us: float
    """Time in µs from its start to its first answer."""
    peak_memory_bytes: int | None
    """Most memory it had had by then; None where the system does not tell."""
    warm_up: WarmUp | None
    """What it took until the model had settled; None for a cold start."""
    block_medians_us: NDArray[np.float64] | None
    """``[blocks]``: median in µs of each block of calls, in order; for throughput, µs for an image in each.
    None for a cold start."""
    images_per_second: float | None
    """Throughput; None where it was not measured."""
    machine: tuple[MachineState, MachineState]
    """The machine before and after what was timed."""


@dataclass(frozen=True)
class Timed:
    """What was timed of one configuration; by itself, that of the empty call."""

    name: str
    """Name of the file, or its path where others have that name, too; ``(harness)`` for the empty call."""
    path: Path | None
    """The model, as it was named; None for the empty call."""
    runner: str
    """What runs it: ``tflite``, ``onnxruntime``, ``numpy``, ``null`` or ``keras``; ``none`` for no model."""
    threads: int
    """Threads one inference may use."""
    batch: int
    """Images in a call."""
    accuracy: float | None
    """Accuracy on the test split, from 0 to 1; None unless ``--plots`` needed it."""
    calls: int
    """How many calls, or cold starts, were timed one by one; 0 for throughput."""
    p50_us: Estimate | None
    """Median time of a call in µs; None where there are fewer than 6 samples."""
    p90_us: Estimate | None
    """90th percentile of the same; None where there are fewer than 36 samples."""
    p99_us: Estimate | None
    """99th percentile of the same; None where there are fewer than 368 samples."""
    p99_9_us: Estimate | None
    """99.9th percentile of the same; None where there are fewer than 3,688 samples."""
    max_us: float | None
    """The longest time in µs; None where none was measured, as for throughput."""
    images_per_second: Estimate | None
    """Median throughput of the processes; None where it was not measured."""
    misses: int | None
    """Answers after their deadline; None where there was none."""
    verdict: str
    """How far p50 can be trusted: ``STABLE``, ``NOISY``, ``DRIFTING`` or ``THROTTLED``."""
    reasons: tuple[str, ...]
    """All that speaks against it, the strongest first; none when STABLE."""
    imports_us: float
    """Median over processes of the time in µs until Python and what every model needs were there."""
    load_us: float
    """Median over processes of the time in µs to open the model, its engine's import included."""
    first_us: float
    """Median over processes of the time in µs of the first inference."""
    peak_memory_bytes: int | None
    """Most memory a process took until its first answer; None where the system does not tell."""
    process_medians_us: list[float]
    """Each process's own median in µs: of its calls, its cold start, or for one image of many."""
    times_ns: NDArray[np.int64]
    """``[values]``: the distinct times in ns that were measured, ascending."""
    counts: NDArray[np.int64]
    """``[values]``: how often each of them was."""
    processes: list[ProcessFigures]
    """What each process measured, in the order they ran."""


@dataclass(frozen=True)
class TimedModel(Timed, ModelFile):
    """What was timed of one model by one engine, with so many threads and images in a call."""


@dataclass(frozen=True)
class NotTimed(Configuration):
    """A configuration that could not be timed."""

    error: str
    """Why."""


@dataclass(frozen=True)
class OperatorsOfModel:
    """Where the time of a model's inference goes."""

    name: str
    """As in ``models``."""
    runner: str
    """As in ``models``."""
    threads: int
    """Threads one inference may use."""
    batch: int
    """Images in a call."""
    profile: OperatorProfile | None
    """What each operator takes; None where the engine does not tell, or it failed."""
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


class BenchmarkBody(Kept):
    """The content of ``bench.json``."""

    measured: str
    """When it was done: ISO 8601, UTC."""
    method: Method
    """How it was done."""
    rounds: int
    """Finished rounds, of one process for each configuration; fewer than asked for after Ctrl-C."""
    models: list[TimedModel]
    """Figures of each configuration, in the order they were asked for."""
    harness: Timed | None
    """Figures of a call that does nothing: what the clock adds to each; None for throughput."""
    failures: list[NotTimed]
    """What could not be timed."""
    left_out: list[NotTimed]
    """What an engine cannot run by its nature, where another one does."""
    operators: NotRequired[list[OperatorsOfModel]]
    """With ``--operators`` alone: where the time of each model goes."""
    assertions: NotRequired[list[AssertionOutcome]]
    """With ``--assert`` alone: what became of each assertion for each model."""
