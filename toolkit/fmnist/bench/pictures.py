"""The pictures of a benchmark: which files they are, and what is drawn into them."""

from __future__ import annotations

from pathlib import Path

from fmnist.bench.configuration import Scenario
from fmnist.bench.record import Benchmark
from fmnist.bench.report import how_measured
from fmnist.bench.result import short_names
from fmnist.bench.tradeoffs import TradeOff
from fmnist.plots.latencies import Distribution, latencies_figure
from fmnist.plots.style import write_figure
from fmnist.plots.tradeoff import tradeoff_figure
from fmnist.results.ours import require_picture_free
from fmnist.results.timed import TimedModel
from fmnist.text.tables import shortened
from fmnist_runtime.timing.percentiles import Percentile
from fmnist_runtime.timing.trust import STABLE

_LONGEST = 38
"""Characters of a name that is followed by a verdict."""
_TRADEOFF, _LATENCIES = "tradeoff.png", "latencies.png"
_SPEEDS = {
    "latency": "p50 of a call in µs",
    "periodic": "p50 from when a call was due, in µs",
    "throughput": "images a second",
    "cold-start": "p50 from the start of a process to its answer, in ms",
}
_TIMES = {
    "latency": ("time of a call in µs", 1e3),
    "periodic": ("time from when a call was due, in µs", 1e3),
    "cold-start": ("time from the start of a process to its answer, in ms", 1e6),
}
"""What single times are of, and their unit in ns; in throughput there are none."""


def require_pictures_free(folder: Path) -> None:
    """Check, before anything is measured, that the pictures may be written to a folder.

    Raises:
        OutputError: Files are there that are not pictures of ours, or none can be written there.
    """
    for name in (_TRADEOFF, _LATENCIES):
        require_picture_free(folder / name, remedy="choose another folder")


def write_pictures(benchmark: Benchmark, folder: Path) -> list[str]:
    """Draw accuracy against speed, and how times are distributed.

    Args:
        benchmark: What was measured, of one model at least.
        folder: Where to; it is made if need be.

    Returns:
        What there is to say: the files, and why one is not there. An older one is then removed: it would
        tell of other figures.

    Raises:
        OutputError: A file cannot be written.
    """
    scenario, how = benchmark.method.scenario, how_measured(benchmark)
    points = _tradeoffs(benchmark)
    tradeoff, latencies = folder / _TRADEOFF, folder / _LATENCIES
    said = []
    if points:
        write_figure(tradeoff, tradeoff_figure(points, _SPEEDS[scenario], how))
        said.append(str(tradeoff))
    else:
        tradeoff.unlink(missing_ok=True)
        said.append(f"{_TRADEOFF}: too few samples, or no accuracy, so there is nothing to draw")
    if scenario in _TIMES:
        write_figure(latencies, latencies_figure(_distributions(benchmark), *_TIMES[scenario], how))
        said.append(str(latencies))
    else:
        latencies.unlink(missing_ok=True)
        said.append(f"{_LATENCIES}: throughput times no single calls, so there is nothing to draw")
    return said


def _tradeoffs(benchmark: Benchmark) -> list[TradeOff]:
    points = []
    for label, model in _labelled(benchmark):
        speed = _speed(model, benchmark.method.scenario)
        if model.accuracy is not None and speed:
            more = benchmark.method.scenario == "throughput"
            points.append(TradeOff(label, model.format, model.accuracy, speed, model.size_bytes, more))
    return points


def _speed(model: TimedModel, scenario: Scenario) -> Percentile | None:
    """What the scenario is about, in the unit that it is drawn in."""
    if scenario == "throughput":
        return model.images_per_second
    found = model.p50_us
    if found is None or scenario != "cold-start":
        return found
    return Percentile(found.value / 1000, found.low / 1000, found.high / 1000)


def _distributions(benchmark: Benchmark) -> list[Distribution]:
    return [
        Distribution(label, model.format, model.samples, _marks_ns(model))
        for label, model in _labelled(benchmark)
    ]


def _marks_ns(model: TimedModel) -> dict[str, float]:
    found = {name: 1000 * percentile.value for name, percentile in model.percentiles.items() if percentile}
    return found | {"max": float(model.times_ns[-1])}


def _labelled(benchmark: Benchmark) -> list[tuple[str, TimedModel]]:
    """Each model that was timed, under a name that says what it is and what tells it from the others."""
    models = benchmark.models
    doubts = [model.verdict != STABLE for model in models]
    return [
        (f"{shortened(name, _LONGEST)} ({model.verdict})" if doubt else name, model)
        for name, doubt, model in zip(short_names(models), doubts, models, strict=True)
    ]
