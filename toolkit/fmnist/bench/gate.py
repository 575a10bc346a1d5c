"""Whether a benchmark keeps what was asserted of it.

It is kept only if it is certain to be: the end of the 95% interval on the wrong side must keep the limit,
too. What has no interval (max, load, first, memory, size) is taken as it was measured, and so is the figure
of the baseline, which is what was promised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fmnist.bench.assertions import Assertion
from fmnist.bench.body import PERCENTILES, benchmark_body
from fmnist.bench.configuration import Method
from fmnist.bench.reading import Figures, Key, Recorded, names_of, read_figures
from fmnist.bench.record import AssertionOutcome
from fmnist.bench.result import Benchmark
from fmnist.results.write import plain
from fmnist.text.tables import markdown_text, printable
from fmnist_runtime.machine.environment import read_environment
from fmnist_runtime.timing.samples import Percentile, least_samples

HOLDS, BROKEN, CANNOT_TELL = "holds", "is broken", "cannot be told"


@dataclass(frozen=True)
class Gate:
    """What a benchmark must keep."""

    assertions: tuple[Assertion, ...]
    """What is asserted of each model."""
    baseline: Recorded | None
    """An older benchmark; there is one where an assertion is of it."""


@dataclass(frozen=True)
class Judgement:
    """What became of one assertion for one configuration."""

    assertion: Assertion
    """What was asserted."""
    key: Key
    """Of which configuration."""
    outcome: str
    """`HOLDS`, `BROKEN` or `CANNOT_TELL`."""
    text: str
    """Its figure, or why there is none; and what to do unless it holds."""
    value: float | None = None
    """The figure in its quantity's unit; None where there is none."""
    low: float | None = None
    """Lower end of its 95% interval, where it has one."""
    high: float | None = None
    """Upper end of the same."""
    limit: float | None = None
    """What it was held against; None where the baseline has no such figure."""


def judge_benchmark(gate: Gate, benchmark: Benchmark, paths: Sequence[Path]) -> list[Judgement]:
    """Hold the models that a user named against every assertion.

    Args:
        gate: What is asserted.
        benchmark: Done to the end. Of what failed in it nothing holds.
        paths: The models; others, such as an original that stands beside them, are left out.
    """
    named = tuple(result for result in benchmark.results if result.configuration.path in paths)
    models = benchmark_body(replace(benchmark, results=named))["models"]
    failures = {
        Key(failure.name, item.engine, item.threads, item.batch): str(failure.error)
        for failure in benchmark.failures
        if (item := failure.configuration).path in paths
    }
    return judge(gate, read_figures(plain(models)) if models else [], failures, benchmark.method)


def judge(
    gate: Gate, figures: Sequence[Figures], failures: Mapping[Key, str], method: Method
) -> list[Judgement]:
    """Hold every configuration against every assertion.

    Args:
        gate: What is asserted.
        figures: What was measured.
        failures: Why other configurations could not be; of them nothing holds.
        method: How it was done.
    """
    found = []
    for assertion in gate.assertions:
        found += [_judge(assertion, item, method, gate.baseline) for item in figures]
        found += [Judgement(assertion, key, CANNOT_TELL, reason) for key, reason in failures.items()]
    return found


def gate_text(judgements: Sequence[Judgement], baseline: Recorded | None) -> str:
    """For a terminal: a line for each assertion, and one for each configuration it does not hold for."""
    return "\n".join(map(printable, _lines(judgements, baseline)))


def gate_markdown(judgements: Sequence[Judgement], baseline: Recorded | None) -> str:
    """The same in GitHub's Markdown, to follow what was measured; nothing where nothing was asserted."""
    lines = [f"- {markdown_text(line)}\n" for line in _lines(judgements, baseline)]
    return "".join(["\n", *lines]) if judgements else ""


def _lines(judgements: Sequence[Judgement], baseline: Recorded | None) -> list[str]:
    names = names_of(dict.fromkeys(item.key for item in judgements))
    lines = []
    for assertion in dict.fromkeys(item.assertion for item in judgements):
        of_it = [item for item in judgements if item.assertion == assertion]
        kept = sum(item.outcome == HOLDS for item in of_it)
        lines.append(f"{assertion.text}: holds for {kept} of {len(of_it)}")
        lines += [
            f"{names[item.key]}: {assertion.text} {item.outcome}: {item.text}"
            for item in of_it
            if item.outcome != HOLDS
        ]
    cpu = read_environment().cpu
    if baseline and baseline.machine.cpu != cpu:
        lines.append(f"{baseline.path} is of another machine ({baseline.machine.cpu}) than this ({cpu})")
    return lines


def gate_body(judgements: Sequence[Judgement]) -> list[AssertionOutcome]:
    """The same for ``bench.json``."""
    return [
        AssertionOutcome(
            text=item.assertion.text,
            model=item.key.name,
            runner=item.key.runner,
            threads=item.key.threads,
            batch=item.key.batch,
            outcome=item.outcome,
            reason=item.text,
            value=item.value,
            low=item.low,
            high=item.high,
            limit=item.limit,
            unit=item.assertion.figure.quantity.unit,
        )
        for item in judgements
    ]


def _judge(assertion: Assertion, figures: Figures, method: Method, baseline: Recorded | None) -> Judgement:
    found = assertion.figure.read(figures)
    if found is None:
        return Judgement(assertion, figures.key, CANNOT_TELL, _withheld(assertion, figures, method))
    value, low, high = _with_interval(found)
    limit, missing = _limit(assertion, figures.key, baseline)
    if limit is None:
        return Judgement(assertion, figures.key, CANNOT_TELL, missing, value, low, high)
    worst = high if assertion.limits_above else low
    if assertion.satisfied(value if worst is None else worst, limit):
        outcome = HOLDS
    else:
        outcome = CANNOT_TELL if assertion.satisfied(value, limit) else BROKEN
    text = _said(assertion, value, low, high, limit)
    if outcome == HOLDS and low is not None and (too_few := _too_few(figures)):
        outcome, text = CANNOT_TELL, f"{text}; {too_few}"
    elif outcome == CANNOT_TELL:
        text += "; run it again when the machine does nothing else, or allow more"
    return Judgement(assertion, figures.key, outcome, text, value, low, high, limit)


def _with_interval(found: Percentile | float) -> tuple[float, float | None, float | None]:
    if isinstance(found, Percentile):
        return found.value, found.low, found.high
    return found, None, None


def _limit(assertion: Assertion, key: Key, baseline: Recorded | None) -> tuple[float | None, str]:
    """What the figure is held against; else why it cannot be."""
    if not assertion.of_baseline:
        return assertion.number, ""
    assert baseline is not None
    figures = baseline.figures.get(key)
    if figures is None:
        threads = f"{key.threads} thread{'s'[: key.threads != 1]}"
        lacking = f"{baseline.path} has no figures of it by {key.runner} with {threads} and batch {key.batch}"
        return None, f"{lacking}; run fmnist bench with it into a new baseline"
    found = assertion.figure.read(figures)
    if found is None:
        lacking = f"{baseline.path} has too few samples to tell its {assertion.name}"
        return None, f"{lacking}; make a new baseline with a longer --duration, or more --processes"
    return assertion.number * _with_interval(found)[0], ""


def _said(assertion: Assertion, value: float, low: float | None, high: float | None, limit: float) -> str:
    """The figure beside its limit."""
    show = assertion.figure.quantity.show
    interval = "" if low is None or high is None else f" (95% interval {show(low)} to {show(high)})"
    allowed = f"{assertion.operator} {show(limit)}"
    if assertion.of_baseline:
        allowed += f", of {show(limit / assertion.number)} in the baseline"
    return f"{assertion.name} is {show(value)}{interval}, and must be {allowed}"


def _too_few(figures: Figures) -> str:
    """Why an interval is not sure, if it is not: processes differ, and so few may be alike by chance."""
    needed, there = least_samples(50), len(figures.process_medians_us)
    if there >= needed:
        return ""
    return f"to be sure takes {needed} processes, and there were {there}; try --processes {needed}"


def _withheld(assertion: Assertion, figures: Figures, method: Method) -> str:
    """Why a figure is not there."""
    if assertion.name == "throughput":
        needed, there = least_samples(50), len(figures.process_rates)
        return f"throughput needs {needed} processes, and there were {there}; try --processes {needed}"
    if assertion.name not in PERCENTILES:
        return f"{assertion.name} was not measured; this system does not tell it"
    needed = least_samples(PERCENTILES[assertion.name])
    counted = f"{assertion.name} needs {needed:,} calls, and there were {figures.calls:,}"
    if method.scenario == "cold-start":
        return f"{counted}; try --processes {needed}"
    # One call in ten more than it should take, as the next run may be slower.
    seconds = math.ceil(1.1 * method.seconds * needed / max(figures.calls, 1))
    return f"{counted}; try --duration {seconds}"
