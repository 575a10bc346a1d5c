"""The pictures of a benchmark: accuracy against speed, and the distribution of times."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fmnist.bench.configuration import Scenario
from fmnist.bench.record import Benchmark
from fmnist.bench.report import how_measured
from fmnist.bench.result import short_names
from fmnist.figures import latency, tradeoff
from fmnist.figures.latency import CallTimes, draw_latencies
from fmnist.figures.standalone import picture, write_picture
from fmnist.figures.tradeoff import TradeOff, draw_tradeoffs, size_range
from fmnist.results.timed import TimedModel
from fmnist.results.write import PICTURE
from fmnist.text.tables import shortened, size
from fmnist_runtime.files import require_writable
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import STABLE

_LONGEST = 38
"""Characters of a name, before a verdict."""
_TRADEOFF, _LATENCIES = "tradeoff.svg", "latencies.svg"
_SPEEDS = {
    "latency": ("p50 of a call, µs", "µs"),
    "periodic": ("p50 from when a call was due, µs", "µs"),
    "throughput": ("images a second", "images/s"),
    "cold-start": ("p50 from the start of a process to its answer, ms", "ms"),
}
"""Speed of each scenario, and its unit."""
_TIMES = {
    "latency": "time of a call, µs",
    "periodic": "time from when a call was due, µs",
    "cold-start": "time from the start of a process to its answer, ms",
}
"""What single times are of; throughput has none."""


def require_pictures_free(folder: Path) -> None:
    """Check, before anything is measured, that the pictures may be written to a folder.

    Raises:
        OutputError: Files are there that are not pictures of ours, or none can be written there.
    """
    for name in (_TRADEOFF, _LATENCIES):
        require_writable(folder / name, PICTURE, remedy="choose another folder")


def write_pictures(benchmark: Benchmark, folder: Path) -> list[str]:
    """Draw accuracy against speed, and the distribution of times, of at least one model.

    The folder is made if need be.

    Returns:
        A line for each file, which names it or says why it is not there. An older file is then removed, as it
        would show other figures.

    Raises:
        OutputError: A file cannot be written.
    """
    scenario, how = benchmark.method.scenario, how_measured(benchmark)
    points = _tradeoffs(benchmark)
    tradeoff_file, latency_file = folder / _TRADEOFF, folder / _LATENCIES
    lines = []
    if points:
        drawing = draw_tradeoffs(points, _SPEEDS[scenario][0], tradeoff.WIDE)
        content = picture("Accuracy, speed and size", [("", drawing)], [how], _key(points))
        write_picture(tradeoff_file, content)
        lines.append(str(tradeoff_file))
    else:
        tradeoff_file.unlink(missing_ok=True)
        lines.append(f"{_TRADEOFF}: too few samples, or no accuracy, so there is nothing to draw")
    if scenario in _TIMES:
        drawing = draw_latencies(_call_times(benchmark), _TIMES[scenario], _SPEEDS[scenario][1])
        write_picture(latency_file, picture("Latency distributions", [("", drawing)], [how], [latency.KEY]))
        lines.append(str(latency_file))
    else:
        latency_file.unlink(missing_ok=True)
        lines.append(f"{_LATENCIES}: throughput times no single calls, so there is nothing to draw")
    return lines


def _key(points: list[TradeOff]) -> list[str]:
    interval = "the range between processes" if points[0].more_is_faster else "95% intervals of the median"
    sizes = " to ".join(map(size, size_range(points)))
    return [tradeoff.KEY, f"Areas are file sizes: {sizes}. Bars are {interval}."]


def _tradeoffs(benchmark: Benchmark) -> list[TradeOff]:
    scenario, points = benchmark.method.scenario, []
    for label, model in _labelled(benchmark):
        in_rates = scenario == "throughput"
        speed = model.images_per_second if in_rates else _in_unit(model.p50_us, scenario)
        if model.accuracy is not None and speed and speed.low > 0:
            figures = (label, model.format, model.accuracy, speed, model.size_bytes)
            points.append(TradeOff(*figures, _SPEEDS[scenario][1], in_rates))
    return points


def _in_unit(found: Percentile | None, scenario: Scenario) -> Percentile | None:
    """Return a time in the unit of the scenario's chart."""
    if found is None or scenario != "cold-start":
        return found
    return Percentile(found.value / 1000, found.low / 1000, found.high / 1000)


def _call_times(benchmark: Benchmark) -> list[CallTimes]:
    scenario, rows = benchmark.method.scenario, []
    unit_ns = 1e6 if scenario == "cold-start" else 1e3
    for label, model in _labelled(benchmark):
        times = np.maximum(model.times_ns, 1) / unit_ns  # a coarse clock may measure 0
        marks = {name: _in_unit(found, scenario) for name, found in model.percentiles.items()}
        rows.append(CallTimes(label, model.format, times, model.counts, marks, float(times[-1])))
    return rows


def _labelled(benchmark: Benchmark) -> list[tuple[str, TimedModel]]:
    """Return each model that was timed, with a short name and a verdict that is not STABLE."""
    models = benchmark.models
    doubts = [model.verdict != STABLE for model in models]
    return [
        (shortened(name, _LONGEST) + (f" ({model.verdict})" if doubt else ""), model)
        for name, doubt, model in zip(short_names(models), doubts, models, strict=True)
    ]
