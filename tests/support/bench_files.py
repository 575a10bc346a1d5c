"""Results of `fmnist bench` with known figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fmnist.bench.record import BenchmarkFile, read_benchmark
from fmnist.results.read import Part, read_record
from fmnist.results.timed import TimedModel

SIX = (10.0, 10.1, 9.9, 10.0, 10.2, 9.8)
"""Medians of processes in µs; their median is 10."""


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def entry(medians: Sequence[float] = SIX, rates: Sequence[float] = (), **changes: object) -> dict[str, Any]:
    """Return a model's figures."""
    return {
        "name": "model-int8.tflite",
        "format": "tflite",
        "scheme": "int8",
        "engine": "ai-edge-litert 2.3.0",
        "size_bytes": 118_346,
        "sha256": "0" * 64,
        "input_range": "0-255",
        "range_known_from": "its seal",
        "path": "model-int8.tflite",
        "runner": "tflite",
        "threads": 1,
        "batch": 1,
        "accuracy": None,
        "calls": 2000,
        "p50_us": interval(10.0, 9.8, 10.2),
        "p90_us": interval(12.0, 11.0, 13.0),
        "p99_us": interval(20.0, 15.0, 40.0),
        "p99_9_us": None,
        "max_us": 900.0,
        "images_per_second": interval(sorted(rates)[len(rates) // 2], min(rates), max(rates))
        if rates
        else None,
        "misses": None,
        "verdict": "STABLE",
        "reasons": [],
        "imports_us": 150_000.0,
        "load_us": 15_637.5,
        "first_us": 54.25,
        "peak_memory_bytes": 50_475_008,
        "process_medians_us": list(medians),
        "times_ns": [9000, 10_000, 900_000],
        "counts": [999, 1000, 1],
        "processes": [_process(rate) for rate in rates or [None]],
        **changes,
    }


def _process(rate: float | None) -> dict[str, Any]:
    state = {
        "core": 0,
        "frequency_mhz": 2400.0,
        "governor": "",
        "temperature_c": None,
        "too_hot": False,
        "throttled": None,
        "busy_s": 10.0,
        "own_s": 1,
        "clock_s": 100.0,
    }
    return {
        "imports_us": 150_000.0,
        "load_us": 15_637.5,
        "first_us": 54.25,
        "cold_start_us": 165_000.0,
        "peak_memory_bytes": None,
        "warm_up": None,
        "block_medians_us": [10.0, 10.1],
        "images_per_second": rate,
        "machine": [state, state],
    }


def models(*entries: dict[str, Any]) -> list[TimedModel]:
    """Return the records that are read from entries."""
    return [read_record(TimedModel, Part(each)) for each in entries]


def document(*entries: dict[str, Any], **changes: object) -> dict[str, Any]:
    """Return a benchmark of models, with six completed processes each."""
    method = {"scenario": "latency", "seconds": 3.0, "processes": 6, "hz": 30.0, "input_range": "0-255"}
    return {
        "schema": "fmnist.bench/2",
        "measured": "2026-11-22T09:30:00+00:00",
        "environment": {
            "machine": "aarch64",
            "cpu": "Cortex-A76",
            "cores": 4,
            "governor": "ondemand",
            "memory_bytes": 8_000_000_000,
            "system": "Linux 6.12",
            "python": "3.13.5",
            "packages": {"numpy": "2.4.0"},
        },
        "method": {key: changes.pop(key, value) for key, value in method.items()},
        "rounds": 6,
        "models": list(entries),
        "harness": None,
        "failures": [],
        "left_out": [],
        **changes,
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def recorded(path: Path, *entries: dict[str, Any], **changes: object) -> BenchmarkFile:
    """Return what is read from a file of these."""
    return read_benchmark(write(path, document(*entries, **changes)))
