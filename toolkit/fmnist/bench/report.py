"""What `fmnist bench` says, as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fmnist.bench.doubts import doubts
from fmnist.bench.result import Benchmark, Result
from fmnist.text.tables import (
    ABSENT,
    markdown,
    markdown_text,
    microseconds,
    milliseconds,
    printable,
    size,
    table,
)
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import STABLE

Column = tuple[str, Callable[[Result], str]]
"""A title, and the cell of a result."""
Table = tuple[list[str], list[list[str]], int]
"""Header, rows, and how many columns stand left."""
_EMPTY_CALL = {
    "latency": "an empty call; so much of each time is the measuring's own",
    "periodic": "an empty call; so much of each time is the system's, to wake the process up",
    "throughput": "an empty call; the measuring allows no more than that",
    "cold-start": "a process that opens no model; so much of each time is Python's own",
}
"""What the row means that is of no model."""


def benchmark_text(benchmark: Benchmark) -> str:
    """Figures of all configurations, what each costs, why some are not to be trusted, and how it was done."""
    if not benchmark.results:
        return ""
    lines = [*doubts(benchmark.results), *_empty_call(benchmark), how_measured(benchmark)]
    parts = [*(table(*content) for content in tables(benchmark)), "\n".join(map(printable, lines))]
    return "\n\n".join(parts)


def benchmark_markdown(benchmark: Benchmark) -> str:
    """The same for a pull request, in GitHub's Markdown, with what could not be timed."""
    models = [result for result in benchmark.results if result.model]
    stable = sum(result.trust.verdict == STABLE for result in models)
    failures = dict.fromkeys(f"not timed: {failure.error}" for failure in benchmark.failures)
    remarks = (*failures, *doubts(benchmark.results), *_empty_call(benchmark))
    lines = [f"- {markdown_text(line)}" for line in remarks]
    parts = [
        f"### Bench: {stable} of {len(models)} STABLE",
        *(markdown(*content) for content in tables(benchmark)),
        *(["\n".join(lines)] if lines else []),
        markdown_text(how_measured(benchmark)),
    ]
    return "\n\n".join(parts) + "\n"


def tables(benchmark: Benchmark) -> list[Table]:
    """The figures that the scenario is about, and what each model costs; 120 characters wide, as a rule."""
    results, scenario = benchmark.results, benchmark.method.scenario
    models = [result for result in results if result.model]
    figures = {
        "latency": [*_LATENCY, *_beside_keras(results)],
        "periodic": [*_LATENCY, ("late", _late)],
        "throughput": _THROUGHPUT,
        "cold-start": [*_COLD_START, *_beside_keras(results)],
    }[scenario]
    verdict: Column = ("verdict", lambda result: result.trust.verdict if result.model else ABSENT)
    first = {"throughput": [], "cold-start": [_PYTHON]}.get(scenario, [_CALLS])
    return [
        _table(results, [_MODEL, *_differing(models)], [*figures, verdict]),
        _table(models, [_MODEL, _SCHEME, _ENGINE, *_varied(models)], [*first, *_COSTS]),
    ]


def how_measured(benchmark: Benchmark) -> str:
    """In one line what the figures are of."""
    method, results = benchmark.method, benchmark.results
    what = {
        "latency": f"{_batch(results)} at a time, back to back: service time",
        "periodic": f"{_batch(results)} due at {method.hz:g} Hz: time from when it was due",
        "throughput": f"{_batch(results)} at a time, as many as go",
        "cold-start": f"from the start of a process to its answer to {_batch(results)}",
    }[method.scenario]
    done = max(benchmark.rounds, 1)  # what Ctrl-C in the first round leaves has had a process, too
    processes = f"{done} fresh process{'es'[: 2 * (done != 1)]} each"
    seconds = f", {method.seconds * done / method.processes:g} s in all"
    if method.scenario == "cold-start":
        seconds = ""
    return f"{what}; {processes}{seconds}; {_threads(results)}"


def _empty_call(benchmark: Benchmark) -> list[str]:
    """What the row is that is of no model, where there is one."""
    shown = [result.name for result in benchmark.results if not result.model]
    return [f"{name}: {_EMPTY_CALL[benchmark.method.scenario]}" for name in shown]


def _table(results: Sequence[Result], which: Sequence[Column], columns: Sequence[Column]) -> Table:
    shown = [*which, *columns]
    rows = [[cell(result) for _, cell in shown] for result in results]
    return [title for title, _ in shown], rows, len(which)


def _differing(models: Sequence[Result]) -> list[Column]:
    """What tells configurations of the same file apart, where there are several."""
    runners = {(result.configuration.path, result.configuration.engine) for result in models}
    engines = [_ENGINE] if len(runners) > len({path for path, _ in runners}) else []
    return [*engines, *_varied(models)]


def _varied(models: Sequence[Result]) -> list[Column]:
    """Threads and batches, where there are several."""
    columns: list[Column] = []
    if len({result.configuration.threads for result in models}) > 1:
        columns.append(("threads", lambda result: str(result.configuration.threads)))
    if len({result.configuration.batch for result in models}) > 1:
        columns.append(("batch", lambda result: str(result.configuration.batch)))
    return columns


def _value(percent: float, show: Callable[[float], str] = microseconds) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        found = result.percentile_us(percent)
        return show(found.value) if found else ABSENT

    return cell


def _interval(percent: float, show: Callable[[float], str] = microseconds) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        found = result.percentile_us(percent)
        return f"{show(found.low)} to {show(found.high)}" if found else ABSENT

    return cell


def _longest(result: Result) -> str:
    return ABSENT if result.max_us is None else microseconds(result.max_us)


def _late(result: Result) -> str:
    return f"{result.misses or 0:,} of {result.calls:,}"


def _rate(part: Callable[[Percentile], str]) -> Callable[[Result], str]:
    return lambda result: part(result.images_per_second) if result.images_per_second else ABSENT


_MODEL: Column = ("model", lambda result: result.name)
_SCHEME: Column = ("scheme", lambda result: result.model.scheme if result.model else ABSENT)
_ENGINE: Column = ("engine", lambda result: result.model.engine if result.model else ABSENT)
_LATENCY: list[Column] = [
    ("p50 µs", _value(50)),
    ("95% interval", _interval(50)),
    ("p90", _value(90)),
    ("p99", _value(99)),
    ("95% interval", _interval(99)),
    ("p99.9", _value(99.9)),
    ("max", _longest),
]
_THROUGHPUT: list[Column] = [
    ("images/s", _rate(lambda rate: f"{rate.value:,.0f}")),
    ("between processes", _rate(lambda rate: f"{rate.low:,.0f} to {rate.high:,.0f}")),
]
_COLD_START: list[Column] = [
    ("p50 ms", _value(50, milliseconds)),
    ("95% interval", _interval(50, milliseconds)),
    ("max", lambda result: ABSENT if result.max_us is None else milliseconds(result.max_us)),
]
_CALLS: Column = ("calls", lambda result: f"{result.calls:,}")
_PYTHON: Column = ("Python ms", lambda result: milliseconds(result.imports_us))
_COSTS: list[Column] = [
    ("load ms", lambda result: milliseconds(result.load_us)),
    ("first inference ms", lambda result: milliseconds(result.first_us)),
    ("peak memory", lambda result: size(result.peak_memory_bytes or 0)),
    ("file", lambda result: size(result.model.size_bytes if result.model else 0)),
]


def _beside_keras(results: Sequence[Result]) -> list[Column]:
    """How many times faster than the original, where one was timed with as many images and threads."""
    originals = [result for result in results if result.configuration.engine == "keras"]
    if len({original.configuration.path for original in originals}) != 1:
        return []
    bases = {_load(original): original.percentile_us(50) for original in originals}

    def cell(result: Result) -> str:
        base, found = bases.get(_load(result)), result.percentile_us(50)
        if not (base and found and result.model):
            return ABSENT
        times = base.value / found.value
        return f"{times:,.0f}x" if times >= 9.95 else f"{times:.1f}x"

    return [("vs keras", cell)]


def _load(result: Result) -> tuple[int, int]:
    return result.configuration.threads, result.configuration.batch


def _batch(results: Sequence[Result]) -> str:
    batches = sorted({result.configuration.batch for result in results})
    if batches == [1]:
        return "one image"
    return f"{', '.join(map(str, batches))} images"


def _threads(results: Sequence[Result]) -> str:
    threads = sorted({result.configuration.threads for result in results if result.model})
    return f"{', '.join(map(str, threads))} thread{'s'[: threads != [1]]}"
