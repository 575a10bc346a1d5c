"""The time that each layer of a dense network takes on NumPy: the clock is read before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable

from fmnist_runtime.engines import open_sound
from fmnist_runtime.engines.dense import Floats
from fmnist_runtime.engines.numpy import NumpySession
from fmnist_runtime.engines.opening import opening_of
from fmnist_runtime.engines.session import ModelInfo, Session
from fmnist_runtime.timing.operators import OperatorRun

CAVEAT = "each layer's figure has the cost of reading the clock in it"
_CLOCK = time.perf_counter_ns


def record(info: ModelInfo, run: Callable[[Session], object]) -> list[OperatorRun]:
    """Load a model once more, and keep the time of each layer while it is run.

    Args:
        info: Of the model.
        run: Runs a session of it.

    Returns:
        Every run of a layer, in order.
    """
    with _TimedSession(info) as session:
        run(session)
        return session.runs


class _TimedSession(NumpySession):
    def __init__(self, info: ModelInfo) -> None:
        self.runs: list[OperatorRun] = []
        super().__init__(open_sound(opening_of(info)))

    def _steps(self, pixels: Floats, outputs: list[Floats]) -> list[Callable[[], object]]:
        steps = super()._steps(pixels, outputs)
        return [
            self._timed(step, layer.name, f"dense {layer.activation}")
            for step, layer in zip(steps, self.layers, strict=True)
        ]

    def _timed(self, step: Callable[[], object], name: str, kind: str) -> Callable[[], object]:
        runs = self.runs

        def timed() -> None:
            start = _CLOCK()
            step()
            runs.append(OperatorRun(name, kind, (_CLOCK() - start) / 1000))

        return timed
