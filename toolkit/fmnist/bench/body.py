"""A benchmark as the content of ``bench.json``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from fmnist.bench.configuration import Configuration
from fmnist.bench.processes import Process
from fmnist.bench.record import BenchmarkBody, Estimate, NotTimed, ProcessFigures, Timed, TimedModel
from fmnist.bench.result import Benchmark, Failure, Result
from fmnist_runtime.timing.samples import Percentile

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
"""What is told of a distribution, where there are samples enough; for the last, 3,688."""


def benchmark_body(
    benchmark: Benchmark, accuracies: Mapping[Configuration, float] | None = None
) -> BenchmarkBody:
    """Every figure, beside all that it was made from.

    Args:
        benchmark: What was measured.
        accuracies: Accuracy of each configuration, where that was asked for.
    """
    known = accuracies or {}
    timed = [(result, _timed(result, known)) for result in benchmark.results]
    models = [TimedModel(**vars(result.model) | vars(found)) for result, found in timed if result.model]
    harness = [found for result, found in timed if not result.model]
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": benchmark.method,
        "rounds": benchmark.rounds,
        "models": models,
        "harness": harness[0] if harness else None,
        "failures": [_failure(failure) for failure in benchmark.failures],
        "left_out": [_failure(failure) for failure in benchmark.left_out],
    }


def key_of(name: str) -> str:
    """The key of a percentile, such as ``p99_9_us`` of p99.9."""
    return f"{name.replace('.', '_')}_us"


def _timed(result: Result, accuracies: Mapping[Configuration, float]) -> Timed:
    configuration = result.configuration
    percentiles = {
        key_of(name): _estimate(result.percentile_us(percent)) for name, percent in PERCENTILES.items()
    }
    return Timed(
        name=result.name,
        path=configuration.path,
        runner=configuration.engine,
        threads=configuration.threads,
        batch=configuration.batch,
        accuracy=accuracies.get(configuration),
        calls=result.calls,
        **percentiles,
        max_us=result.max_us,
        images_per_second=_estimate(result.images_per_second),
        misses=result.misses,
        verdict=result.trust.verdict,
        reasons=result.trust.reasons,
        imports_us=result.imports_us,
        load_us=result.load_us,
        first_us=result.first_us,
        peak_memory_bytes=result.peak_memory_bytes,
        process_medians_us=result.process_medians_us,
        times_ns=result.samples.times_ns,
        counts=result.samples.counts,
        processes=[_process(process) for process in result.processes],
    )


def _estimate(found: Percentile | None) -> Estimate | None:
    return Estimate(found.value, found.low, found.high) if found else None


def _failure(failure: Failure) -> NotTimed:
    return NotTimed(**vars(failure.configuration), error=str(failure.error))


def _process(process: Process) -> ProcessFigures:
    steady = process.steady
    return ProcessFigures(
        imports_us=process.imports_ns / 1000,
        load_us=process.load_ns / 1000,
        first_us=process.first_ns / 1000,
        cold_start_us=process.cold_start_ns / 1000,
        peak_memory_bytes=process.peak_memory_bytes,
        warm_up=steady.warm_up if steady else None,
        block_medians_us=steady.timing.block_medians_ns / 1000 if steady else None,
        images_per_second=steady.timing.images_per_second if steady else None,
        machine=process.machine,
    )
