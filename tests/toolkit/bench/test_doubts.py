"""What `fmnist bench` says against its figures: each reason once, of whom, and with what figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from support.timings import benchmark

from fmnist.bench.configuration import Configuration
from fmnist.bench.processes import Process
from fmnist.bench.report import benchmark_text
from fmnist.bench.result import ADVICE, timed_record
from fmnist.results.model_file import ModelFile
from fmnist.results.timed import Timed
from fmnist_runtime.machine.state import MachineState
from fmnist_runtime.timing import Samples, Timing, WarmUp


def state(clock_s: float, busy_s: float, own_s: float) -> MachineState:
    return MachineState(0, None, "", None, False, None, busy_s, own_s, clock_s)


def processes_at(name: str, threads: int, levels_us: list[float], busy_elsewhere: float) -> list[Process]:
    """Processes at these levels, each half a second long, while others kept so many cores busy."""
    processes = []
    for level in levels_us:
        times = np.full(10, level * 1000)
        timing = Timing(Samples.of(times.astype(np.int64)), times)
        window = (state(0, 0, 0), state(0.5, 0.5 + 0.5 * busy_elsewhere, 0.5))
        warm_up = WarmUp(10, 0.1, True, level * 1000)
        model = ModelFile(name, "tflite", "int8", 1000, "0" * 64, "engine 1.0", threads, None, "")
        processes.append(Process(model, 1, 1, 1, 3, 1, window, warm_up, timing))
    return processes


def result(name: str, threads: int, levels_us: list[float], busy_elsewhere: float) -> Timed:
    processes = processes_at(name, threads, levels_us, busy_elsewhere)
    return timed_record(Configuration(Path(name), "tflite", threads, 1), processes, name)


def warnings(*results: Timed) -> list[str]:
    text = benchmark_text(benchmark(*results))
    *reasons, advice = text.split("\n\n")[-1].splitlines()[:-1] or [ADVICE]
    assert advice == ADVICE
    return reasons


EVEN = [10.0] * 6


def test_nothing_is_said_of_what_is_stable():
    assert warnings(result("a.tflite", 1, EVEN, 0.01)) == []


def test_a_reason_of_all_is_said_once():
    loads = (0.6, 0.98, 0.7)
    found = warnings(
        *(result(f"{name}.tflite", 1, EVEN, load) for name, load in zip("abc", loads, strict=True))
    )
    assert found == ["all: other programs kept 0.60 to 0.98 cores busy; 0.25 is allowed"]


def test_thousands_are_one_figure():
    before, after = state(0, 0, 0), state(0.5, 0.5, 0.5)
    results = []
    for name, high, low in (("a.npz", 1500.0, 1200.0), ("b.npz", 2400.0, 1100.0)):
        window = (replace(before, frequency_mhz=high), replace(after, frequency_mhz=low))
        slowed = [replace(process, machine=window) for process in processes_at(name, 1, EVEN, 0)]
        results.append(timed_record(Configuration(Path(name), "tflite", 1, 1), slowed, name))
    assert warnings(*results) == [
        "all: the processor fell from 1,500 to 2,400 MHz to 1,100 to 1,200 MHz within a process, "
        "by 20 to 54.2%; 10% is allowed"
    ]


def test_a_reason_of_some_names_them():
    off = [10.0, 10.0, 10.0, 10.0, 10.0, 13.0]
    found = warnings(
        result("a.tflite", 1, EVEN, 0), result("a.tflite", 2, off, 0), result("b.tflite", 1, off, 0.5)
    )
    assert found == [
        "a.tflite 2 threads, b.tflite 1 thread: one process is 30% off the median of all; 5% is allowed",
        "b.tflite 1 thread: other programs kept 0.50 cores busy; 0.25 is allowed",
    ]


def test_what_the_empty_call_is_and_nothing_against_it():
    """So few ticks of the clock are never steady, and no model's figure depends on that."""
    steady, calls = result("a.tflite", 1, EVEN, 0), processes_at("", 1, [0.06, 0.07, 0.08] * 2, 0.9)
    calls = [replace(process, model=None) for process in calls]
    empty = timed_record(Configuration(None, "none", 1, 1), calls, "(harness)")
    text = benchmark_text(benchmark(steady, harness=empty))
    row = next(line for line in text.splitlines() if line.startswith("(harness)"))
    assert row.split()[-1] == "-"
    assert text.split("\n\n")[-1].splitlines() == [
        "(harness): an empty call; so much of each time is the measuring's own",
        "one image at a time, back to back: service time; 6 fresh processes each, 3 s in all; 1 thread",
    ]
