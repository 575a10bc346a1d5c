"""What `fmnist bench` reports: tables for people, Markdown for a pull request, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from fmnist.bench.record import Benchmark
from fmnist.bench.result import file_names, warnings
from fmnist.results.timed import PERCENTILES, Timed, TimedModel, key_of
from fmnist.text.tables import (
    ABSENT,
    markdown,
    markdown_text,
    microseconds,
    milliseconds,
    no_formula,
    percent,
    printable,
    size,
    table,
)
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import STABLE

Column = tuple[str, Callable[[Timed], str]]
"""A title, and the cell of a row."""
Table = tuple[list[str], list[list[str]], int]
"""Header, rows, and how many columns are left-aligned."""
_EMPTY_CALL = {
    "latency": "an empty call; so much of each time is the measuring's own",
    "periodic": "an empty call; so much of each time is the system's, to wake the process up",
    "throughput": "an empty call; the measuring allows no more than that",
    "cold-start": "a process that opens no model; so much of each time is Python's own",
}
"""What the row of the empty call means, by scenario."""


def benchmark_text(benchmark: Benchmark) -> str:
    """Return the figures and costs of all configurations, warnings, and how they were measured."""
    if not benchmark.timed:
        return ""
    lines = [*warnings(benchmark.models), *_empty_call(benchmark), how_measured(benchmark)]
    parts = [*(table(*content) for content in tables(benchmark)), "\n".join(map(printable, lines))]
    return "\n\n".join(parts)


def benchmark_markdown(benchmark: Benchmark) -> str:
    """Return the same in GitHub's Markdown, with what could not be timed."""
    stable = sum(model.verdict == STABLE for model in benchmark.models)
    failures = dict.fromkeys(f"not timed: {failure.error}" for failure in benchmark.failures)
    remarks = (*failures, *warnings(benchmark.models), *_empty_call(benchmark))
    lines = [f"- {markdown_text(line)}" for line in remarks]
    parts = [
        f"### Bench: {stable} of {len(benchmark.models)} STABLE",
        *(markdown(*content) for content in tables(benchmark)),
        *(["\n".join(lines)] if lines else []),
        markdown_text(how_measured(benchmark)),
    ]
    return "\n\n".join(parts) + "\n"


def tables(benchmark: Benchmark) -> list[Table]:
    """Return a table of the scenario's figures, and one of each model's costs; mostly 120 characters wide."""
    models, scenario = benchmark.models, benchmark.method.scenario
    figures = {
        "latency": [*_LATENCY, *_beside_keras(models)],
        "periodic": [*_LATENCY, ("late", lambda each: f"{each.misses or 0:,} of {each.calls:,}")],
        "throughput": _THROUGHPUT,
        "cold-start": [*_COLD_START, *_beside_keras(models)],
    }[scenario]
    first = {"throughput": [], "cold-start": [_PYTHON]}.get(scenario, [_CALLS])
    return [
        _table(benchmark.timed, [_MODEL, *_differing(models)], [*figures, _VERDICT]),
        _table(models, [_MODEL, _SCHEME, _ENGINE, *_varied(models)], [*first, *_COSTS]),
    ]


def how_measured(benchmark: Benchmark) -> str:
    """Return in one line how the figures were measured."""
    method, timed = benchmark.method, benchmark.timed
    what = {
        "latency": f"{_batch(timed)} at a time, back to back: service time",
        "periodic": f"{_batch(timed)} due at {method.hz:g} Hz: time from when it was due",
        "throughput": f"{_batch(timed)} at a time, as many as go",
        "cold-start": f"from the start of a process to its answer to {_batch(timed)}",
    }[method.scenario]
    done = max(benchmark.rounds, 1)  # after Ctrl-C in the first round, each figure is of one process
    processes = f"{done} fresh process{'es'[: 2 * (done != 1)]} each"
    seconds = f", {method.seconds * done / method.processes:g} s in all"
    if method.scenario == "cold-start":
        seconds = ""
    return f"{what}; {processes}{seconds}; {_threads(benchmark.models)}"


def operators_text(benchmark: Benchmark) -> str:
    """Return a table for each model whose engine reports its operators, and which engines do not."""
    parts, silent = [], []
    models = {model.key: model for model in benchmark.models}
    names = dict(zip(models, file_names(benchmark.models), strict=True))
    for found in benchmark.operators or ():
        model = models[found.key]
        if found.error:
            continue  # it is reported as an error
        if found.profile is None:
            silent.append(model.engine)
            continue
        rows = [
            [operator.name, operator.kind, microseconds(operator.mean_us), percent(operator.share, 1)]
            for operator in found.profile.operators
        ]
        title = f"operators of {names[found.key]}, {_batch([model])}, threads: {model.threads}"
        shown = table(["operator", "kind", "µs", "share"], rows, left=2)
        parts.append(f"{printable(title)}\n\n{shown}\n{found.profile.note}")
    if silent:
        parts.append(f"{', '.join(dict.fromkeys(silent))}: does not report the time of operators to Python")
    return "\n\n".join(parts)


_COLUMNS = (
    # `fmnist.results.write` knows files that begin so as ours.
    "model",
    "format",
    "scheme",
    "engine",
    "runner",
    "threads",
    "batch",
    "scenario",
    *(f"{key_of(name)[:-3]}{end}_us" for name in PERCENTILES for end in ("", "_low", "_high")),
    "max_us",
    *(f"images_per_second{end}" for end in ("", "_low", "_high")),
    "calls",
    "misses",
    "verdict",
    "reasons",
    "accuracy",
    "imports_us",
    "load_us",
    "first_us",
    "peak_memory_bytes",
    "size_bytes",
    "sha256",
)


def benchmark_csv(benchmark: Benchmark) -> str:
    """Return a row of figures in full precision for each configuration, and for the empty call."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for entry in benchmark.timed:
        writer.writerow(_row(entry) | {"scenario": benchmark.method.scenario})
    return text.getvalue()


def _row(entry: Timed) -> dict[str, Any]:
    """Return the cells of a record; an interval is three, and no text is a formula to a spreadsheet."""
    row = {**vars(entry), "model": entry.name, "reasons": " | ".join(entry.reasons)}
    for key in [*map(key_of, PERCENTILES), "images_per_second"]:
        stem, unit = (key[:-3], "_us") if key.endswith("_us") else (key, "")
        found = row[key]
        row |= {key: found and found.value, f"{stem}_low{unit}": found and found.low}
        row[f"{stem}_high{unit}"] = found and found.high
    return {key: no_formula(printable(cell)) if isinstance(cell, str) else cell for key, cell in row.items()}


def _empty_call(benchmark: Benchmark) -> list[str]:
    """Return what the row of the empty call means, if there is one."""
    harness = benchmark.harness
    return [f"{harness.name}: {_EMPTY_CALL[benchmark.method.scenario]}"] if harness else []


def _table(timed: Sequence[Timed], which: Sequence[Column], columns: Sequence[Column]) -> Table:
    shown = [*which, *columns]
    rows = [[cell(each) for _, cell in shown] for each in timed]
    return [title for title, _ in shown], rows, len(which)


def _differing(models: Sequence[TimedModel]) -> list[Column]:
    """Return the columns that differ between configurations of the same file."""
    runners = {(model.path, model.runner) for model in models}
    engines = [_ENGINE] if len(runners) > len({path for path, _ in runners}) else []
    return [*engines, *_varied(models)]


def _varied(models: Sequence[TimedModel]) -> list[Column]:
    """Return the columns of threads and batch, each only if there are several."""
    columns: list[Column] = []
    if len({model.threads for model in models}) > 1:
        columns.append(("threads", lambda each: str(each.threads)))
    if len({model.batch for model in models}) > 1:
        columns.append(("batch", lambda each: str(each.batch)))
    return columns


def _of_model(title: str, cell: Callable[[TimedModel], str]) -> Column:
    """Return a column that is empty for the empty call."""
    return title, lambda each: cell(each) if isinstance(each, TimedModel) else ABSENT


def _value(name: str, show: Callable[[float], str] = microseconds) -> Callable[[Timed], str]:
    def cell(each: Timed) -> str:
        found = each.percentiles[name]
        return show(found.value) if found else ABSENT

    return cell


def _interval(name: str, show: Callable[[float], str] = microseconds) -> Callable[[Timed], str]:
    def cell(each: Timed) -> str:
        found = each.percentiles[name]
        return f"{show(found.low)} to {show(found.high)}" if found else ABSENT

    return cell


def _longest(show: Callable[[float], str]) -> Callable[[Timed], str]:
    return lambda each: ABSENT if each.max_us is None else show(each.max_us)


def _rate(part: Callable[[Percentile], str]) -> Callable[[Timed], str]:
    return lambda each: part(each.images_per_second) if each.images_per_second else ABSENT


_MODEL: Column = ("model", lambda each: each.name)
_SCHEME = _of_model("scheme", lambda model: model.scheme)
_ENGINE = _of_model("engine", lambda model: model.engine)
_LATENCY: list[Column] = [
    ("p50 µs", _value("p50")),
    ("95% interval", _interval("p50")),
    ("p90", _value("p90")),
    ("p99", _value("p99")),
    ("95% interval", _interval("p99")),
    ("p99.9", _value("p99.9")),
    ("max", _longest(microseconds)),
]
_THROUGHPUT: list[Column] = [
    ("images/s", _rate(lambda rate: f"{rate.value:,.0f}")),
    ("between processes", _rate(lambda rate: f"{rate.low:,.0f} to {rate.high:,.0f}")),
]
_COLD_START: list[Column] = [
    ("p50 ms", _value("p50", milliseconds)),
    ("95% interval", _interval("p50", milliseconds)),
    ("max", _longest(milliseconds)),
]
_VERDICT = _of_model("verdict", lambda model: model.verdict)
_CALLS: Column = ("calls", lambda each: f"{each.calls:,}")
_PYTHON: Column = ("Python ms", lambda each: milliseconds(each.imports_us))
_COSTS: list[Column] = [
    ("load ms", lambda each: milliseconds(each.load_us)),
    ("first inference ms", lambda each: milliseconds(each.first_us)),
    ("peak memory", lambda each: size(each.peak_memory_bytes or 0)),
    _of_model("file", lambda model: size(model.size_bytes)),
]


def _beside_keras(models: Sequence[TimedModel]) -> list[Column]:
    """Return a column of speed-ups over the original with the same batch and threads, if one was timed."""
    originals = [model for model in models if model.runner == "keras"]
    if len({original.path for original in originals}) != 1:
        return []
    bases = {(original.threads, original.batch): original.p50_us for original in originals}

    def cell(model: TimedModel) -> str:
        base, found = bases.get((model.threads, model.batch)), model.p50_us
        if not (base and found):
            return ABSENT
        times = base.value / found.value
        return f"{times:,.0f}x" if times >= 9.95 else f"{times:.1f}x"

    return [_of_model("vs keras", cell)]


def _batch(timed: Sequence[Timed]) -> str:
    batches = sorted({each.batch for each in timed})
    if batches == [1]:
        return "one image"
    return f"{', '.join(map(str, batches))} images"


def _threads(models: Sequence[TimedModel]) -> str:
    threads = sorted({model.threads for model in models})
    return f"{', '.join(map(str, threads))} thread{'s'[: threads != [1]]}"
