"""What the processes of a configuration measured together."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.processes import Process, Steady
from fmnist.models.open import ModelFile
from fmnist_runtime.errors import FmnistError
from fmnist_runtime.timing import Samples, pooled_percentile
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import Trust, judge


@dataclass(frozen=True)
class Result:
    """One configuration's figures."""

    configuration: Configuration
    """What was timed."""
    processes: tuple[Process, ...]
    """What each process measured, in the order they ran."""
    name: str
    """Name of the file, or its path where others have that name, too."""

    @property
    def model(self) -> ModelFile | None:
        """Which file it is; None for the empty call."""
        return self.processes[0].model

    @property
    def _steady(self) -> list[Steady]:
        return [process.steady for process in self.processes if process.steady]

    @cached_property
    def samples(self) -> Samples:
        """Every time that was measured: of calls, or of cold starts."""
        return Samples.merged(self._samples)

    @property
    def _samples(self) -> list[Samples]:
        if not self._steady:
            return [Samples.of(np.array([process.cold_start_ns for process in self.processes]))]
        return [steady.timing.samples for steady in self._steady]

    def percentile_us(self, percent: float) -> Percentile | None:
        """A percentile in µs with its interval; None where there are too few samples to tell one."""
        found = pooled_percentile(self._samples, percent)
        if found is None:
            return None
        return Percentile(percent, found.value / 1000, found.low / 1000, found.high / 1000)

    @property
    def max_us(self) -> float | None:
        """The longest time in µs; None where none was measured, as for throughput."""
        return float(self.samples.times_ns[-1]) / 1000 if len(self.samples) else None

    @property
    def process_medians_us(self) -> list[float]:
        """Each process's own median in µs: of its calls, its cold start, or for one image of many."""
        if not self._steady:
            return [process.cold_start_ns / 1000 for process in self.processes]
        return [float(np.median(steady.timing.block_medians_ns)) / 1000 for steady in self._steady]

    @property
    def images_per_second(self) -> Percentile | None:
        """Median throughput over the processes, with the least and the greatest; None where not measured."""
        rates = [s.timing.images_per_second for s in self._steady if s.timing.images_per_second]
        return Percentile(50, statistics.median(rates), min(rates), max(rates)) if rates else None

    @property
    def calls(self) -> int:
        """How many calls, or cold starts, were timed one by one."""
        return len(self.samples)

    @property
    def misses(self) -> int | None:
        """Answers after their deadline; None where there was none."""
        missed = [s.timing.misses for s in self._steady if s.timing.misses is not None]
        return sum(missed) if missed else None

    @property
    def imports_us(self) -> float:
        """Median time in µs until Python and what every model needs were there."""
        return statistics.median(process.imports_ns for process in self.processes) / 1000

    @property
    def load_us(self) -> float:
        """Median time in µs to open the model, its engine's import included."""
        return statistics.median(process.load_ns for process in self.processes) / 1000

    @property
    def first_us(self) -> float:
        """Median time in µs of the first inference."""
        return statistics.median(process.first_ns for process in self.processes) / 1000

    @property
    def peak_memory_bytes(self) -> int | None:
        """Most memory a process took until its first answer; None where the system does not tell."""
        return max((process.peak_memory_bytes or 0 for process in self.processes), default=0) or None

    @cached_property
    def trust(self) -> Trust:
        """How far the figures can be trusted."""
        blocks = [steady.timing.block_medians_ns for steady in self._steady]
        starts = [np.array([process.cold_start_ns], np.float64) for process in self.processes]
        return judge(blocks or starts, [process.machine for process in self.processes])


@dataclass(frozen=True)
class Failure:
    """A configuration that could not be timed, or not to the end."""

    configuration: Configuration
    """Which one."""
    error: FmnistError
    """Why: what the user is told."""
    name: str
    """As of `Result`."""


@dataclass(frozen=True)
class Benchmark:
    """All that was measured in one call."""

    method: Method
    """How."""
    results: tuple[Result, ...]
    """Figures of each configuration, in the order they were asked for, the empty call last."""
    failures: tuple[Failure, ...]
    """What could not be timed."""
    left_out: tuple[Failure, ...]
    """What an engine cannot run by its nature, where another one does."""
    rounds: int
    """Finished rounds, of one process for each configuration; fewer than asked for after Ctrl-C."""
    interrupted: bool
    """Whether Ctrl-C ended it."""

    @property
    def errors(self) -> list[FmnistError]:
        """Why not all that was asked for is there."""
        errors = [failure.error for failure in self.failures]
        if self.interrupted:
            rounds = f"after {self.rounds} of {self.method.processes} rounds"
            timed = any(result.model for result in self.results)
            when = (
                f"{rounds}; the figures are of what was done by then" if timed else "before a model was timed"
            )
            errors.append(FmnistError(f"bench: stopped {when}"))
        return errors
