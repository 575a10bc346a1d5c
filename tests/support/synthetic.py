"""An engine of known latency, on a clock that only this engine advances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np

IMAGE = np.zeros((1, 28, 28), np.uint8)


class Synthetic:
    """An engine whose calls take a time in ns from a distribution, at the clock's current time."""

    def __init__(self, latency_ns: Callable[[int], float]) -> None:
        self._latency_ns, self.now_ns, self.calls = latency_ns, 0, 0

    def clock(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def call(self, _images: np.ndarray) -> None:
        self.calls += 1
        self.now_ns += round(self._latency_ns(self.now_ns))


def images(batch: int = 1) -> Iterator[np.ndarray]:
    return cycle([np.repeat(IMAGE, batch, axis=0)])


def drawn(draw: Callable[[np.random.Generator, int], np.ndarray], seed: int = 0) -> Callable[[int], float]:
    """Latencies of a distribution, one a call, whatever the time."""
    values = cycle(draw(np.random.default_rng(seed), 200_000).tolist())
    return lambda now_ns: next(values)
