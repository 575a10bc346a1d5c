"""Measure the overhead of timing an inference: the null engine with a clock around each call, and without.

The null engine does everything that the runtime does for an inference, but not the engine's work, which would
hide the overhead. Every round takes the next 1,000 test images in three ways in turn: with a clock around
each call, as `fmnist bench` does (the median counts); in a plain loop, whose time is divided by its calls;
and, for information, with a clock around an empty call. Exits 1 if the limit is broken. Writes
results/harness_cost.json.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from claims import Claim, conclude
from numpy.typing import NDArray
from side_by_side import Measure, Times, in_turn, report
from trained import DATA, TINY

from fmnist_runtime import load
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.timing import time_block

ROUNDS, CALLS = 300, 1000
LIMIT_US = 0.3
TIMED, PLAIN, EMPTY = "null engine, timed", "null engine, plain loop", "nothing, timed"

Images = NDArray[np.uint8]
Call = Callable[[Images], object]


def plain_loop(call: Call, batches: Sequence[Images]) -> float:
    """Return the time of a call in a plain loop, in ns."""
    start = time.perf_counter_ns()
    for batch in batches:
        call(batch)
    return (time.perf_counter_ns() - start) / len(batches)


def measure() -> dict[str, Times]:
    """Time all three ways in turn, on the real test images."""
    images = load_dataset("fashion-mnist", "test", DATA).images
    singles = [images[i : i + 1] for i in range(len(images))]

    def turn(number: int) -> list[Images]:
        start = number * CALLS % len(singles)
        return singles[start : start + CALLS]

    with load(TINY, engine="null") as session:
        ways: dict[str, Measure] = {
            TIMED: lambda number: [statistics.median(time_block(session.scores, turn(number)))],
            PLAIN: lambda number: [plain_loop(session.scores, turn(number))],
            EMPTY: lambda number: [statistics.median(time_block(lambda _image: None, turn(number)))],
        }
        return in_turn(ways, ROUNDS)


def main() -> None:
    """Measure and record; exit 1 if the limit is broken."""
    times = measure()
    rows = [[name, f"{item.percentile(50) / 1000:.3f}"] for name, item in times.items()]
    report(f"One call ({ROUNDS} rounds of {CALLS:,})", ["", "p50 µs"], rows)
    pairs = zip(times[TIMED].by_round, times[PLAIN].by_round, strict=True)
    added_us = statistics.median(timed - plain for timed, plain in pairs) / 1000
    figures = {
        "calls": CALLS,
        "ns": {name: [round(value, 1) for value in item.by_round] for name, item in times.items()},
    }
    conclude("harness_cost", [Claim("overhead of timing an inference", added_us, "µs", LIMIT_US)], figures)


if __name__ == "__main__":
    main()
