"""How long one inference takes, models side by side."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.percentiles import Percentile, percentile
from fmnist_runtime.sessions.session import Session

MIN_SAMPLES = 1000
"""Below this the 99th percentile would rest on fewer than ten samples."""
ROUNDS = 20
"""In how many turns the models share the time of a measurement."""
_WARM_UP_RUNS = 20
_WARM_UP_NS = 200_000_000


@dataclass(frozen=True)
class Latency:
    """Times of single inferences: one image, from raw pixels to probabilities. None was left out."""

    samples_ns: NDArray[np.int64]
    """Every measured time in nanoseconds, in the order of measurement."""

    def interval_us(self, percent: float) -> Percentile | None:
        """A percentile in µs with its 95 % interval; None where there are too few samples for one."""
        return percentile(self.samples_ns / 1000, percent)

    def percentile_us(self, percent: float) -> float:
        """A percentile in µs: the smallest sample that so many percent do not exceed."""
        return float(np.percentile(self.samples_ns, percent, method="inverted_cdf")) / 1000


def measure(
    sessions: Mapping[str, Session],
    images: NDArray[np.uint8],
    samples: int = 2000,
    seed: int = 0,
    on_round: Callable[[], None] = lambda: None,
) -> dict[str, Latency]:
    """Time single-image inference of several models, interleaved.

    In each of 20 rounds every model runs a share of its samples, in an order shuffled anew, so that
    whatever slows the machine for a while slows all of them.

    Args:
        sessions: The models by name; all must take these images.
        images: uint8 ``[N, H, W]``, real images; used in turn.
        samples: How many inferences to time of each model.
        seed: Seed of the order.
        on_round: Called after each of the `ROUNDS` rounds.

    Returns:
        The latencies by name, in the order of the sessions.

    Raises:
        ValueError: There are fewer than `MIN_SAMPLES` samples.
    """
    if samples < MIN_SAMPLES:
        raise ValueError(f"{samples} samples are too few for a 99th percentile; take {MIN_SAMPLES:,} or more")
    singles = [images[i : i + 1] for i in range(min(len(images), samples))]
    times = {name: np.empty(samples, np.int64) for name in sessions}
    for session in sessions.values():
        _warm_up(session, singles)
    shuffle = random.Random(seed)
    names = list(sessions)
    for number in range(ROUNDS):
        shuffle.shuffle(names)
        block = range(samples * number // ROUNDS, samples * (number + 1) // ROUNDS)
        for name in names:
            _time_block(sessions[name], singles, times[name], block)
        on_round()
    return {name: Latency(times[name]) for name in sessions}


def _warm_up(session: Session, singles: list[NDArray[np.uint8]]) -> None:
    """Run until caches, clock and lazy set-up have settled: by number and by time."""
    end = time.perf_counter_ns() + _WARM_UP_NS
    runs = 0
    while runs < _WARM_UP_RUNS or time.perf_counter_ns() < end:
        session.scores(singles[runs % len(singles)])
        runs += 1


def _time_block(
    session: Session, singles: list[NDArray[np.uint8]], times: NDArray[np.int64], block: range
) -> None:
    clock, scores = time.perf_counter_ns, session.scores
    for i in block:
        image = singles[i % len(singles)]
        start = clock()
        scores(image)
        times[i] = clock() - start
