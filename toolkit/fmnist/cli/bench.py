"""`fmnist bench`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fmnist.bench.configuration import Configuration, Method
    from fmnist.bench.gate import LatencyGate
    from fmnist.bench.outcome import BenchOutcome


class _Combinations(NamedTuple):
    """Settings that are combined with every model."""

    threads: options.ManyThreads = [options.DEFAULT_THREADS]  # noqa: RUF012 - Typer copies it
    engine: options.ManyEngines = ["auto"]  # noqa: RUF012
    batch: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, max=10_000, help="Images per call. Default: 1; for throughput 256."),
    ] = None


class _Limits(NamedTuple):
    """Limits that every model must keep."""

    asserted: Annotated[
        list[str] | None,
        typer.Option(
            "--assert",
            metavar="LIMIT",
            help="Limit for every model, such as 'p99<200us' or 'p50<=1.05*baseline'; exit 3 if one fails.",
        ),
    ] = None
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON of an older bench, for limits relative to the baseline."),
    ] = None


class _Reports(NamedTuple):
    """Files of the results."""

    csv: options.Csv = None
    markdown: options.Markdown = None
    plots: options.Plots = None
    json: options.Json = None


@options.grouped
def bench(
    models: options.Models = None,
    scenario: Annotated[
        Literal["latency", "throughput", "periodic", "cold-start"],
        typer.Option(
            help="Consecutive calls, many images, calls at a steady pace, or processes to their first answer."
        ),
    ] = "latency",
    hz: options.Hz = None,
    *,
    timing: options.TimingOptions,
    combinations: _Combinations,
    operators: Annotated[
        bool,
        typer.Option("--operators", help="Show the time of each operator, too, if the engine reports it."),
    ] = False,
    limits: _Limits,
    data: options.DataOptions,
    input_range: options.InputRange = None,
    reports: _Reports,
) -> None:
    """Time inference, and judge the measurement.

    Models run on real test images, in fresh processes. Repeat --threads, --engine or --batch to time every
    combination. STABLE: a repeat run should give the same median to within 5%. NOISY, DRIFTING or THROTTLED:
    it may not; the lines below the tables give the reason.

    --assert takes p50, p90, p99, p99.9, max, load, first, memory, size or throughput, then <, <=, > or >=,
    then a number with its unit, or FACTOR*baseline, which is relative to the same model in --baseline. The
    95% interval must keep the limit, too. An original that is timed beside the models need not keep it.
    """
    from dataclasses import replace

    from fmnist.bench.configuration import Method
    from fmnist.bench.measure import measure
    from fmnist.bench.models import find_ranges, shared_split
    from fmnist.bench.outcome import examine
    from fmnist.cli.output import (
        fail,
        report_failure,
        reporting_failure,
        require_apart,
        require_kept,
        say_run_and_stale,
    )
    from fmnist.models.select import select_artifacts
    from fmnist.text.progress import Progress, say
    from fmnist_runtime.errors import needs_extra

    method = Method(scenario, timing.duration, timing.processes, hz or Method.hz, input_range)
    _require_pace(hz, method)
    files = reports.json, reports.csv, reports.markdown
    require_apart(*files)
    if limits.baseline:
        require_kept([limits.baseline], *files)
    if reports.plots:
        with needs_extra("report", "plotting"):
            from fmnist.bench.pictures import require_pictures_free
        require_pictures_free(reports.plots)
    with reporting_failure("bench", reports.markdown):
        gate = _gate(limits, method)
        selection = select_artifacts(models or [])
        say_run_and_stale(selection.run)
        configurations, paths = _configurations(selection.paths, combinations, scenario)
        splits = data.splits()
        split = shared_split(selection.paths, splits)
        ranges, unknown = find_ranges(paths, input_range, split)
        method = replace(method, found_ranges=ranges)
        progress = Progress("bench", method.processes * len(configurations))
        benchmark = measure(
            configurations, split.images, method, progress.step, named=selection.paths, unknown=unknown
        )
        progress.remove()
        for reason in dict.fromkeys(failure.error for failure in benchmark.left_out):
            say(f"left out: {reason}")
        timed = {model.path for model in benchmark.models}
        if not timed or (timed.isdisjoint(selection.paths) and not benchmark.interrupted):
            report_failure("bench", benchmark.errors, reports.markdown)
            fail(benchmark.errors)
        scored_on = splits if reports.plots else None
    outcome = examine(benchmark, split.images, operators, scored_on, gate, selection.paths)
    _show(outcome, reports)
    fail(outcome.errors, gate_failed=not outcome.kept)


def _configurations(
    named: "Sequence[Path]", combinations: _Combinations, scenario: str
) -> "tuple[list[Configuration], list[Path]]":
    """Return every combination to time, and their models: those named, and their original if it can run."""
    from fmnist.bench.configuration import combine, harness
    from fmnist.bench.models import with_baseline

    threads, engines, batch = combinations
    throughput = scenario == "throughput"
    batches = batch or [256 if throughput else 1]
    paths = with_baseline(named) if "auto" in engines else list(named)
    configurations = combine(paths, engines, threads, batches)
    if not throughput:  # which does not time single calls
        configurations.append(harness(batches[0]))
    return configurations, paths


def _show(outcome: "BenchOutcome", reports: _Reports) -> None:
    """Write and print all forms of the result."""
    from fmnist.bench.report import benchmark_csv
    from fmnist.cli.output import show
    from fmnist.results.write import write_result
    from fmnist.text.progress import say

    try:
        if reports.csv:
            write_result(reports.csv, benchmark_csv(outcome.benchmark))
        if reports.markdown:
            write_result(reports.markdown, outcome.markdown)
    finally:
        alone = "-" in (str(reports.csv), str(reports.markdown))
        show("" if alone else outcome.text, "bench", outcome.benchmark, reports.json)
    if reports.plots:
        from fmnist.bench.pictures import write_pictures

        for line in write_pictures(outcome.benchmark, reports.plots):
            say(line)


def _require_pace(hz: float | None, method: "Method") -> None:
    """Check that --hz is given for periodic calls only, and that each process makes one call at least."""
    if method.scenario != "periodic":
        if hz is not None:
            raise typer.BadParameter("--hz is the pace of --scenario periodic; give that, too")
    elif method.seconds * method.hz < method.processes:
        calls = f"--hz {method.hz:g} for {method.seconds:g} s is less than one call for each"
        longer = f"give --duration {math.ceil(method.processes / method.hz)} or more"
        raise typer.BadParameter(f"{calls} of {method.processes} processes; {longer}")


def _gate(limits: _Limits, method: "Method") -> "LatencyGate":
    """Return the limits with the baseline they refer to; refuse invalid ones before anything is measured."""
    from fmnist.bench.assertions import parse_assertion
    from fmnist.bench.compare import require_same_scenario
    from fmnist.bench.gate import LatencyGate
    from fmnist.bench.record import read_benchmark

    try:
        assertions = tuple(parse_assertion(text, method.scenario) for text in limits.asserted or ())
    except ValueError as error:
        raise typer.BadParameter(f"--assert {error}") from None
    of_baseline = any(assertion.of_baseline for assertion in assertions)
    if limits.baseline is None:
        if of_baseline:
            raise typer.BadParameter("--assert refers to a baseline; give its JSON with --baseline FILE")
        return LatencyGate(assertions, None)
    if not of_baseline:
        raise typer.BadParameter("--baseline is for --assert, such as 'p50<=1.05*baseline'; give that, too")
    older = read_benchmark(limits.baseline)
    require_same_scenario("bench", method, older)
    return LatencyGate(assertions, older)
