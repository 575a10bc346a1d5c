"""The times of one model: the record that `fmnist bench` makes, and that every other verb reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fmnist.results.model_file import ModelFile
from fmnist.results.read import Amount, Bounds, Count
from fmnist_runtime.machine.state import MachineState
from fmnist_runtime.timing import Samples, WarmUp
from fmnist_runtime.timing.samples import Percentile

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
"""The percentiles of a distribution that are reported, each where there are enough samples."""


@dataclass(frozen=True)
class ProcessFigures:
    """What one process measured; its single times are among those of all."""

    imports_us: Amount
    """Time in µs from its start until Python and what every model needs were there."""
    load_us: Amount
    """Time in µs to open the model, its engine's import included."""
    first_us: Amount
    """Time in µs of the first inference."""
    cold_start_us: Amount
    """Time in µs from its start to its first answer."""
    peak_memory_bytes: Annotated[int, Bounds(1)] | None
    """Peak memory of the process until then; None where the system does not report it."""
    warm_up: WarmUp | None
    """What it took until the model had settled; None for a cold start."""
    block_medians_us: NDArray[np.float64] | None
    """``[blocks]``: median in µs of each block of calls, in order; for throughput, µs for an image in each.
    None for a cold start."""
    images_per_second: Amount | None
    """Throughput; None where it was not measured."""
    machine: tuple[MachineState, MachineState]
    """The machine before and after what was timed."""


@dataclass(frozen=True)
class Key:
    """What identifies a timed configuration in every benchmark."""

    name: str
    """Name of the file, or its path where others have that name, too; ``(harness)`` for the empty call."""
    runner: str
    """What runs it: ``tflite``, ``onnxruntime``, ``numpy``, ``null`` or ``keras``; ``none`` for no model."""
    threads: Count
    """Threads one inference may use."""
    batch: Annotated[int, Bounds(1)]
    """Images in a call."""

    @property
    def key(self) -> Key:
        """The key alone, without the fields of a subclass."""
        return Key(self.name, self.runner, self.threads, self.batch)


@dataclass(frozen=True)
class Timed(Key):
    """What was timed of one configuration; by itself, that of the empty call."""

    path: Path | None
    """The model, as it was named; None for the empty call."""
    accuracy: Annotated[float, Bounds(0, 1)] | None
    """Accuracy on the test split, from 0 to 1; None unless ``--plots`` needed it."""
    calls: Count
    """How many calls, or cold starts, were timed one by one; 0 for throughput."""
    p50_us: Percentile | None
    """Median time of a call in µs; None where there are fewer than 6 samples."""
    p90_us: Percentile | None
    """90th percentile of the same; None where there are fewer than 36 samples."""
    p99_us: Percentile | None
    """99th percentile of the same; None where there are fewer than 368 samples."""
    p99_9_us: Percentile | None
    """99.9th percentile of the same; None where there are fewer than 3,688 samples."""
    max_us: Amount | None
    """The longest time in µs; None where none was measured, as for throughput."""
    images_per_second: Percentile | None
    """Median throughput of the processes, with that of the slowest and the fastest; None where it was not
    measured."""
    misses: Count | None
    """Answers after their deadline; None where there was none."""
    verdict: str
    """How far p50 can be trusted: ``STABLE``, ``NOISY``, ``DRIFTING`` or ``THROTTLED``."""
    reasons: tuple[str, ...]
    """All reasons against it, the strongest first; none when STABLE."""
    imports_us: Amount
    """Median over processes of the time in µs until Python and what every model needs were there."""
    load_us: Amount
    """Median over processes of the time in µs to open the model, its engine's import included."""
    first_us: Amount
    """Median over processes of the time in µs of the first inference."""
    peak_memory_bytes: Annotated[int, Bounds(1)] | None
    """Peak memory of any process until its first answer; None where the system does not report it."""
    process_medians_us: tuple[Amount, ...]
    """Each process's own median in µs: of its calls, its cold start, or for one image of many."""
    times_ns: Annotated[NDArray[np.int64], Bounds(0)]
    """``[values]``: the distinct times in ns that were measured, ascending."""
    counts: Annotated[NDArray[np.int64], Bounds(0)]
    """``[values]``: how often each of them was."""
    processes: tuple[ProcessFigures, ...]
    """What each process measured, in the order they ran."""

    def __post_init__(self) -> None:
        """Check that the figures are of the same calls and processes."""
        if self.times_ns.ndim != 1 or self.times_ns.shape != self.counts.shape:
            raise ValueError("times_ns and counts are not lists of the same length")
        if not self.process_medians_us:
            raise ValueError("process_medians_us is empty")

    @property
    def samples(self) -> Samples:
        """All times of single calls."""
        return Samples(self.times_ns, self.counts)

    @property
    def percentiles(self) -> dict[str, Percentile | None]:
        """The percentiles in µs by their names in `PERCENTILES`."""
        return {name: getattr(self, key_of(name)) for name in PERCENTILES}

    @property
    def median_us(self) -> float:
        """Median over processes of their median times in µs."""
        return float(np.median(self.process_medians_us))

    @property
    def process_rates(self) -> list[float]:
        """Throughput of each process, in images per second; empty where it was not measured."""
        return [item.images_per_second for item in self.processes if item.images_per_second is not None]

    @property
    def median_rate(self) -> float | None:
        """Median over processes of their images per second; None where it was not measured."""
        return float(np.median(self.process_rates)) if self.process_rates else None


@dataclass(frozen=True)
class TimedModel(Timed, ModelFile):
    """What was timed of one model by one engine, with so many threads and images in a call."""


def key_of(name: str) -> str:
    """Return the field of a percentile, such as ``p99_9_us`` of p99.9."""
    return f"{name.replace('.', '_')}_us"
