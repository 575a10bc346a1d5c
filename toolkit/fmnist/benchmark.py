"""Latency of models side by side, on real test images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fmnist.models import Splits
from fmnist.opening import Execution, ModelFile, describe, open_model
from fmnist.runs import run_of
from fmnist_runtime.latency import Latency, measure

PERCENTILES = (50, 90, 99, 99.9)
"""What is said of a model's latency, if there are samples enough: for the last, some 3,700."""


@dataclass(frozen=True)
class ModelLatency:
    """One model's latency for single images."""

    model: ModelFile
    """Which model."""
    latency: Latency
    """Every measured time."""


def benchmark_models(
    paths: Sequence[Path],
    splits: Splits,
    how: Execution,
    samples: int,
    on_round: Callable[[], None] = lambda: None,
) -> list[ModelLatency]:
    """Time single-image inference of models, interleaved in one process.

    Raises:
        FmnistError: A model or data set is missing or damaged, or they do not fit together.
    """
    with ExitStack() as stack:
        sessions = {str(path): stack.enter_context(open_model(path, how)) for path in paths}
        images = splits.of(next(iter(sessions.values()))).images
        latencies = measure(sessions, images, samples, on_round=on_round)
        return [ModelLatency(describe(sessions[name]), latency) for name, latency in latencies.items()]


def with_baseline(paths: Sequence[Path]) -> list[Path]:
    """The models, with their run's original before them where TensorFlow is installed."""
    run = run_of(paths[0])
    if run is None or run.model in paths or not run.model.is_file() or find_spec("tensorflow") is None:
        return list(paths)
    return [run.model, *paths]


def benchmark_body(results: list[ModelLatency]) -> dict[str, Any]:
    """The content of ``bench.json``."""
    return {
        "batch": 1,
        "models": [
            {
                **asdict(item.model),
                "p50_us": item.latency.percentile_us(50),
                "p90_us": item.latency.percentile_us(90),
                "p99_us": item.latency.percentile_us(99),
                "max_us": item.latency.percentile_us(100),
                "percentiles_us": [item.latency.interval_us(percent) for percent in PERCENTILES],
                "samples_ns": item.latency.samples_ns,
            }
            for item in results
        ],
    }
