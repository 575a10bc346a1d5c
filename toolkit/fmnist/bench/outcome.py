"""A benchmark with everything else that was asked for: operators, accuracy and assertions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.bench.gate import HOLDS, LatencyGate, gate_markdown, gate_text, judge_benchmark
from fmnist.bench.measure import profile
from fmnist.bench.models import find_accuracies
from fmnist.bench.record import Benchmark, BenchmarkFile
from fmnist.bench.report import benchmark_markdown, benchmark_text, operators_text
from fmnist.models.select import Splits
from fmnist.text.progress import Progress
from fmnist_runtime.errors import FmnistError


@dataclass(frozen=True)
class BenchOutcome:
    """What `fmnist bench` reports."""

    benchmark: Benchmark
    """What was measured."""
    errors: tuple[FmnistError, ...]
    """What could not be done."""
    baseline: BenchmarkFile | None
    """An older benchmark that assertions refer to."""

    @property
    def text(self) -> str:
        """The report for a terminal."""
        parts = [benchmark_text(self.benchmark)]
        if self.benchmark.operators:
            parts.append(operators_text(self.benchmark))
        if self.benchmark.assertions:
            parts.append(gate_text(self.benchmark.assertions, self.baseline))
        return "\n\n".join(parts)

    @property
    def markdown(self) -> str:
        """The report for a pull request."""
        assertions = gate_markdown(self.benchmark.assertions or (), self.baseline)
        return benchmark_markdown(self.benchmark) + assertions

    @property
    def kept(self) -> bool:
        """Whether all assertions hold."""
        return all(item.outcome == HOLDS for item in self.benchmark.assertions or ())


def examine(
    benchmark: Benchmark,
    images: NDArray[np.uint8],
    operators: bool,
    scored_on: Splits | None,
    gate: LatencyGate,
    named: Sequence[Path],
) -> BenchOutcome:
    """Add operators, accuracy and assertions to a benchmark of at least one model.

    Ctrl-C ends this; after it no operators are timed and nothing is asserted. ``images``, uint8
    ``[N, H, W]``, are those it was timed on. ``scored_on`` finds test splits, if accuracy is wanted. The
    named models must keep the assertions.
    """
    errors: list[FmnistError] = []
    progress = Progress("operators", len(benchmark.models))
    try:
        if operators and not benchmark.interrupted:
            profiles = profile(benchmark.models, images, benchmark.method, progress.step)
            errors += [FmnistError(item.error) for item in profiles if item.error]
            benchmark = replace(benchmark, operators=tuple(profiles))
        if scored_on:
            benchmark, missing = find_accuracies(benchmark, scored_on)
            errors += missing
    except KeyboardInterrupt:
        progress.remove()
        benchmark = replace(benchmark, interrupted=True)
    if gate.assertions and not benchmark.interrupted:
        benchmark = replace(benchmark, assertions=tuple(judge_benchmark(gate, benchmark, named)))
    return BenchOutcome(benchmark, (*benchmark.errors, *errors), gate.baseline)
