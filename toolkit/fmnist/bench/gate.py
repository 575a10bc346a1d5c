"""Whether a benchmark keeps what was asserted of it.

An assertion holds only if it is certain to hold: the end of the 95% interval on the wrong side must keep the
limit, too. Figures without an interval (max, load, first, memory, size) are taken as measured, and so is the
baseline's figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fmnist.bench.assertions import Assertion
from fmnist.bench.configuration import Method
from fmnist.bench.record import AssertionOutcome, Benchmark, BenchmarkFile, names_of
from fmnist.models.select import distinct_names
from fmnist.results.timed import PERCENTILES, Key, TimedModel
from fmnist.text.tables import markdown_text, printable
from fmnist_runtime.machine.environment import read_environment
from fmnist_runtime.timing.samples import Percentile, least_samples

HOLDS, BROKEN, CANNOT_TELL = "holds", "is broken", "cannot be told"


@dataclass(frozen=True)
class LatencyGate:
    """What a benchmark must keep."""

    assertions: tuple[Assertion, ...]
    """What is asserted of each model."""
    baseline: BenchmarkFile | None
    """An older benchmark; given if an assertion refers to it."""


def judge_benchmark(gate: LatencyGate, benchmark: Benchmark, paths: Sequence[Path]) -> list[AssertionOutcome]:
    """Check every assertion for the models that a user named, by their paths.

    The benchmark was not interrupted. For a model that failed in it, no assertion holds. Other models, such
    as an original that was timed beside them, are left out.
    """
    models = [model for model in benchmark.models if model.path in paths]
    failed = [*benchmark.failures, *benchmark.left_out]
    timed = [*(model.path for model in benchmark.models), *(item.path for item in failed)]
    names = distinct_names(path for path in timed if path)
    failures = {
        Key(names[item.path], item.engine, item.threads, item.batch): item.error
        for item in benchmark.failures
        if item.path and item.path in paths
    }
    return judge(gate, models, failures, benchmark.method)


def judge(
    gate: LatencyGate, models: Sequence[TimedModel], failures: Mapping[Key, str], method: Method
) -> list[AssertionOutcome]:
    """Check every assertion for every configuration.

    For those that could not be measured, no assertion holds; ``failures`` has the reasons.
    """
    found = []
    for assertion in gate.assertions:
        found += [_judge(assertion, model, method, gate.baseline) for model in models]
        found += [_outcome(assertion, key, CANNOT_TELL, reason) for key, reason in failures.items()]
    return found


def gate_text(outcomes: Sequence[AssertionOutcome], baseline: BenchmarkFile | None) -> str:
    """Return a line for each assertion, and one for each configuration for which it does not hold."""
    return "\n".join(map(printable, _lines(outcomes, baseline)))


def gate_markdown(outcomes: Sequence[AssertionOutcome], baseline: BenchmarkFile | None) -> str:
    """Return the same in GitHub's Markdown; empty without assertions."""
    lines = [f"- {markdown_text(line)}\n" for line in _lines(outcomes, baseline)]
    return "".join(["\n", *lines]) if outcomes else ""


def _lines(outcomes: Sequence[AssertionOutcome], baseline: BenchmarkFile | None) -> list[str]:
    names = names_of(dict.fromkeys(item.key for item in outcomes))
    lines = []
    for text in dict.fromkeys(item.text for item in outcomes):
        of_it = [item for item in outcomes if item.text == text]
        kept = sum(item.outcome == HOLDS for item in of_it)
        lines.append(f"{text}: holds for {kept} of {len(of_it)}")
        lines += [
            f"{names[item.key]}: {text} {item.outcome}: {item.reason}"
            for item in of_it
            if item.outcome != HOLDS
        ]
    cpu = read_environment().cpu
    if baseline and baseline.environment.cpu != cpu:
        other = baseline.environment.cpu
        lines.append(f"{baseline.path} is of another machine ({other}) than this ({cpu})")
    return lines


def _outcome(
    assertion: Assertion,
    key: Key,
    outcome: str,
    reason: str,
    figures: tuple[float | None, float | None, float | None] = (None, None, None),
    limit: float | None = None,
) -> AssertionOutcome:
    value, low, high = figures
    return AssertionOutcome(
        text=assertion.text,
        model=key.name,
        runner=key.runner,
        threads=key.threads,
        batch=key.batch,
        outcome=outcome,
        reason=reason,
        value=value,
        low=low,
        high=high,
        limit=limit,
        unit=assertion.figure.quantity.unit,
    )


def _judge(
    assertion: Assertion, model: TimedModel, method: Method, baseline: BenchmarkFile | None
) -> AssertionOutcome:
    found = assertion.figure.read(model)
    if found is None:
        return _outcome(assertion, model.key, CANNOT_TELL, _withheld(assertion, model, method))
    value, low, high = figures = _with_interval(found)
    limit, missing = _limit(assertion, model.key, baseline)
    if limit is None:
        return _outcome(assertion, model.key, CANNOT_TELL, missing, figures)
    worst = high if assertion.limits_above else low
    if assertion.satisfied(value if worst is None else worst, limit):
        outcome = HOLDS
    else:
        outcome = CANNOT_TELL if assertion.satisfied(value, limit) else BROKEN
    text = _said(assertion, value, low, high, limit)
    if outcome == HOLDS and low is not None and (too_few := _too_few(model)):
        outcome, text = CANNOT_TELL, f"{text}; {too_few}"
    elif outcome == CANNOT_TELL:
        text += "; run it again when the machine does nothing else, or allow more"
    return _outcome(assertion, model.key, outcome, text, figures, limit)


def _with_interval(found: Percentile | float) -> tuple[float, float | None, float | None]:
    if isinstance(found, Percentile):
        return found.value, found.low, found.high
    return found, None, None


def _limit(assertion: Assertion, key: Key, baseline: BenchmarkFile | None) -> tuple[float | None, str]:
    """Return the limit, or None and why there is none."""
    if not assertion.of_baseline:
        return assertion.number, ""
    assert baseline is not None
    model = baseline.by_key.get(key)
    if model is None:
        threads = f"{key.threads} thread{'s'[: key.threads != 1]}"
        lacking = f"{baseline.path} has no figures of it by {key.runner} with {threads} and batch {key.batch}"
        return None, f"{lacking}; run fmnist bench with it into a new baseline"
    found = assertion.figure.read(model)
    if found is None:
        lacking = f"{baseline.path} has too few samples to tell its {assertion.name}"
        return None, f"{lacking}; make a new baseline with a longer --duration, or more --processes"
    return assertion.number * _with_interval(found)[0], ""


def _said(assertion: Assertion, value: float, low: float | None, high: float | None, limit: float) -> str:
    """Return the figure beside its limit, as a sentence."""
    show = assertion.figure.quantity.show
    interval = "" if low is None or high is None else f" (95% interval {show(low)} to {show(high)})"
    allowed = f"{assertion.operator} {show(limit)}"
    if assertion.of_baseline:
        allowed += f", of {show(limit / assertion.number)} in the baseline"
    return f"{assertion.name} is {show(value)}{interval}, and must be {allowed}"


def _too_few(model: TimedModel) -> str:
    """Return why an interval is uncertain, or nothing: so few processes may be alike by chance."""
    needed, there = least_samples(50), len(model.process_medians_us)
    if there >= needed:
        return ""
    return f"to be sure takes {needed} processes, and there were {there}; try --processes {needed}"


def _withheld(assertion: Assertion, model: TimedModel, method: Method) -> str:
    """Return why a figure is missing."""
    if assertion.name == "throughput":
        needed, there = least_samples(50), len(model.process_rates)
        return f"throughput needs {needed} processes, and there were {there}; try --processes {needed}"
    if assertion.name not in PERCENTILES:
        return f"{assertion.name} was not measured; this system does not report it"
    needed = least_samples(PERCENTILES[assertion.name])
    counted = f"{assertion.name} needs {needed:,} calls, and there were {model.calls:,}"
    if method.scenario == "cold-start":
        return f"{counted}; try --processes {needed}"
    # A tenth more than it should take, as the next run may be slower.
    seconds = math.ceil(1.1 * method.seconds * needed / max(model.calls, 1))
    return f"{counted}; try --duration {seconds}"
