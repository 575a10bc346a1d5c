"""`fmnist bench`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.bench.configuration import Method
    from fmnist.bench.gate import LatencyGate
    from fmnist.bench.outcome import BenchOutcome


def bench(
    models: options.Models = None,
    scenario: Annotated[
        Literal["latency", "throughput", "periodic", "cold-start"],
        typer.Option(
            help="Call after call, many images, calls at a steady pace, or a process to its first answer."
        ),
    ] = "latency",
    hz: options.Hz = None,
    duration: options.Duration = options.DEFAULT_SECONDS,
    processes: options.Processes = options.DEFAULT_PROCESSES,
    threads: options.ManyThreads = options.ONE_THREAD,
    engine: options.ManyEngines = options.ITS_OWN_ENGINE,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N", min=1, max=10_000, help="Images in a call. Default: 1; for throughput 256."
        ),
    ] = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Say what each operator takes, too, where the engine tells.")
    ] = False,
    asserted: Annotated[
        list[str] | None,
        typer.Option(
            "--assert",
            metavar="LIMIT",
            help="What must hold of every model, such as 'p99<200us' or 'p50<=1.05*baseline'; else exit 3.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON of an older bench, for limits that name the baseline."),
    ] = None,
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    input_range: options.InputRange = None,
    csv: options.Csv = None,
    markdown: options.Markdown = None,
    plots: options.Plots = None,
    json: options.Json = None,
) -> None:
    """Time inference, and say how far to trust it.

    It is timed on real test images, in fresh processes. With --threads, --engine or --batch given again,
    every combination is. STABLE means that another run would tell the same median, within 5%. NOISY,
    DRIFTING and THROTTLED do not, and the lines below the tables say why.

    --assert takes p50, p90, p99, p99.9, max, load, first, memory, size or throughput, then <, <=, > or >=,
    then a number with its unit, or FACTOR*baseline: of what the same model had in --baseline. It holds only
    if the 95% interval keeps the limit, too. An original that is timed beside the models need not keep it.
    """
    from dataclasses import replace

    from fmnist.bench.configuration import Method, combine, harness
    from fmnist.bench.measure import measure
    from fmnist.bench.models import find_ranges, shared_split, with_baseline
    from fmnist.bench.outcome import examine
    from fmnist.bench.report import benchmark_csv
    from fmnist.cli.output import fail, require_apart, require_kept, say_run_and_stale, show
    from fmnist.models.select import Splits, select_artifacts
    from fmnist.results.write import write_result
    from fmnist.text.progress import Progress, say

    method = Method(scenario, duration, processes, hz or Method.hz, input_range)
    _require_pace(hz, method)
    require_apart(json, csv, markdown)
    if baseline:
        require_kept([baseline], json, csv, markdown)
    if plots:
        _require_pictures_free(plots)
    gate = _gate(asserted or [], baseline, method)
    batches = batch or [256 if scenario == "throughput" else 1]
    selection = select_artifacts(models or [])
    say_run_and_stale(selection.run)
    paths = with_baseline(selection.paths) if "auto" in engine else list(selection.paths)
    configurations = combine(paths, engine, threads, batches)
    if scenario != "throughput":  # in which there is no clock around a call
        configurations.append(harness(batches[0]))
    splits = Splits(dataset, data_dir)
    split = shared_split(selection.paths, splits)
    images = split.images
    ranges, unknown = find_ranges(paths, method.input_range, split)
    method = replace(method, found_ranges=ranges)
    progress = Progress("bench", processes * len(configurations))
    benchmark = measure(configurations, images, method, progress.step, named=selection.paths, unknown=unknown)
    progress.remove()
    for reason in dict.fromkeys(failure.error for failure in benchmark.left_out):
        say(f"left out: {reason}")
    timed = {model.path for model in benchmark.models}
    if not timed or (timed.isdisjoint(selection.paths) and not benchmark.interrupted):
        fail(benchmark.errors)
    outcome = examine(benchmark, images, operators, splits if plots else None, gate, selection.paths)
    try:
        if csv:
            write_result(csv, benchmark_csv(outcome.benchmark))
        if markdown:
            write_result(markdown, outcome.markdown)
    finally:
        show("" if "-" in (str(csv), str(markdown)) else outcome.text, "bench", outcome.benchmark, json)
    if plots:
        _draw(outcome, plots)
    fail(outcome.errors, gate_failed=not outcome.kept)


def _require_pace(hz: float | None, method: "Method") -> None:
    """Check that calls are due at all, and within the time that is to be taken for them."""
    if method.scenario != "periodic":
        if hz is not None:
            raise typer.BadParameter("--hz is the pace of --scenario periodic; name that, too")
    elif method.seconds * method.hz < method.processes:
        calls = f"--hz {method.hz:g} for {method.seconds:g} s is less than a call for each"
        longer = f"give --duration {math.ceil(method.processes / method.hz)} or more"
        raise typer.BadParameter(f"{calls} of {method.processes} processes; {longer}")


def _gate(asserted: list[str], baseline: Path | None, method: "Method") -> "LatencyGate":
    """What was asserted, and the older benchmark it is held against; before anything is measured."""
    from fmnist.bench.assertions import parse_assertion
    from fmnist.bench.compare import require_same_scenario
    from fmnist.bench.gate import LatencyGate
    from fmnist.bench.record import read_benchmark

    try:
        assertions = tuple(parse_assertion(text, method.scenario) for text in asserted)
    except ValueError as error:
        raise typer.BadParameter(f"--assert {error}") from None
    of_baseline = any(assertion.of_baseline for assertion in assertions)
    if baseline is None:
        if of_baseline:
            raise typer.BadParameter("--assert names the baseline; give the JSON of it with --baseline FILE")
        return LatencyGate(assertions, None)
    if not of_baseline:
        raise typer.BadParameter("--baseline is for --assert, such as 'p50<=1.05*baseline'; name that, too")
    older = read_benchmark(baseline)
    require_same_scenario("bench", method, older)
    return LatencyGate(assertions, older)


def _require_pictures_free(folder: Path) -> None:
    from fmnist_runtime.errors import needs_extra

    with needs_extra("train", "plotting"):
        from fmnist.bench.pictures import require_pictures_free
    require_pictures_free(folder)


def _draw(outcome: "BenchOutcome", folder: Path) -> None:
    """Write the pictures, and say so where it is in no result's way."""
    from fmnist.bench.pictures import write_pictures
    from fmnist.text.progress import say

    for line in write_pictures(outcome.benchmark, folder):
        say(line)
