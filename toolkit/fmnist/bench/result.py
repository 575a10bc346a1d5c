"""The record of a configuration: made from its processes, named, and with warnings about its figures."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist.bench.configuration import Configuration
from fmnist.bench.processes import Process
from fmnist.results.timed import PERCENTILES, ProcessFigures, Timed, TimedModel, key_of
from fmnist_runtime.timing import Samples, pooled_percentile
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import judge

ADVICE = (
    "what is not STABLE may be more than 5% off in another run: "
    "let nothing else run beside it, or give a longer --duration or more --processes"
)
"""What to do about warnings."""
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def timed_record(configuration: Configuration, processes: Sequence[Process], name: str) -> Timed:
    """Return the figures of a configuration: a `TimedModel`, or for the empty call a `Timed`.

    There is at least one process. The name is that of the model's file, or its path where others have that
    name, too.
    """
    timings = [process.timing for process in processes if process.timing]
    starts = np.array([process.cold_start_ns for process in processes])
    parts = [each.samples for each in timings] or [Samples.of(starts)]
    blocks = [each.block_medians_ns for each in timings]
    blocks = blocks or [np.array([start], np.float64) for start in starts]
    rates = [each.images_per_second for each in timings if each.images_per_second]
    missed = [each.misses for each in timings if each.misses is not None]
    samples = Samples.merged(parts)
    trust = judge(blocks, [process.machine for process in processes])
    figures: dict[str, Any] = {
        "name": name,
        "runner": configuration.engine,
        "threads": configuration.threads,
        "batch": configuration.batch,
        "path": configuration.path,
        "accuracy": None,
        "calls": len(samples),
        **{key_of(each): _percentile_us(parts, percent) for each, percent in PERCENTILES.items()},
        "max_us": float(samples.times_ns[-1]) / 1000 if len(samples) else None,
        "images_per_second": Percentile(statistics.median(rates), min(rates), max(rates)) if rates else None,
        "misses": sum(missed) if missed else None,
        "verdict": trust.verdict,
        "reasons": trust.reasons,
        "imports_us": statistics.median(process.imports_ns for process in processes) / 1000,
        "load_us": statistics.median(process.load_ns for process in processes) / 1000,
        "first_us": statistics.median(process.first_ns for process in processes) / 1000,
        "peak_memory_bytes": max(process.peak_memory_bytes or 0 for process in processes) or None,
        "process_medians_us": tuple(float(np.median(levels)) / 1000 for levels in blocks),
        "times_ns": samples.times_ns,
        "counts": samples.counts,
        "processes": tuple(map(_figures, processes)),
    }
    model = processes[0].model
    return TimedModel(**vars(model) | figures) if model else Timed(**figures)


def _percentile_us(parts: Sequence[Samples], percent: float) -> Percentile | None:
    found = pooled_percentile(parts, percent)
    return Percentile(found.value / 1000, found.low / 1000, found.high / 1000) if found else None


def _figures(process: Process) -> ProcessFigures:
    timing = process.timing
    return ProcessFigures(
        imports_us=process.imports_ns / 1000,
        load_us=process.load_ns / 1000,
        first_us=process.first_ns / 1000,
        cold_start_us=process.cold_start_ns / 1000,
        peak_memory_bytes=process.peak_memory_bytes,
        warm_up=process.warm_up,
        block_medians_us=timing.block_medians_ns / 1000 if timing else None,
        images_per_second=timing.images_per_second if timing else None,
        machine=process.machine,
    )


def short_names(models: Sequence[TimedModel]) -> list[str]:
    """Return a short name for each configuration: format and scheme, and what else identifies it."""
    names = _formats(models)
    return [
        ", ".join([names[model.path], *marks]) for model, marks in zip(models, _marks(models), strict=True)
    ]


def file_names(models: Sequence[TimedModel]) -> list[str]:
    """Return the same with the names of files."""
    return [" ".join([model.name, *marks]) for model, marks in zip(models, _marks(models), strict=True)]


def _marks(models: Sequence[TimedModel]) -> list[list[str]]:
    """Return engine, threads and batch of each configuration, each only if there are several."""
    several_engines = len({(each.path, each.runner) for each in models}) > len({each.path for each in models})
    several_threads = len({each.threads for each in models}) > 1
    several_batches = len({each.batch for each in models}) > 1
    return [
        [
            *([each.runner] if several_engines else []),
            *([f"{each.threads} thread{'s'[: each.threads > 1]}"] if several_threads else []),
            *([f"batch {each.batch}"] if several_batches else []),
        ]
        for each in models
    ]


def _formats(models: Sequence[TimedModel]) -> dict[Path | None, str]:
    """Return format and scheme by path, or the files' names where these do not identify all models."""
    kinds = {model.path: f"{model.format} {model.scheme}" for model in models}
    if len(set(kinds.values())) == len(kinds) and "unknown" not in {model.scheme for model in models}:
        return kinds
    return {model.path: model.name for model in models}


def warnings(models: Sequence[TimedModel]) -> list[str]:
    """Return each reason against figures once, with the models that it concerns, and then what to do."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, model in zip(file_names(models), models, strict=True):
        for reason in model.reasons:
            found.setdefault(_NUMBER.sub("#", reason), []).append((name, reason))
    lines = []
    for entries in found.values():
        concerned = "all" if len(entries) == len(models) > 1 else ", ".join(name for name, _ in entries)
        lines.append(f"{concerned}: {_merged([reason for _, reason in entries])}")
    return [*lines, ADVICE] if lines else []


def _merged(reasons: Sequence[str]) -> str:
    """Return reasons that differ only in numbers as one: 0.98 and 0.60 become ``0.60 to 0.98``."""
    columns = zip(*(_NUMBER.findall(reason) for reason in reasons), strict=True)
    ranges = []
    for column in columns:
        low, high = min(column, key=_figure), max(column, key=_figure)
        ranges.append(low if low == high else f"{low} to {high}")
    parts = _NUMBER.split(reasons[0])
    return "".join(text + figure for text, figure in zip(parts, [*ranges, ""], strict=True))


def _figure(text: str) -> float:
    return float(text.replace(",", ""))
