"""`fmnist bench`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.benchmark import ModelLatency
    from fmnist_runtime.percentiles import Percentile


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Models, or a run. Default: the newest run.", show_default=False
        ),
    ] = None,
    samples: options.Samples = options.DEFAULT_SAMPLES,
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    threads: options.Threads = options.DEFAULT_THREADS,
    engine: options.Engine = "auto",
    input_range: options.InputRange = "0-255",
    json: options.Json = None,
) -> None:
    """Time single-image inference on real test images, models interleaved."""
    from fmnist.benchmark import benchmark_body, benchmark_models, with_baseline
    from fmnist.cli.output import say_run_and_stale, show
    from fmnist.models import Splits, select_artifacts
    from fmnist.opening import Execution
    from fmnist.progress import Progress
    from fmnist_runtime.latency import ROUNDS

    selection = select_artifacts(models or [])
    say_run_and_stale(selection.run)
    progress = Progress("bench", ROUNDS)
    results = benchmark_models(
        with_baseline(selection.paths) if engine == "auto" else selection.paths,
        Splits(dataset, data_dir),
        Execution(threads, engine, input_range),
        samples,
        progress.step,
    )
    show(_text(results, threads), "bench", benchmark_body(results), json)


def _text(results: "list[ModelLatency]", threads: int) -> str:
    from fmnist.render import ABSENT, microseconds, size, table

    baseline = next((item for item in results if item.model.format == "keras"), None)
    rows = []
    for item in results:
        latency = item.latency
        faster = baseline.latency.percentile_us(50) / latency.percentile_us(50) if baseline else None
        rows.append(
            [
                item.model.name,
                item.model.scheme,
                item.model.engine,
                *_with_interval(latency.interval_us(50)),
                *_with_interval(latency.interval_us(99)),
                _with_interval(latency.interval_us(99.9))[0],
                microseconds(latency.percentile_us(100)),
                f"{faster:,.0f}x" if faster else ABSENT,
                size(item.model.size_bytes),
            ]
        )
    header = ["model", "scheme", "engine"]
    header += ["p50 µs", "95 % interval", "p99 µs", "95 % interval", "p99.9 µs"]
    header += ["max µs", "vs keras", "size"]
    samples = len(results[0].latency.samples_ns)
    note = f"one image at a time, {samples:,} samples each, {threads} thread{'s'[: threads != 1]}"
    return f"{table(header, rows, left=3)}\n{note}"


def _with_interval(percentile: "Percentile | None") -> list[str]:
    """A percentile and its interval, or nothing where it is withheld."""
    from fmnist.render import ABSENT, microseconds

    if percentile is None:
        return [ABSENT, ABSENT]
    ends = (microseconds(percentile.low), microseconds(percentile.high))
    return [microseconds(percentile.value), f"{ends[0]} to {ends[1]}"]
