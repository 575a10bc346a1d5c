"""Accuracy, speed and size of models, and which of them nothing beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fmnist_runtime.timing.samples import Percentile


@dataclass(frozen=True)
class TradeOff:
    """What one configuration gives, and what it takes."""

    label: str
    """What it is called in a picture."""
    format: str
    """``keras``, ``tflite``, ``onnx`` or ``npz``."""
    accuracy: float
    """Share of right answers, from 0 to 1."""
    speed: Percentile
    """A time, or images a second, with its interval."""
    size_bytes: int
    """Size of the file."""
    more_is_faster: bool = False
    """Whether the speed is in images a second."""

    @property
    def merits(self) -> tuple[float, float, float]:
        """Accuracy, speed and size as numbers of which more is better."""
        sign = 1 if self.more_is_faster else -1
        return self.accuracy, sign * self.speed.value, -self.size_bytes


def best(points: Sequence[TradeOff]) -> list[bool]:
    """Which are on the Pareto front: nothing is at least as good in all three, and better in one."""
    return [not any(_beats(other.merits, point.merits) for other in points) for point in points]


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine >= theirs for mine, theirs in zip(one, other, strict=True))
