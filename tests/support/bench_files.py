"""Results of `fmnist bench` with known figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fmnist.bench.reading import Recorded, read_benchmark

SIX = (10.0, 10.1, 9.9, 10.0, 10.2, 9.8)
"""Medians of processes in µs; their median is 10."""


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def entry(medians: Sequence[float] = SIX, rates: Sequence[float] = (), **changes: object) -> dict[str, Any]:
    """Return a model's figures."""
    return {
        "name": "model-int8.tflite",
        "engine": "ai-edge-litert 2.3.0",
        "size_bytes": 118_346,
        "runner": "tflite",
        "threads": 1,
        "batch": 1,
        "calls": 2000,
        "p50_us": interval(10.0, 9.8, 10.2),
        "p90_us": interval(12.0, 11.0, 13.0),
        "p99_us": interval(20.0, 15.0, 40.0),
        "p99_9_us": None,
        "max_us": 900.0,
        "images_per_second": interval(sorted(rates)[len(rates) // 2], min(rates), max(rates))
        if rates
        else None,
        "verdict": "STABLE",
        "load_us": 15_637.5,
        "first_us": 54.25,
        "peak_memory_bytes": 50_475_008,
        "process_medians_us": list(medians),
        "processes": [{"images_per_second": rate} for rate in rates] or [{"images_per_second": None}],
        **changes,
    }


def document(*models: dict[str, Any], **changes: object) -> dict[str, Any]:
    """Return a benchmark of models, with six completed processes each."""
    method = {"scenario": "latency", "seconds": 3.0, "processes": 6, "hz": 30.0, "input_range": "0-255"}
    return {
        "schema": "fmnist.bench/2",
        "measured": "2026-11-22T09:30:00+00:00",
        "environment": {"machine": "aarch64", "cpu": "Cortex-A76", "cores": 4, "system": "Linux 6.12"},
        "method": {key: changes.pop(key, value) for key, value in method.items()},
        "rounds": 6,
        "models": list(models),
        **changes,
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def recorded(path: Path, *models: dict[str, Any], **changes: object) -> Recorded:
    """Return what is read from a file of these."""
    return read_benchmark(write(path, document(*models, **changes)))
