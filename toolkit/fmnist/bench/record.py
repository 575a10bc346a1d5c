"""The content of ``bench.json``: what `fmnist bench` measures, writes and reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from fmnist.bench.configuration import Configuration, Method
from fmnist.results.read import Count
from fmnist.results.timed import Key, Timed, TimedModel
from fmnist.results.write import OPTIONAL, Inputs, Kept
from fmnist_runtime.errors import FmnistError
from fmnist_runtime.timing.operators import OperatorProfile


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
