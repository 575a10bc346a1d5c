"""A benchmark with all else that was wanted of it, as text, JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.bench.accuracies import Accuracies, find_accuracies
from fmnist.bench.body import benchmark_body
from fmnist.bench.gate import HOLDS, Gate, Judgement, gate_body, gate_markdown, gate_text, judge_benchmark
from fmnist.bench.measure import profile
from fmnist.bench.operators import Profile, operators_body, operators_text
from fmnist.bench.record import BenchmarkBody
from fmnist.bench.report import benchmark_markdown, benchmark_text
from fmnist.bench.result import Benchmark, Result
from fmnist.models.select import Splits
from fmnist.text.progress import Progress
from fmnist_runtime.errors import FmnistError


@dataclass(frozen=True)
class Outcome:
    """What is told of a benchmark."""

    benchmark: Benchmark
    """What was timed; one model at least."""
    accuracies: Accuracies
    """How often each model is right, where that was wanted."""
    profiles: tuple[Profile, ...]
    """Time by operator of each model, where that was wanted."""
    gate: Gate
    """What was asserted."""
    judgements: tuple[Judgement, ...]
    """What became of that; nothing after Ctrl-C."""

    @property
    def text(self) -> str:
        """For a terminal."""
        parts = [benchmark_text(self.benchmark)]
        if self.profiles:
            parts.append(operators_text(_models(self.benchmark), self.profiles))
        if self.judgements:
            parts.append(gate_text(self.judgements, self.gate.baseline))
        return "\n\n".join(parts)

    @property
    def body(self) -> BenchmarkBody:
        """For ``bench.json``."""
        body = benchmark_body(self.benchmark, self.accuracies.accuracies)
        if self.profiles:
            body["operators"] = operators_body(_models(self.benchmark), self.profiles)
        if self.judgements:
            body["assertions"] = gate_body(self.judgements)
        return body

    @property
    def markdown(self) -> str:
        """For a pull request."""
        return benchmark_markdown(self.benchmark) + gate_markdown(self.judgements, self.gate.baseline)

    @property
    def kept(self) -> bool:
        """Whether all that was asserted holds."""
        return all(item.outcome == HOLDS for item in self.judgements)

    @property
    def failures(self) -> list[FmnistError]:
        """What could not be done."""
        return [
            *self.benchmark.errors,
            *(item for item in self.profiles if isinstance(item, FmnistError)),
            *self.accuracies.failures,
        ]


def examine(
    benchmark: Benchmark,
    images: NDArray[np.uint8],
    operators: bool,
    scored_on: Splits | None,
    gate: Gate,
    named: Sequence[Path],
) -> Outcome:
    """Find out what else is wanted of models that were timed.

    Ctrl-C ends that, too; after it no operators are timed.

    Args:
        benchmark: What was timed; one model at least.
        images: uint8 ``[N, H, W]``, what it was timed on.
        operators: Whether to time operators, too.
        scored_on: Where test splits are found, if accuracy is wanted.
        gate: What was asserted.
        named: The models that must keep it.
    """
    profiles: list[Profile] = []
    accuracies = Accuracies()
    models = _models(benchmark)
    progress = Progress("operators", len(models))
    try:
        if operators and not benchmark.interrupted:
            profiles = profile(models, images, benchmark.method, progress.step)
        if scored_on:
            accuracies = find_accuracies(benchmark, scored_on)
    except KeyboardInterrupt:
        progress.remove()
        benchmark = replace(benchmark, interrupted=True)
    return Outcome(
        benchmark,
        accuracies,
        tuple(profiles),
        gate,
        () if benchmark.interrupted else tuple(judge_benchmark(gate, benchmark, named)),
    )


def _models(benchmark: Benchmark) -> list[Result]:
    return [result for result in benchmark.results if result.model]
