"""A benchmark as the content of ``bench.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fmnist.bench.configuration import Configuration
from fmnist.bench.processes import Process
from fmnist.bench.result import Benchmark, Failure, Result
from fmnist_runtime.percentiles import Percentile

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
"""What is told of a distribution, where there are samples enough; for the last, 3,688."""


def benchmark_body(
    benchmark: Benchmark, accuracies: Mapping[Configuration, float] | None = None
) -> dict[str, Any]:
    """Every figure, beside all that it was made from.

    Args:
        benchmark: What was measured.
        accuracies: Accuracy of each configuration, where that was asked for.
    """
    known = accuracies or {}
    models = [_result(result, known) for result in benchmark.results if result.model]
    harness = [_result(result, known) for result in benchmark.results if not result.model]
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": asdict(benchmark.method),
        "rounds": benchmark.rounds,
        "models": models,
        "harness": harness[0] if harness else None,
        "failures": [_failure(failure) for failure in benchmark.failures],
        "left_out": [_failure(failure) for failure in benchmark.left_out],
    }


def _result(result: Result, accuracies: Mapping[Configuration, float]) -> dict[str, Any]:
    configuration = result.configuration
    return {
        **(asdict(result.model) if result.model else {}),
        "name": result.name,
        "path": configuration.path,
        "runner": configuration.engine,
        "threads": configuration.threads,
        "batch": configuration.batch,
        "accuracy": accuracies.get(configuration),
        "calls": result.calls,
        **{key_of(name): _interval(result.percentile_us(percent)) for name, percent in PERCENTILES.items()},
        "max_us": result.max_us,
        "images_per_second": _interval(result.images_per_second),
        "misses": result.misses,
        "verdict": result.trust.verdict,
        "reasons": result.trust.reasons,
        "imports_us": result.imports_us,
        "load_us": result.load_us,
        "first_us": result.first_us,
        "peak_memory_bytes": result.peak_memory_bytes,
        "process_medians_us": result.process_medians_us,
        "times_ns": result.samples.times_ns,
        "counts": result.samples.counts,
        "processes": [_process(process) for process in result.processes],
    }


def key_of(name: str) -> str:
    """The key of a percentile, such as ``p99_9_us`` of p99.9."""
    return f"{name.replace('.', '_')}_us"


def _interval(found: Percentile | None) -> dict[str, float] | None:
    return {"value": found.value, "low": found.low, "high": found.high} if found else None


def _failure(failure: Failure) -> dict[str, Any]:
    return {**asdict(failure.configuration), "error": str(failure.error)}


def _process(process: Process) -> dict[str, Any]:
    """What one process measured; its single times are among those of all."""
    steady = process.steady
    return {
        "imports_us": process.imports_ns / 1000,
        "load_us": process.load_ns / 1000,
        "first_us": process.first_ns / 1000,
        "cold_start_us": process.cold_start_ns / 1000,
        "peak_memory_bytes": process.peak_memory_bytes,
        "warm_up": asdict(steady.warm_up) if steady else None,
        "block_medians_us": steady.timing.block_medians_ns / 1000 if steady else None,
        "images_per_second": steady.timing.images_per_second if steady else None,
        "machine": [asdict(state) for state in process.machine],
    }
